"""Complaints of bidders against a proposed award, and the buyer's answers.

A complaint is decided on by the database's clock, under the lock that the end of the standstill
waits for: filed in time it is seen by the end, and none gets in behind it.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.timers import set_timer
from rfq.awards.proposals import (
    Proposal,
    drop_proposal,
    hold_proposal,
    move_proposal,
    read_proposals,
    record,
)
from rfq.awards.schemas import (
    ComplaintAnswerInput,
    ComplaintInput,
    ComplaintList,
    ComplaintView,
)
from rfq.awards.settling import STANDSTILL_TIMER
from rfq.awards.tables import ComplaintRow, NoticeRow, ProposalRow
from rfq.bids.receiving import bids_lock
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.procedure import Party, check_words
from rfq.rules.settlement import (
    COMPLAINT,
    ComplaintAction,
    ComplaintStatus,
    Notice,
    ProposalAction,
    check_complaint,
    resumed_until,
)

_COLUMNS: Final = (
    ComplaintRow.id,
    ComplaintRow.version,
    ComplaintRow.proposal_id,
    ComplaintRow.procedure_id,
    ComplaintRow.lot_id,
    ComplaintRow.buyer_id,
    ComplaintRow.bidder_id,
    ComplaintRow.status,
    ComplaintRow.complaint,
    ComplaintRow.answer,
    ComplaintRow.filed_at,
    ComplaintRow.answered_at,
)


@retries_conflicts
async def file_complaint(
    platform: Platform,
    caller: Caller,
    proposal_id: UUID,
    data: ComplaintInput,
    key: IdempotencyKey,
) -> ComplaintView:
    """Stop the standstill of a proposal by a complaint, once per bidder.

    Raises NotFound for who was told of no such proposal, WrongState after the standstill, Conflict
    for a second complaint, InvalidInput without words.
    """
    caller.require("bids:write")
    check_words(data.complaint, "/complaint")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ComplaintView)) is not None:
            return earlier
        notice = await _notice(tx, caller, proposal_id)
        # Shared with bids, alone for the end of the standstill.
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(notice.procedure_id))))
        notice = await _notice(tx, caller, proposal_id)
        at = await tx.clock()
        if await tx.scalar(select(ComplaintRow.id).where(ComplaintRow.proposal_id == proposal_id)):
            raise Conflict("Your company has complained about this award already.")
        told = Notice(notice.standstill_until, notice.withdrawn_at is not None)
        check_complaint(told, at)
        made = {
            "id": new_id(),
            "proposal_id": proposal_id,
            "procedure_id": notice.procedure_id,
            "lot_id": notice.lot_id,
            "buyer_id": notice.buyer_id,
            "bidder_id": caller.organization_id,
            "status": ComplaintStatus.FILED.value,
            "complaint": data.complaint,
            "filed_at": at,
        }
        await tx.execute(insert(ComplaintRow).values(made))
        row = await _read(tx, made["id"])
        _tell(tx, row, "complaint.filed")
        return await keep(tx, key, _view(row))


async def _notice(tx: Transaction, caller: Caller, proposal_id: UUID) -> Row[Any]:
    row = await tx.maybe(
        select(
            NoticeRow.procedure_id,
            NoticeRow.lot_id,
            NoticeRow.buyer_id,
            NoticeRow.standstill_until,
            NoticeRow.withdrawn_at,
        ).where(NoticeRow.proposal_id == proposal_id, NoticeRow.bidder_id == caller.organization_id)
    )
    if row is None:
        raise NotFound("Your company was told of no such award.")
    return row


@retries_conflicts
async def answer_complaint(
    platform: Platform, caller: Caller, complaint_id: UUID, data: ComplaintAnswerInput, version: int
) -> ComplaintView:
    """Answer a complaint: upheld, the proposal falls; lifted, the standstill goes on.

    What was left of it when it was stopped is left again. Raises NotFound, StaleVersion,
    WrongState for what was answered, InvalidInput without words.
    """
    caller.require("rfq:write")
    check_words(data.answer, "/answer")
    async with transaction(platform, caller) as tx:
        asked = await _read(tx, complaint_id)
        if asked.buyer_id != caller.organization_id:
            raise NotFound("There is no such complaint to your company.")
        loaded, proposal = await hold_proposal(tx, asked.proposal_id)
        row = await _read(tx, complaint_id)
        if row.version != version:
            raise StaleVersion(f"The complaint is at version {row.version}, not {version}.")
        at = await tx.clock()
        action = ComplaintAction.UPHOLD if data.upheld else ComplaintAction.LIFT
        status = COMPLAINT.after(ComplaintStatus(row.status), action)
        await tx.execute(
            update(ComplaintRow)
            .where(ComplaintRow.id == complaint_id)
            .values(status=status.value, answer=data.answer, answered_at=at, version=version + 1)
        )
        if data.upheld:
            reason = "A complaint was upheld."
            await drop_proposal(tx, loaded, proposal, ProposalAction.UPHOLD, Party.BUYER, reason)
        else:
            await _resume(tx, loaded, proposal, at)
        after = await _read(tx, complaint_id)
        _tell(tx, after, "complaint.answered")
        return _view(after)


async def _resume(tx: Transaction, loaded: Loaded, before: Proposal, at: datetime) -> None:
    """Let the time run on, unless another complaint still stops it."""
    after = (await read_proposals(tx, loaded, ProposalRow.id == before.id))[0]
    if after.stopped_at is not None or before.stopped_at is None:
        return
    stopped_at = await _first_stop(tx, before)
    until = resumed_until(before.row.standstill_until, stopped_at, at, loaded.procedure.awarding)
    action = ProposalAction.RESUME
    await move_proposal(tx, before, action, Party.BUYER, standstill_until=until)
    await tx.execute(
        update(NoticeRow).where(NoticeRow.proposal_id == before.id).values(standstill_until=until)
    )
    await set_timer(tx, STANDSTILL_TIMER, before.id, until)
    facts: dict[str, object] = {"lot_id": before.row.lot_id, "standstill_until": until}
    told = await tx.all(select(NoticeRow.bidder_id).where(NoticeRow.proposal_id == before.id))
    for row in told:
        audience = frozenset([row.bidder_id])
        version = before.row.version + 1
        tx.emit(Event("award.resumed", "award_proposal", before.id, version, audience, facts))
    record(tx, loaded, "award.resumed", before.id, facts)


async def _first_stop(tx: Transaction, proposal: Proposal) -> datetime:
    """Give since when the time has stood still: the first complaint since it last ran.

    A complaint that was lifted while another stood did not let it run.
    """
    rows = await tx.all(
        select(ComplaintRow.filed_at, ComplaintRow.answered_at)
        .where(ComplaintRow.proposal_id == proposal.id)
        .order_by(ComplaintRow.filed_at.desc())
    )
    stopped_at: datetime = rows[0].filed_at
    for row in rows:
        if row.answered_at is None or row.answered_at >= stopped_at:
            stopped_at = min(stopped_at, row.filed_at)
    return stopped_at


async def list_complaints(platform: Platform, caller: Caller, procedure_id: UUID) -> ComplaintList:
    """List the complaints of a procedure: all to its buyer, his own to a bidder."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        rows = await tx.all(
            select(*_COLUMNS)
            .where(ComplaintRow.procedure_id == procedure_id)
            .order_by(ComplaintRow.id)
        )
    return ComplaintList(items=[_view(row) for row in rows])


async def _read(tx: Transaction, complaint_id: object) -> Row[Any]:
    row = await tx.maybe(select(*_COLUMNS).where(ComplaintRow.id == complaint_id))
    if row is None:
        raise NotFound("There is no such complaint.")
    return row


def _tell(tx: Transaction, row: Row[Any], kind: str) -> None:
    facts: dict[str, object] = {
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "proposal_id": row.proposal_id,
        "status": row.status,
    }
    audience = frozenset([row.buyer_id, row.bidder_id])
    tx.emit(Event(kind, "complaint", row.id, row.version, audience, facts))
    tx.record(kind, "complaint", row.id, after=facts)


def _view(row: Row[Any]) -> ComplaintView:
    return ComplaintView(
        id=row.id,
        version=row.version,
        proposal_id=row.proposal_id,
        procedure_id=row.procedure_id,
        lot_id=row.lot_id,
        bidder_id=row.bidder_id,
        status=ComplaintStatus(row.status),
        complaint=row.complaint,
        answer=row.answer,
        filed_at=row.filed_at,
        answered_at=row.answered_at,
    )
