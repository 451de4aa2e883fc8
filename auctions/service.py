"""Making, scheduling and ending auctions, and handing on their results.

`open_auction` and `result_of` are for other packages: they join an open transaction. An auction
does not know what asked for it; it keeps the origin it was given and hands it back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import SystemRandom
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from auctions.admission import Admission
from auctions.engine.decide import schedule
from auctions.engine.events import Cancel, Close, Invitation
from auctions.engine.log import published
from auctions.engine.ranking import Place, score
from auctions.engine.replay import replay as fold
from auctions.engine.state import Phase
from auctions.engine.terms import Terms, check_amount, check_terms, in_digits
from auctions.engine.visibility import OWNER
from auctions.entries import event_of
from auctions.intake import Intake
from auctions.ledger import Ledger, announcement, append_entries
from auctions.schemas import (
    AuctionInput,
    AuctionSummary,
    AuctionView,
    InvitationView,
    InvitedLotView,
    LogView,
    LotInput,
    LotView,
    ParticipantView,
    money_view,
    terms_view,
)
from auctions.tables import AuctionRow, LedgerRow, LotRow, ParticipantRow
from auctions.timers import set_first_timer
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.errors import (
    FieldError,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, cursor, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

READ: Final = "auctions:read"
WRITE: Final = "auctions:write"


@dataclass(frozen=True, slots=True)
class Participant:
    """A supplier to invite. Without an alias one is drawn; it must not tell who he is."""

    organization_id: UUID
    opening_amount: Decimal | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What asked for an auction; opaque to auctions. One origin opens one auction."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class AuctionDraft:
    """An auction to open. Equal opening amounts rank in the order of the participants."""

    buyer_id: UUID
    unit_id: UUID
    title: str
    terms: Terms
    participants: tuple[Participant, ...]
    origin: Origin | None = None
    lot_title: str | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A bidder's last standing bid. `opening` is the amount he entered with, if any.

    `bid_id` and `entry_hash` (hexadecimal) are the provenance of the amount.
    """

    rank: int
    organization_id: UUID
    amount: Money
    opening: Money | None
    bid_id: UUID
    entry_hash: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class AuctionResult:
    """What a closed auction ended with, the leader first; `head` is hexadecimal."""

    auction_id: UUID
    lot_id: UUID
    origin: Origin | None
    closed_at: datetime
    head: str
    ranking: tuple[Ranked, ...]


# Making and scheduling


@retries_conflicts
async def create_auction(
    platform: Platform, caller: Caller, key: IdempotencyKey, data: AuctionInput
) -> AuctionView:
    """Make a draft; nobody is invited yet. Raises InvalidInput for what breaks a rule."""
    caller.require(WRITE)
    lot = data.lots[0]
    draft = AuctionDraft(
        buyer_id=caller.organization_id,
        unit_id=caller.unit_id,
        title=data.title,
        terms=lot.terms(data.currency, "/lots/0"),
        participants=_participants(lot),
        lot_title=lot.title,
    )
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, AuctionView)) is not None:
            return earlier
        auction_id = await _insert(tx, draft, "/lots/0")
        tx.record("auction.create", "auction", auction_id, after={"title": data.title})
        return await keep(tx, key, await _owners_view(tx, auction_id))


def _participants(lot: LotInput) -> tuple[Participant, ...]:
    return tuple(
        Participant(
            organization_id=given.organization_id,
            opening_amount=None if given.opening_amount is None else Decimal(given.opening_amount),
            alias=given.alias,
        )
        for given in lot.participants
    )


async def open_auction(tx: Transaction, draft: AuctionDraft) -> UUID:
    """Make and schedule an auction in an open transaction; give its identifier.

    Raises InvalidInput where terms or participants break a rule.
    """
    auction_id = await _insert(tx, draft, "")
    await _schedule(tx, auction_id, await tx.clock())
    return auction_id


