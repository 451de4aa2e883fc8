"""Negotiate a lot with one bidder: begin, offer, accept, end; and the expiry, by the clock.

Lock order: the procedure's bids (shared; an award takes them alone), then the negotiation's row,
whose version decides between two hands at once. The clock is read after the first.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, exists, func, insert, or_, select, update

from marketplace.kernel.errors import Conflict, NotFound, StaleVersion, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.timers import set_timer
from rfq.bids.receiving import bids_lock, hold_own
from rfq.evaluation.offers import evaluate
from rfq.evaluation.rankings import rank_lot
from rfq.negotiation.documents import lines_document, offer_hash, read_lines
from rfq.negotiation.schemas import (
    NegotiationEndInput,
    NegotiationInput,
    NegotiationOfferInput,
    NegotiationSummary,
    NegotiationView,
)
from rfq.negotiation.tables import NegotiationOfferRow, NegotiationRow
from rfq.negotiation.views import negotiation_view, summary
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.evaluation import PricedLine
from rfq.rules.negotiation import (
    OFFERING,
    OPEN,
    Negotiation,
    NegotiationAction,
    NegotiationStatus,
    OfferedLine,
    Side,
    check_answer_by,
    check_beginning,
    check_offer,
    check_rounds,
    has_expired,
    moved,
    priced_lines,
    total_of,
)
from rfq.rules.procedure import check_bids_readable, check_words

EXPIRY_TIMER: Final = "rfq.negotiation"
NONE: Final = "There is no such negotiation of your company."
COLUMNS: Final = (
    NegotiationRow.id,
    NegotiationRow.version,
    NegotiationRow.procedure_id,
    NegotiationRow.lot_id,
    NegotiationRow.bid_id,
    NegotiationRow.buyer_id,
    NegotiationRow.bidder_id,
    NegotiationRow.status,
    NegotiationRow.rounds,
    NegotiationRow.answer_by,
    NegotiationRow.agreed_offer,
    NegotiationRow.ended_because,
    NegotiationRow.begun_at,
)


@retries_conflicts
async def begin_negotiation(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    lot_id: UUID,
    data: NegotiationInput,
    key: IdempotencyKey,
) -> NegotiationView:
    """Make a bidder a first offer for a lot, after the opening of an RFQ.

    Raises NotFound, WrongState, Conflict where the procedure is not negotiated or this bidder
    already is, InvalidInput for a bid that cannot win and for an offer nobody could accept.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, NegotiationView)) is not None:
            return earlier
        loaded = await hold_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        check_beginning(loaded.procedure.kind, loaded.lot_statuses[lot_id])
        at = await tx.clock()
        check_answer_by(data.answer_by, at)
        ranking = await rank_lot(tx, loaded, lot_id)
        # Whose bid has ended may still agree to an offer, which then binds him.
        finals = (*ranking.finals, *ranking.ended)
        bid = next((each.offer for each in finals if each.offer.bid_id == data.bid_id), None)
        if bid is None:
            raise invalid("/bid_id", "unknown_bid", "No bid that could win this lot has this id.")
        await _check_none_going(tx, lot_id, bid.bidder_id)
        lines = _lines(data)
        in_framework = loaded.procedure.offering.framework_id is not None
        check_offer(bid.lines, (), Side.BUYER, lines, line_by_line=in_framework)
        row = {
            "id": new_id(),
            "procedure_id": procedure_id,
            "lot_id": lot_id,
            "bid_id": data.bid_id,
            "buyer_id": caller.organization_id,
            "bidder_id": bid.bidder_id,
            "status": NegotiationStatus.WITH_BIDDER.value,
            "rounds": 1,
            "answer_by": data.answer_by,
            "begun_at": at,
            "changed_at": at,
        }
        await tx.execute(insert(NegotiationRow).values(row))
        begun = await _read(tx, caller, row["id"])
        await _store_offer(tx, begun, Side.BUYER, data, priced_lines(bid.lines, lines), at)
        await set_timer(tx, EXPIRY_TIMER, begun.id, data.answer_by)
        _tell(tx, begun, "negotiation.begun")
        return await keep(tx, key, await _view(tx, begun))


async def _check_none_going(tx: Transaction, lot_id: UUID, bidder_id: UUID) -> None:
    going = [*(status.value for status in OPEN), NegotiationStatus.AGREED.value]
    if await tx.scalar(
        select(
            exists().where(
                NegotiationRow.lot_id == lot_id,
                NegotiationRow.bidder_id == bidder_id,
                NegotiationRow.status.in_(going),
            )
        )
    ):
        raise Conflict("This bidder is negotiated with about this lot already, or has agreed.")


