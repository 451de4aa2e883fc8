"""Lots for measurements of auctions: opened and filled without HTTP."""

import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import cycle, islice
from typing import Any, Final
from uuid import UUID

from auctions.admission import Admission
from auctions.drafts import AuctionDraft, LotDraft, Participant
from auctions.engine.events import PlaceBid
from auctions.engine.terms import Decrement, Measure, Step, Terms
from auctions.ledger import Ledger
from auctions.service import open_auction
from benchmarks.parties import Party, each
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.access import Authenticator, Credentials

CENT: Final = Decimal("0.01")
CEILING: Final = Decimal("1000000.00")
FILLED_AT_ONCE: Final = 40
"""Lots filled by one transaction, a few bids each."""


@dataclass(slots=True)
class Lot:
    """A lot that is bid on, and what each seller bids next."""

    auction_id: UUID
    lot_id: UUID
    next_amount: dict[UUID, Decimal] = field(default_factory=dict)

    def bid(self, seller: UUID) -> Decimal:
        """Give an amount lower than all the seller bid before."""
        amount = self.next_amount.get(seller, CEILING) - CENT
        self.next_amount[seller] = amount
        return amount


async def caller_of(platform: Platform, party: Party) -> Caller:
    """Give the caller a party's key makes."""
    credentials = Credentials(
        bearer=party.key,
        session=None,
        unit_id=None,
        address="",
        request_id="",
        origin=None,
        safe_method=False,
    )
    authenticator: Authenticator = platform.get(Authenticator)  # type: ignore[type-abstract]
    return await authenticator.caller_of(credentials)


async def open_lots(
    platform: Platform, buyer: Caller, sellers: Sequence[Party], count: int, **changes: Any
) -> list[Lot]:
    """Open so many auctions of one buyer to the same sellers, for hours unless told otherwise."""

    async def one(_number: int) -> Lot:
        async with transaction(platform, buyer) as tx:
            now = await tx.clock()
            values: dict[str, Any] = {
                "currency": "EUR",
                "ceiling": CEILING,
                "decrement": Decrement(Step(Measure.ABSOLUTE, CENT)),
                "starting_gate": False,
                "starts_at": now,
                "ends_at": now + timedelta(hours=6),
            }
            draft = AuctionDraft(
                buyer_id=buyer.organization_id,
                unit_id=buyer.organization_id,
                title="Steel",
                lots=(
                    LotDraft(
                        title="Steel",
                        terms=Terms(**(values | changes)),
                        participants=tuple(Participant(seller.id) for seller in sellers),
                    ),
                ),
            )
            auction_id = await open_auction(tx, draft)
        card, _ = await platform.get(Admission).viewers_card(auction_id, buyer.organization_id)
        return Lot(auction_id, card.lot_id)

    return await each(one, range(count), at_once=4)


async def fill(
    platform: Platform, lots: Sequence[Lot], sellers: Sequence[Party], bids: int
) -> None:
    """Have so many bids in each lot, by the ledger itself: some lots at once, a few bids each.

    So the last batches of logs end where they happen to, as they do in use.
    """
    ledger, dice = platform.get(Ledger), random.Random(1)  # noqa: S311 - any numbers will do

    async def some(group: Sequence[Lot]) -> None:
        waiting = {lot.lot_id: _bids(lot, sellers, bids) for lot in group}
        while batch := _next_few(waiting, dice):
            settled = await ledger.settle_together(batch, lambda _bidder: True)
            for lot_id in batch.keys() - settled.keys():  # those that start
                await ledger.settle(
                    lot_id, partial(batch.__getitem__, lot_id), lambda _bidder: True
                )

    groups = [lots[i : i + FILLED_AT_ONCE] for i in range(0, len(lots), FILLED_AT_ONCE)]
    await each(some, groups, at_once=2)


def _next_few(
    waiting: Mapping[UUID, Iterator[PlaceBid]], dice: random.Random
) -> dict[UUID, list[PlaceBid]]:
    few = {lot_id: list(islice(bids, dice.randint(3, 8))) for lot_id, bids in waiting.items()}
    return {lot_id: bids for lot_id, bids in few.items() if bids}


def _bids(lot: Lot, sellers: Sequence[Party], count: int) -> Iterator[PlaceBid]:
    for seller in islice(cycle(sellers), count):
        yield PlaceBid(
            bid_id=new_id(),
            bidder=seller.id,
            client_bid_id=secrets.token_hex(8),
            amount=lot.bid(seller.id),
        )