async def _insert(tx: Transaction, draft: AuctionDraft, pointer: str) -> UUID:
    terms = check_terms(draft.terms, pointer)
    await _check_suppliers(tx, draft, pointer)
    auction_id, lot_id = new_id(), new_id()
    await tx.execute(
        insert(AuctionRow).values(
            id=auction_id,
            buyer_id=draft.buyer_id,
            unit_id=draft.unit_id,
            title=draft.title,
            currency=terms.currency,
            status="draft",
            origin_kind=None if draft.origin is None else draft.origin.kind,
            origin_id=None if draft.origin is None else draft.origin.id,
        )
    )
    await tx.execute(
        insert(LotRow).values(
            id=lot_id,
            auction_id=auction_id,
            buyer_id=draft.buyer_id,
            place=1,
            title=draft.lot_title or draft.title,
            terms=msgspec.to_builtins(terms),
            phase="draft",
            hash=GENESIS,
            starts_at=terms.starts_at,
            closes_at=terms.ends_at,
        )
    )
    rows = _participant_rows(draft, auction_id, lot_id, pointer)
    await tx.execute(insert(ParticipantRow), rows)
    return auction_id


async def _check_suppliers(tx: Transaction, draft: AuctionDraft, pointer: str) -> None:
    asked = [participant.organization_id for participant in draft.participants]
    rows = await tx.all(
        select(OrganizationRow.id).where(
            OrganizationRow.id.in_(asked), OrganizationRow.supplier, OrganizationRow.active
        )
    )
    known = {row.id for row in rows} - {draft.buyer_id}
    errors = [
        FieldError(
            f"{pointer}/participants/{place}/organization_id",
            "no_supplier",
            "This is no other company that sells here.",
        )
        for place, organization_id in enumerate(asked)
        if organization_id not in known
    ]
    if len(set(asked)) < len(asked):
        detail = "An organization is invited twice."
        errors.append(FieldError(f"{pointer}/participants", "duplicate", detail))
    if errors:
        raise InvalidInput("The list of participants is not right.", errors=errors)


def _participant_rows(
    draft: AuctionDraft, auction_id: UUID, lot_id: UUID, pointer: str
) -> list[dict[str, Any]]:
    taken = {participant.alias for participant in draft.participants}
    if len(taken - {None}) < sum(p.alias is not None for p in draft.participants):
        raise invalid(f"{pointer}/participants", "duplicate", "Two participants have one alias.")
    drawn = iter(draw_aliases(taken))
    rows = []
    for place, participant in enumerate(draft.participants, start=1):
        opening = participant.opening_amount
        if opening is not None:
            at = f"{pointer}/participants/{place - 1}/opening_amount"
            opening = check_amount(opening, draft.terms.currency, at)
            if opening > draft.terms.ceiling:
                detail = "An opening amount must not exceed the ceiling."
                raise invalid(at, "above_ceiling", detail)
        rows.append(
            {
                "lot_id": lot_id,
                "organization_id": participant.organization_id,
                "auction_id": auction_id,
                "buyer_id": draft.buyer_id,
                "place": place,
                "alias": participant.alias or next(drawn),
                "opening_amount": opening,
                "bid_id": new_id(),
            }
        )
    return rows


_FIRST: Final = (
    "Amber Azure Coral Crimson Cyan Emerald Golden Indigo Ivory Jade Lilac Maroon Mint Olive "
    "Orange Pearl Plum Ruby Saffron Scarlet Silver Teal Violet White"
).split()
_SECOND: Final = (
    "Badger Bear Crane Deer Eagle Falcon Finch Fox Hare Heron Ibis Lark Lynx Marten Otter Owl "
    "Raven Robin Seal Stork Swan Tern Wolf Wren"
).split()


def draw_aliases(taken: Sequence[str | None] | set[str | None] = ()) -> list[str]:
    """Give aliases in an order nobody can guess; none tells how many bidders there are."""
    aliases = [f"{a} {b}" for a in _FIRST for b in _SECOND if f"{a} {b}" not in taken]
    SystemRandom().shuffle(aliases)
    return aliases


