"""Bidding and watching: the paths that are hot while an auction runs.

A bid costs no statement of its own: who may bid is known after the first one, and the ledger takes
bids in batches.
"""

from decimal import Decimal
from typing import Final
from uuid import UUID

from auctions.admission import LOT_IN_BODY, Admission, Card
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
from marketplace.platform.http.schemas import MoneyInput

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
    key = client_bid_id_of(client_bid_id)
    bidder = caller.organization_id
    card = await platform.get(Admission).bidders_card(
        auction_id, bidder, data.lot_id, pointer=LOT_IN_BODY
    )
    currency = check_currency(card, bidder, data.amount)
    amount = check_amount(Decimal(data.amount.amount), currency, "/amount/amount")
    event = await platform.get(Intake).submit(
        card.lot_id,
        PlaceBid(bid_id=new_id(), bidder=bidder, client_bid_id=key, amount=amount),
    )
    if isinstance(event, BidRefused):
        raise refusal(event, currency)
    return bid_view(event, card, bidder)


def client_bid_id_of(key: str | None) -> str:
    """Give the name of a bid, or raise what a missing or an odd Idempotency-Key deserves."""
    if key is None:
        raise no_idempotency_key()
    if not is_idempotency_key(key):
        raise bad_idempotency_key()
    return key


def check_currency(card: Card, bidder: UUID, amount: MoneyInput) -> str:
    """Give the currency a bidder bids in; raises InvalidInput for an amount in another."""
    currency = card.currency_of(bidder)
    if amount.currency != currency:
        detail = f"Bids of this company on this lot are in {currency}."
        raise invalid("/amount/currency", "wrong_currency", detail)
    return currency


async def find_bid(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    client_bid_id: str,
    lot_id: UUID | None = None,
) -> BidView:
    """Say what became of a bid the caller's company sent under this key; raises NotFound."""
    caller.require(BID)
    card = await platform.get(Admission).bidders_card(auction_id, caller.organization_id, lot_id)
    async with fast_read(platform, caller) as connection:
        row = await connection.fetchrow(_BY_KEY, card.lot_id, caller.organization_id, client_bid_id)
    if row is None:
        raise NotFound("No bid of yours with this key was decided.")
    return bid_view(event_of(row, card.currency), card, caller.organization_id)


_BY_KEY: Final = f"""
select {ENTRY_COLUMNS} from auction_ledger e
where e.lot_id = $1 and e.bidder_id = $2 and e.client_bid_id = $3
"""  # noqa: S608 - constants of our own


def bid_view(event: Event, card: Card, bidder: UUID) -> BidView:
    """Show what became of a bid to who made it, or entered it for its bidder."""
    if not isinstance(event, BidAccepted | BidRefused):
        raise NotFound("No bid of yours with this key was decided.")
    currency = card.currency_of(bidder)
    accepted = isinstance(event, BidAccepted)
    shown = BidView(
        id=event.bid_id,
        lot_id=card.lot_id,
        client_bid_id=event.client_bid_id or "",
        outcome="accepted" if accepted else "refused",
        amount=money_view(in_digits(event.amount, currency), currency),
        decided_at=event.at,
    )
    if event.surrogate is not None:
        shown.entered_by_buyer = True
    if isinstance(event, BidRefused):
        shown.refusal = refusal_view(event, currency)
    elif card.terms.disclosure is not Disclosure.OWN_ONLY:
        shown.rank = event.rank
    return shown


def refusal_view(event: BidRefused, currency: str) -> RefusalView:
    """Show why a bid was refused."""
    shown = RefusalView(code=event.code.value, detail=refusal(event, currency).detail)
    if event.bound is not None:
        shown.bound = money_view(in_digits(event.bound, currency), currency)
    return shown


def refusal(event: BidRefused, currency: str) -> MarketplaceError:
    """Give the error of a refused bid."""
    bound = None if event.bound is None else in_digits(event.bound, currency)
    return explain(Rejection(code=event.code, bound=bound), currency)


async def read_standing(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    after: int | None = None,
    lot_id: UUID | None = None,
) -> SnapshotView:
    """Say where a lot stands, as the caller may see it; from the board, without Postgres.

    `after` is the number he saw last: he gets nothing older.
    """
    caller.require(READ)
    company = caller.organization_id
    card, viewer = await platform.get(Admission).viewers_card(auction_id, company, lot_id)
    head = await platform.get(Hub).standing(card.lot_id, viewer, after)
    server_at = await platform.get(ShownClock).now()
    standing = view(head.state, viewer)
    return SnapshotView(lot_id=card.lot_id, server_at=server_at, standing=standing)
