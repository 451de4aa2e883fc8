"""Reading auctions: as the buyer, as one who may bid, and the published log."""

from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, select

from auctions.admission import Admission
from auctions.drafts import invitation_of, lots_of, participants_of, terms_of, unknown_auction
from auctions.engine.events import Invitation
from auctions.engine.log import AUDITOR, PUBLIC, Reader, published
from auctions.engine.state import Phase
from auctions.engine.terms import Terms, in_digits
from auctions.engine.visibility import OWNER, Viewer
from auctions.entries import event_of
from auctions.ledger import Ledger
from auctions.lot_order import LotOrder
from auctions.schemas import (
    AuctionSummary,
    AuctionView,
    InvitationView,
    InvitedLotView,
    LogView,
    LotView,
    ParticipantView,
)
from auctions.tables import AuctionRow
from auctions.terms_schemas import adjustment_view, money_view, terms_view
from marketplace.kernel.errors import (
    NotPermitted,
    WrongState,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, cursor, page

READ: Final = "auctions:read"
AUDIT: Final = "auctions:audit"


async def read_auction(
    platform: Platform, caller: Caller, auction_id: UUID
) -> AuctionView | InvitationView:
    """Read an auction, as its buyer or as one of its bidders; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        buyer_id = await tx.scalar(select(AuctionRow.buyer_id).where(AuctionRow.id == auction_id))
        if buyer_id is None:
            raise unknown_auction()
        if buyer_id == caller.organization_id:
            return await owners_view(tx, auction_id)
        return await _bidders_view(tx, auction_id)


async def list_auctions(
    platform: Platform, caller: Caller, request: PageRequest
) -> Page[AuctionSummary]:
    """List the auctions the company buys or may bid in, the newest first."""
    caller.require(READ)
    statement = (
        select(
            AuctionRow.id,
            AuctionRow.title,
            AuctionRow.currency,
            AuctionRow.buyer_id,
            AuctionRow.status,
            AuctionRow.version,
        )
        .order_by(AuctionRow.id.desc())
        .limit(request.fetch)
    )
    after = request.key(UUID)
    if after is not None:
        statement = statement.where(AuctionRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(request, [AuctionSummary(**row._mapping) for row in rows], lambda item: item.id)  # noqa: SLF001


_AUCTION: Final = (
    AuctionRow.id,
    AuctionRow.buyer_id,
    AuctionRow.title,
    AuctionRow.currency,
    AuctionRow.status,
    AuctionRow.cancelled_because,
    AuctionRow.lot_order,
    AuctionRow.lot_interval_s,
    AuctionRow.version,
    AuctionRow.created_at,
)


async def owners_view(tx: Transaction, auction_id: UUID) -> AuctionView:
    """Show an auction to its buyer."""
    auction = await tx.one(select(*_AUCTION).where(AuctionRow.id == auction_id))
    lots = await lots_of(tx, auction_id)
    participants = await participants_of(tx, [lot.id for lot in lots])
    views = []
    for lot in lots:
        terms = terms_of(lot)
        named = terms.buyer_sees_identities or lot.phase == Phase.CLOSED.value
        views.append(
            LotView(
                id=lot.id,
                title=lot.title,
                phase=lot.phase,
                terms=terms_view(terms),
                starts_at=lot.starts_at,
                closes_at=lot.closes_at,
                extensions=lot.extensions,
                buyer_sees_identities=terms.buyer_sees_identities,
                reserve=_money_view(terms.reserve, terms.currency),
                participants=[
                    _participant_view(invitation_of(row, terms), terms, named=named)
                    for row in participants
                    if row.lot_id == lot.id
                ],
            )
        )
    return AuctionView(
        id=auction.id,
        title=auction.title,
        currency=auction.currency,
        status=auction.status,
        cancelled_because=auction.cancelled_because,
        lot_order=LotOrder(auction.lot_order),
        lot_interval=_interval(auction),
        lots=views,
        created_at=auction.created_at,
        version=auction.version,
    )


def _participant_view(invitation: Invitation, terms: Terms, *, named: bool) -> ParticipantView:
    currency = invitation.currency or terms.currency
    return ParticipantView(
        organization_id=invitation.bidder,
        alias=invitation.alias if named else UNSET,
        opening_amount=_money_view(invitation.opening, currency),
        currency=currency,
        adjustment=adjustment_view(invitation.adjustment),
    )


async def _bidders_view(tx: Transaction, auction_id: UUID) -> InvitationView:
    """Show an auction to a bidder: row-level security leaves him his own lots and his own row."""
    auction = await tx.one(select(*_AUCTION).where(AuctionRow.id == auction_id))
    lots = await lots_of(tx, auction_id)
    own = {row.lot_id: row for row in await participants_of(tx, [lot.id for lot in lots])}
    views = []
    for lot in lots:
        terms = terms_of(lot)
        views.append(
            InvitedLotView(
                id=lot.id,
                title=lot.title,
                phase=lot.phase,
                terms=terms_view(terms),
                starts_at=lot.starts_at,
                closes_at=lot.closes_at,
                extensions=lot.extensions,
                alias=own[lot.id].alias,
                currency=own[lot.id].currency or terms.currency,
                opening_amount=_money_view(
                    own[lot.id].opening_amount, own[lot.id].currency or terms.currency
                ),
            )
        )
    return InvitationView(
        id=auction.id,
        title=auction.title,
        currency=auction.currency,
        buyer_id=auction.buyer_id,
        status=auction.status,
        cancelled_because=auction.cancelled_because,
        lot_order=LotOrder(auction.lot_order),
        lot_interval=_interval(auction),
        lots=views,
        version=auction.version,
    )


class LogCopy(Enum):
    """For whom a copy of the log is opened."""

    OWN = "own"
    """For the reader's company, as buyer or bidder."""
    PUBLIC = "public"
    """For whoever is shown it: what all bidders' copies open of each other."""
    AUDITOR = "auditor"
    """For who checks it for the buyer or runs the marketplace: all of it."""


async def read_log(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    request: PageRequest,
    copy: LogCopy = LogCopy.OWN,
    lot_id: UUID | None = None,
) -> LogView:
    """Read the published log of a lot, opened as far as the copy's reader may see.

    Raises NotFound, NotPermitted for a copy that is not the caller's, Unavailable, or WrongState
    before the lot has ended: a number or a hash of a running lot would tell what bidders must not
    know.
    """
    caller.require(READ)
    company = caller.organization_id
    card, viewer = await platform.get(Admission).viewers_card(auction_id, company, lot_id)
    reader = _reader(caller, viewer, copy)
    ledger = platform.get(Ledger)
    head = await ledger.read(card.lot_id)
    state = head.state
    if state.phase not in {Phase.CLOSED, Phase.CANCELLED}:
        detail = "The log is published once the lot has ended."
        raise WrongState(detail, state=state.phase.value)
    rows = await ledger.entries(card.lot_id, request.key(int) or 0, request.fetch)
    shown = rows[: request.limit]
    return LogView(
        lot_id=card.lot_id,
        entries=state.seq,
        head=head.hash.hex(),
        items=[
            published(event_of(r, card.currency), r["salt"], r["hash"], state.terms, reader)
            for r in shown
        ],
        next=cursor(shown[-1]["seq"]) if len(rows) > request.limit else None,
    )


def _reader(caller: Caller, viewer: Viewer, copy: LogCopy) -> Reader:
    if copy is LogCopy.PUBLIC:
        return PUBLIC
    if copy is LogCopy.AUDITOR:
        caller.require(AUDIT)
        if viewer != OWNER:
            raise NotPermitted("The auditor's copy is for the auditors of the buyer.")
        return AUDITOR
    return viewer


def _interval(auction: Row[Any]) -> timedelta | None:
    seconds: int | None = auction.lot_interval_s
    return None if seconds is None else timedelta(seconds=seconds)


def _money_view(amount: Decimal | None, currency: str) -> Any:
    return None if amount is None else money_view(in_digits(amount, currency), currency)