@retries_conflicts
async def make_offer(
    platform: Platform,
    caller: Caller,
    negotiation_id: UUID,
    *,
    data: NegotiationOfferInput,
    version: int,
    key: IdempotencyKey,
) -> NegotiationView:
    """Answer the other side's offer with an own one; the turn is then the other side's.

    Raises NotFound, StaleVersion, WrongState out of turn or after the expiry, Conflict for the
    same offer or one too many, InvalidInput for an offer nobody could accept.
    """
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, NegotiationView)) is not None:
            return earlier
        row, side, at = await _held(tx, caller, negotiation_id, version)
        standing = _standing(row)
        status = moved(standing, side, OFFERING[side], at)
        check_rounds(standing)
        check_answer_by(data.answer_by, at)
        lines = _lines(data)
        loaded = await load(tx, row.procedure_id)
        bid = await _bid_lines(tx, loaded, row)
        in_framework = loaded.procedure.offering.framework_id is not None
        last = await _last_offer(tx, row)
        check_offer(bid, last, side, lines, line_by_line=in_framework)
        answer = {"rounds": row.rounds + 1, "answer_by": data.answer_by}
        after = await _move(tx, caller, row, status, at, **answer)
        await _store_offer(tx, after, side, data, priced_lines(bid, lines), at)
        await set_timer(tx, EXPIRY_TIMER, negotiation_id, data.answer_by)
        _tell(tx, after, "negotiation.offered")
        return await keep(tx, key, await _view(tx, after))


@retries_conflicts
async def accept_offer(
    platform: Platform, caller: Caller, negotiation_id: UUID, version: int
) -> NegotiationView:
    """Accept the other side's offer as it stands: it takes the bid's place at the award.

    Raises NotFound, StaleVersion, WrongState out of turn or after the expiry.
    """
    async with transaction(platform, caller) as tx:
        row, side, at = await _held(tx, caller, negotiation_id, version)
        status = moved(_standing(row), side, NegotiationAction.ACCEPT, at)
        after = await _move(tx, caller, row, status, at, agreed_offer=row.rounds)
        _tell(tx, after, "negotiation.agreed")
        return await _view(tx, after)


@retries_conflicts
async def end_negotiation(
    platform: Platform,
    caller: Caller,
    negotiation_id: UUID,
    data: NegotiationEndInput,
    version: int,
) -> NegotiationView:
    """End a negotiation in the own turn, with a reason; the sealed bid stands as it was.

    Raises NotFound, StaleVersion, WrongState, InvalidInput without words.
    """
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        row, side, at = await _held(tx, caller, negotiation_id, version)
        status = moved(_standing(row), side, NegotiationAction.END, at)
        after = await _move(tx, caller, row, status, at, ended_because=data.reason)
        _tell(tx, after, "negotiation.ended")
        return await _view(tx, after)


@retries_conflicts
async def expire_negotiation(platform: Platform, negotiation_id: UUID) -> None:
    """End a negotiation that nobody answered in time; the timer's, once, whoever fires it."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        row = await tx.one(
            select(*COLUMNS).where(NegotiationRow.id == negotiation_id).with_for_update()
        )
        at = await tx.clock()
        # An offer since then has moved the timer with it.
        if not has_expired(_standing(row), at):
            return
        changed = {
            "status": NegotiationStatus.EXPIRED.value,
            "version": row.version + 1,
            "changed_at": at,
        }
        after = await tx.one(
            update(NegotiationRow)
            .where(NegotiationRow.id == negotiation_id)
            .values(changed)
            .returning(*COLUMNS)
        )
        _tell(tx, after, "negotiation.expired")


async def read_negotiation(
    platform: Platform, caller: Caller, negotiation_id: UUID
) -> NegotiationView:
    """Read a negotiation with all offers, as one of its two sides; raises NotFound."""
    async with transaction(platform, caller) as tx:
        row = await _read(tx, caller, negotiation_id)
        caller.require("rfq:read" if side_of(caller, row) is Side.BUYER else "bids:read")
        return await _view(tx, row)


async def list_negotiations(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[NegotiationSummary]:
    """List the negotiations of a procedure: all to its buyer, his own to a bidder."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        statement = _of(caller).where(NegotiationRow.procedure_id == procedure_id)
        if (after := asked.key(UUID)) is not None:
            statement = statement.where(NegotiationRow.id > after)
        rows = await tx.all(statement.order_by(NegotiationRow.id).limit(asked.fetch))
    items = [NegotiationSummary(**summary(row)) for row in rows]
    return page(asked, items, lambda item: item.id)


def side_of(caller: Caller, row: Row[Any]) -> Side:
    """Tell which side of a negotiation the caller's company is."""
    return Side.BUYER if row.buyer_id == caller.organization_id else Side.BIDDER


def _of(caller: Caller) -> Select[*tuple[Any, ...]]:
    own = caller.organization_id
    return select(*COLUMNS).where(
        or_(NegotiationRow.buyer_id == own, NegotiationRow.bidder_id == own)
    )