@retries_conflicts
async def schedule_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int
) -> AuctionView:
    """Open the lot's log and invite the suppliers; terms and participants are final from now on.

    Raises NotFound, StaleVersion, WrongState for what is no draft, InvalidInput if the start has
    passed.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        await _owned(tx, auction_id, version)
        await _schedule(tx, auction_id, await tx.clock())
        tx.record("auction.schedule", "auction", auction_id)
        return await _owners_view(tx, auction_id)


async def _schedule(tx: Transaction, auction_id: UUID, at: datetime) -> None:
    lot = await tx.one(
        select(LotRow.id, LotRow.terms, LotRow.phase)
        .where(LotRow.auction_id == auction_id)
        .with_for_update()
    )
    if lot.phase != "draft":
        raise WrongState("Only a draft can be scheduled.", state=lot.phase)
    terms = msgspec.convert(lot.terms, Terms)
    rows = await _participants_of(tx, [lot.id])
    invitations = [
        Invitation(
            bidder=row.organization_id,
            alias=row.alias,
            bid_id=row.bid_id,
            opening=_in_digits(row.opening_amount, terms.currency),
        )
        for row in rows
    ]
    events = schedule(lot.id, terms, invitations, at)
    state = fold(events)
    async with _acting_as_engine(tx) as connection:
        await append_entries(connection, None, events, state)
    auction = await tx.one(
        update(AuctionRow)
        .where(AuctionRow.id == auction_id)
        .values(status="scheduled", version=AuctionRow.version + 1, updated_at=func.clock())
        .returning(
            AuctionRow.id,
            AuctionRow.buyer_id,
            AuctionRow.version,
            AuctionRow.origin_kind,
            AuctionRow.origin_id,
        )
    )
    tx.emit(announcement("auction.scheduled", auction._mapping, state))  # noqa: SLF001
    await set_first_timer(tx, lot.id, terms.starts_at)


@asynccontextmanager
async def _acting_as_engine(tx: Transaction) -> AsyncIterator[Any]:
    """Work on the ledger inside somebody else's transaction: entries are the engine's alone."""
    connection = await tx.raw()
    role = await connection.fetchval("select current_setting('role')")
    await connection.execute(f"set local role {Role.ENGINE.value}")
    yield connection
    await connection.execute(f"set local role {role}")


# Ending


@retries_conflicts
async def cancel_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int, reason: str
) -> AuctionView:
    """Call an auction off; no standing becomes an award.

    Raises NotFound, StaleVersion, or WrongState for what has ended.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        row = await _owned(tx, auction_id, version)
        if row.status in {"closed", "cancelled"}:
            raise WrongState(f"This auction is {row.status}.", state=row.status)
        if row.status == "draft":
            tx.record("auction.cancel", "auction", auction_id, after={"reason": reason})
            await tx.execute(
                update(LotRow).where(LotRow.auction_id == auction_id).values(phase="cancelled")
            )
            await tx.execute(
                update(AuctionRow)
                .where(AuctionRow.id == auction_id)
                .values(
                    status="cancelled",
                    cancelled_because=reason,
                    version=AuctionRow.version + 1,
                    updated_at=func.clock(),
                )
            )
            return await _owners_view(tx, auction_id)
        # Asked for and not done yet: the ledger decides, and its log tells.
        tx.record("auction.ask_to_cancel", "auction", auction_id, after={"reason": reason})
    card, _ = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    await platform.get(Intake).submit(card.lot_id, Cancel(reason))
    return await _read_owned(platform, caller, auction_id)


