"""Bidding and watching: the paths that are hot while an auction runs.

A bid costs no statement of its own: who may bid is known after the first one, and the ledger takes
bids in batches.
"""

from decimal import Decimal
from typing import Final
from uuid import UUID

from auctions.admission import Admission, Card
from auctions.clock import ShownClock
from auctions.engine.events import BidAccepted, BidRefused, Event, PlaceBid, Rejection
from auctions.engine.terms import Disclosure, check_amount, in_digits
from auctions.engine.visibility import explain, view
from auctions.entries import ENTRY_COLUMNS, event_of
from auctions.intake import Intake
from auctions.live.hub import Hub
from auctions.schemas import BidInput, BidView, RefusalView, SnapshotView
from auctions.terms_schemas import money_view
from marketplace.kernel.errors import (
    MarketplaceError,
    NotFound,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import fast_read
from marketplace.platform.http.access import (
    bad_idempotency_key,
    is_idempotency_key,
    no_idempotency_key,
)

READ: Final = "auctions:read"
BID: Final = "bids:write"


async def place_bid(
    platform: Platform, caller: Caller, auction_id: UUID, client_bid_id: str | None, data: BidInput
) -> BidView:
    """Bid; give the standing bid once it is committed.

    The same key with the same amount gets the same answer. Raises NotFound for who is not invited,
    InvalidInput for an amount that is not acceptable, WrongState before the start and from the
    close on, KeyReused, TooManyRequests, and Unavailable: then the same key is safe.
    """
    caller.require(BID)
    if client_bid_id is None:
        raise no_idempotency_key()
    if not is_idempotency_key(client_bid_id):
        raise bad_idempotency_key()
    bidder = caller.organization_id
    card = await platform.get(Admission).bidders_card(auction_id, bidder)
    currency = card.currency_of(bidder)
    if data.amount.currency != currency:
        detail = f"Your bids on this lot are in {currency}."
        raise invalid("/amount/currency", "wrong_currency", detail)
    amount = check_amount(Decimal(data.amount.amount), currency, "/amount/amount")
    event = await platform.get(Intake).submit(
        card.lot_id,
        PlaceBid(bid_id=new_id(), bidder=bidder, client_bid_id=client_bid_id, amount=amount),
    )
    if isinstance(event, BidRefused):
        raise _refusal(event, currency)
    return _bid_view(event, card, bidder)


async def find_bid(
    platform: Platform, caller: Caller, auction_id: UUID, client_bid_id: str
) -> BidView:
    """Say what became of a bid the caller's company sent under this key; raises NotFound."""
    caller.require(BID)
    card = await platform.get(Admission).bidders_card(auction_id, caller.organization_id)
    async with fast_read(platform, caller) as connection:
        row = await connection.fetchrow(_BY_KEY, card.lot_id, caller.organization_id, client_bid_id)
    if row is None:
        raise NotFound("No bid of yours with this key was decided.")
    return _bid_view(event_of(row, card.currency), card, caller.organization_id)


_BY_KEY: Final = f"""
select {ENTRY_COLUMNS} from auction_ledger e
where e.lot_id = $1 and e.bidder_id = $2 and e.client_bid_id = $3
"""  # noqa: S608 - constants of our own


def _bid_view(event: Event, card: Card, bidder: UUID) -> BidView:
    if not isinstance(event, BidAccepted | BidRefused):
        raise NotFound("No bid of yours with this key was decided.")
    currency = card.currency_of(bidder)
    accepted = isinstance(event, BidAccepted)
    shown = BidView(
        id=event.bid_id,
        client_bid_id=event.client_bid_id or "",
        outcome="accepted" if accepted else "refused",
        amount=money_view(in_digits(event.amount, currency), currency),
        decided_at=event.at,
    )
    if isinstance(event, BidRefused):
        shown.refusal = RefusalView(code=event.code.value, detail=_refusal(event, currency).detail)
        if event.bound is not None:
            shown.refusal.bound = money_view(in_digits(event.bound, currency), currency)
    elif card.terms.disclosure is not Disclosure.OWN_ONLY:
        shown.rank = event.rank
    return shown


def _refusal(event: BidRefused, currency: str) -> MarketplaceError:
    bound = None if event.bound is None else in_digits(event.bound, currency)
    return explain(Rejection(code=event.code, bound=bound), currency)


async def read_standing(
    platform: Platform, caller: Caller, auction_id: UUID, after: int | None = None
) -> SnapshotView:
    """Say where the lot stands, as the caller may see it; from the board, without Postgres.

    `after` is the number he saw last: he gets nothing older.
    """
    caller.require(READ)
    card, viewer = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    head = await platform.get(Hub).standing(card.lot_id, viewer, after)
    server_at = await platform.get(ShownClock).now()
    return SnapshotView(server_at=server_at, standing=view(head.state, viewer))