async def _read(tx: Transaction, caller: Caller, negotiation_id: object) -> Row[Any]:
    row = await tx.maybe(_of(caller).where(NegotiationRow.id == negotiation_id))
    if row is None:
        raise NotFound(NONE)
    return row


async def held_side(
    tx: Transaction, caller: Caller, negotiation_id: UUID
) -> tuple[Row[Any], Side, datetime]:
    """Hold off the award of a negotiation's lot; give the row, the own side and the instant.

    Raises NotFound, NotPermitted for who may not speak for his side.
    """
    procedure_id = (await _read(tx, caller, negotiation_id)).procedure_id
    await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
    row = await _read(tx, caller, negotiation_id)
    side = side_of(caller, row)
    caller.require("rfq:write" if side is Side.BUYER else "bids:write")
    return row, side, await tx.clock()


async def _held(
    tx: Transaction, caller: Caller, negotiation_id: UUID, version: int
) -> tuple[Row[Any], Side, datetime]:
    row, side, at = await held_side(tx, caller, negotiation_id)
    if row.version != version:
        raise StaleVersion(f"The negotiation is at version {row.version}, not {version}.")
    return row, side, at


def _standing(row: Row[Any]) -> Negotiation:
    return Negotiation(NegotiationStatus(row.status), row.rounds, row.answer_by)


def _lines(data: NegotiationOfferInput) -> tuple[OfferedLine, ...]:
    return tuple(
        OfferedLine(line.line_id, Decimal(line.unit_amount), Decimal(line.basis), line.terms)
        for line in data.lines
    )


async def _bid_lines(tx: Transaction, loaded: Loaded, row: Row[Any]) -> tuple[PricedLine, ...]:
    """Give the lines of the sealed bid that is negotiated; both sides may see it."""
    standings = (await evaluate(tx, loaded)).standings[row.lot_id]
    return next(each.offer.lines for each in standings if each.offer.bid_id == row.bid_id)


async def _last_offer(tx: Transaction, row: Row[Any]) -> tuple[OfferedLine, ...]:
    return read_lines(
        await tx.scalar(
            select(NegotiationOfferRow.lines).where(
                NegotiationOfferRow.negotiation_id == row.id,
                NegotiationOfferRow.number == row.rounds,
            )
        )
    )


async def _store_offer(
    tx: Transaction,
    row: Row[Any],
    side: Side,
    data: NegotiationOfferInput,
    priced: Sequence[PricedLine],
    at: datetime,
) -> None:
    lines, total = _lines(data), total_of(priced)
    await tx.execute(
        insert(NegotiationOfferRow).values(
            negotiation_id=row.id,
            number=row.rounds,
            buyer_id=row.buyer_id,
            bidder_id=row.bidder_id,
            side=side.value,
            lines=lines_document(lines),
            note=data.note,
            total=total.amount,
            currency=total.currency,
            content_hash=offer_hash(row.id, row.rounds, side, lines, data.note),
            answer_by=data.answer_by,
            offered_at=at,
        )
    )


async def _move(
    tx: Transaction,
    caller: Caller,
    row: Row[Any],
    status: NegotiationStatus,
    at: datetime,
    **values: object,
) -> Row[Any]:
    # One statement that decides between two hands: the version it was read at is gone, or it wins.
    changed = await tx.maybe(
        update(NegotiationRow)
        .where(NegotiationRow.id == row.id, NegotiationRow.version == row.version)
        .values(status=status.value, version=row.version + 1, changed_at=at, **values)
        .returning(NegotiationRow.id)
    )
    if changed is None:
        raise StaleVersion("The negotiation was changed meanwhile; read it again.")
    return await _read(tx, caller, row.id)


def _tell(tx: Transaction, row: Row[Any], kind: str) -> None:
    """Tell both sides, and write it to the buyer's audit trail; prices are in neither."""
    facts: dict[str, object] = {
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "status": row.status,
        "rounds": row.rounds,
        "answer_by": row.answer_by,
    }
    sides = frozenset([row.buyer_id, row.bidder_id])
    tx.emit(Event(kind, "negotiation", row.id, row.version, sides, facts))
    own = None if tx.caller is not None else row.buyer_id
    tx.record(kind, "negotiation", row.id, after=facts, organization_id=own)


async def _view(tx: Transaction, row: Row[Any]) -> NegotiationView:
    offers = await tx.all(
        select(
            NegotiationOfferRow.number,
            NegotiationOfferRow.side,
            NegotiationOfferRow.lines,
            NegotiationOfferRow.note,
            NegotiationOfferRow.total,
            NegotiationOfferRow.currency,
            NegotiationOfferRow.content_hash,
            NegotiationOfferRow.answer_by,
            NegotiationOfferRow.offered_at,
        )
        .where(NegotiationOfferRow.negotiation_id == row.id)
        .order_by(NegotiationOfferRow.number)
    )
    return negotiation_view(row, offers)