async def close_auction(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionView:
    """Close an auction whose time is up, without waiting for a worker.

    Raises NotFound, NotPermitted for a bidder, WrongState while its clock runs or once it ended.
    """
    caller.require(WRITE)
    card, viewer = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    if viewer != OWNER:
        raise NotPermitted("Only the buyer ends an auction.")
    await platform.get(Intake).submit(card.lot_id, Close())
    return await _read_owned(platform, caller, auction_id)


async def _read_owned(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionView:
    async with transaction(platform, caller) as tx:
        return await _owners_view(tx, auction_id)


async def _owned(tx: Transaction, auction_id: UUID, version: int) -> Row[Any]:
    """Lock an auction of the caller's company in the version he names."""
    row = await tx.maybe(
        select(AuctionRow.buyer_id, AuctionRow.status, AuctionRow.version)
        .where(AuctionRow.id == auction_id)
        .with_for_update()
    )
    if row is None:
        # A bidder sees the auction and cannot lock it.
        if await tx.scalar(select(AuctionRow.id).where(AuctionRow.id == auction_id)):
            raise NotPermitted("Only the buyer changes an auction.")
        raise _unknown()
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    return row


# Reading


async def read_auction(
    platform: Platform, caller: Caller, auction_id: UUID
) -> AuctionView | InvitationView:
    """Read an auction, as its buyer or as one of its bidders; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        buyer_id = await tx.scalar(select(AuctionRow.buyer_id).where(AuctionRow.id == auction_id))
        if buyer_id is None:
            raise _unknown()
        if buyer_id == caller.organization_id:
            return await _owners_view(tx, auction_id)
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
    AuctionRow.version,
    AuctionRow.created_at,
)


async def _lots(tx: Transaction, auction_id: UUID) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            LotRow.id, LotRow.title, LotRow.phase, LotRow.terms, LotRow.closes_at, LotRow.extensions
        )
        .where(LotRow.auction_id == auction_id)
        .order_by(LotRow.place)
    )


async def _participants_of(tx: Transaction, lot_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            ParticipantRow.lot_id,
            ParticipantRow.organization_id,
            ParticipantRow.alias,
            ParticipantRow.opening_amount,
            ParticipantRow.bid_id,
        )
        .where(ParticipantRow.lot_id.in_(lot_ids))
        .order_by(ParticipantRow.lot_id, ParticipantRow.place)
    )


async def _owners_view(tx: Transaction, auction_id: UUID) -> AuctionView:
    auction = await tx.one(select(*_AUCTION).where(AuctionRow.id == auction_id))
    lots = await _lots(tx, auction_id)
    participants = await _participants_of(tx, [lot.id for lot in lots])
    views = []
    for lot in lots:
        terms = msgspec.convert(lot.terms, Terms)
        views.append(
            LotView(
                id=lot.id,
                title=lot.title,
                phase=lot.phase,
                terms=terms_view(terms),
                closes_at=lot.closes_at,
                extensions=lot.extensions,
                buyer_sees_identities=terms.buyer_sees_identities,
                participants=[
                    ParticipantView(
                        organization_id=row.organization_id,
                        alias=row.alias,
                        opening_amount=_money_view(row.opening_amount, terms.currency),
                    )
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
        lots=views,
        created_at=auction.created_at,
        version=auction.version,
    )


async def _bidders_view(tx: Transaction, auction_id: UUID) -> InvitationView:
    """Show an auction to a bidder: row-level security leaves him his own lots and his own row."""
    auction = await tx.one(select(*_AUCTION).where(AuctionRow.id == auction_id))
    lots = await _lots(tx, auction_id)
    own = {row.lot_id: row for row in await _participants_of(tx, [lot.id for lot in lots])}
    views = []
    for lot in lots:
        terms = msgspec.convert(lot.terms, Terms)
        views.append(
            InvitedLotView(
                id=lot.id,
                title=lot.title,
                phase=lot.phase,
                terms=terms_view(terms),
                closes_at=lot.closes_at,
                extensions=lot.extensions,
                alias=own[lot.id].alias,
                opening_amount=_money_view(own[lot.id].opening_amount, terms.currency),
            )
        )
    return InvitationView(
        id=auction.id,
        title=auction.title,
        currency=auction.currency,
        buyer_id=auction.buyer_id,
        status=auction.status,
        cancelled_because=auction.cancelled_because,
        lots=views,
        version=auction.version,
    )


async def read_log(
    platform: Platform, caller: Caller, auction_id: UUID, request: PageRequest
) -> LogView:
    """Read the published log, opened as far as the reader may see.

    Raises NotFound, Unavailable, or WrongState before the auction has ended: a number or a hash of
    a running auction would tell what bidders must not know.
    """
    caller.require(READ)
    card, viewer = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    ledger = platform.get(Ledger)
    head = await ledger.read(card.lot_id)
    state = head.state
    if state.phase not in {Phase.CLOSED, Phase.CANCELLED}:
        detail = "The log is published once the auction has ended."
        raise WrongState(detail, state=state.phase.value)
    rows = await ledger.entries(card.lot_id, request.key(int) or 0, request.fetch)
    shown = rows[: request.limit]
    return LogView(
        lot_id=card.lot_id,
        entries=state.seq,
        head=head.hash.hex(),
        items=[
            published(event_of(r, card.currency), r["salt"], r["hash"], state.terms, viewer)
            for r in shown
        ],
        next=cursor(shown[-1]["seq"]) if len(rows) > request.limit else None,
    )


# Results


async def result_of(tx: Transaction, auction_id: UUID) -> AuctionResult:
    """Give what an auction ended with, to the transaction of its buyer or of the engine.

    Raises NotFound, or WrongState while it has not closed.
    """
    auction = await tx.maybe(
        select(
            AuctionRow.buyer_id,
            AuctionRow.currency,
            AuctionRow.status,
            AuctionRow.origin_kind,
            AuctionRow.origin_id,
        ).where(AuctionRow.id == auction_id)
    )
    if auction is None or (tx.caller and tx.caller.organization_id != auction.buyer_id):
        raise _unknown()
    if auction.status != "closed":
        raise WrongState("An auction has a result once it closed.", state=auction.status)
    lot = await tx.one(
        select(LotRow.id, LotRow.terms, LotRow.hash, LotRow.closes_at).where(
            LotRow.auction_id == auction_id
        )
    )
    async with _acting_as_engine(tx):
        rows = await tx.all(_last_bids(lot.id))
        openings = {
            row.organization_id: row.opening_amount for row in await _participants_of(tx, [lot.id])
        }
    origin = None
    if auction.origin_id is not None:
        origin = Origin(auction.origin_kind, auction.origin_id)
    return AuctionResult(
        auction_id=auction_id,
        lot_id=lot.id,
        origin=origin,
        closed_at=lot.closes_at,
        head=lot.hash.hex(),
        ranking=_ranking(rows, openings, msgspec.convert(lot.terms, Terms)),
    )


def _last_bids(lot_id: UUID) -> Any:
    return (
        select(
            LedgerRow.bidder_id,
            LedgerRow.seq,
            LedgerRow.amount,
            LedgerRow.bid_id,
            LedgerRow.hash,
            LedgerRow.at,
        )
        .where(
            LedgerRow.lot_id == lot_id,
            LedgerRow.kind.in_(("admitted", "bid_accepted")),
            LedgerRow.amount.is_not(None),
        )
        .ext(distinct_on(LedgerRow.bidder_id))
        .order_by(LedgerRow.bidder_id, LedgerRow.seq.desc())
    )


def _ranking(
    rows: Sequence[Row[Any]], openings: dict[UUID, Decimal | None], terms: Terms
) -> tuple[Ranked, ...]:
    by_bid, currency = {row.bid_id: row for row in rows}, terms.currency
    places = sorted(
        Place(score(terms, row.amount), row.seq, row.bidder_id, row.amount, row.bid_id)
        for row in rows
    )
    return tuple(
        Ranked(
            rank=rank,
            organization_id=place.bidder,
            amount=Money(in_digits(place.amount, currency), currency),
            opening=_money(openings.get(place.bidder), currency),
            bid_id=place.bid_id,
            entry_hash=by_bid[place.bid_id].hash.hex(),
            decided_at=by_bid[place.bid_id].at,
        )
        for rank, place in enumerate(places, start=1)
    )


def _in_digits(amount: Decimal | None, currency: str) -> Decimal | None:
    return None if amount is None else in_digits(amount, currency)


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(in_digits(amount, currency), currency)


def _money_view(amount: Decimal | None, currency: str) -> Any:
    return None if amount is None else money_view(in_digits(amount, currency), currency)


def _unknown() -> NotFound:
    return NotFound("There is no such auction.")
