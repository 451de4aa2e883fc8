"""An auction with real companies, for the tests of services and HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from auctions.admission import Admission
from auctions.drafts import AuctionDraft, LotDraft, Origin, Participant
from auctions.engine.terms import Decrement, Measure, Step, Terms
from auctions.service import open_auction
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from tests.support.world import Company, World

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Hall:
    """A scheduled auction, its buyer and its suppliers."""

    auction_id: UUID
    lot_id: UUID
    buyer: Company
    suppliers: list[Company]
    lot_ids: tuple[UUID, ...] = ()


def money(amount: str) -> dict[str, Any]:
    return {"amount": {"amount": amount, "currency": "EUR"}}


async def open_hall(
    platform: Platform,
    world: World,
    *,
    suppliers: int = 3,
    starts_in: timedelta = timedelta(0),
    lasts: timedelta = 10 * MINUTE,
    openings: tuple[str | None, ...] = (),
    origin: Origin | None = None,
    of: Hall | None = None,
    lots: Sequence[Mapping[str, Any]] = ({},),
    **changes: Any,
) -> Hall:
    """Open an auction that starts now unless told otherwise, with the companies `of` another.

    `lots` are the changes of each lot.
    """
    buyer = of.buyer if of else await world.buyer("Buyer")
    sellers = (
        of.suppliers if of else [await world.supplier(f"Supplier {n}") for n in range(suppliers)]
    )
    entries = (*openings, *(None,) * (len(sellers) - len(openings)))
    async with transaction(platform, buyer.caller) as tx:
        now = await tx.clock()
        values: dict[str, Any] = {
            "currency": "EUR",
            "ceiling": Decimal("1000.00"),
            "decrement": Decrement(Step(Measure.ABSOLUTE, Decimal("1.00"))),
            "starts_at": now + starts_in,
            "ends_at": now + starts_in + lasts,
        }
        draft = AuctionDraft(
            buyer_id=buyer.id,
            unit_id=buyer.id,
            title="Copper cable",
            lots=tuple(
                LotDraft(
                    title="Copper cable" if place == 1 else f"Lot {place}",
                    terms=Terms(**(values | changes | lot)),
                    participants=tuple(
                        Participant(seller.id, None if entry is None else Decimal(entry))
                        for seller, entry in zip(sellers, entries, strict=True)
                    ),
                )
                for place, lot in enumerate(lots, start=1)
            ),
            origin=origin,
        )
        auction_id = await open_auction(tx, draft)
    cards, _ = await platform.get(Admission).viewers_cards(auction_id, buyer.id)
    lot_ids = tuple(card.lot_id for card in cards)
    return Hall(auction_id, lot_ids[0], buyer, sellers, lot_ids)


def fresh() -> str:
    return str(new_id())
