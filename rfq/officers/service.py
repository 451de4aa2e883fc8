"""Officers: their codes, their approvals, and the minutes of an opening.

The key store is what asks for two approvals; the rows here are the minutes of what it has.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import retries_conflicts, transaction
from marketplace.platform.timers import set_timer
from rfq.attachments.examining import not_looked_at, set_aside
from rfq.hexadecimal import hexadecimal
from rfq.key_store import KeyStore
from rfq.officers.records import approvals_of, write_minutes
from rfq.officers.schemas import (
    OpeningApprovalInput,
    OpeningApprovalView,
    OpeningCodeView,
    OpeningMinutesView,
    SetAsideView,
)
from rfq.officers.tables import OfficerCodeRow
from rfq.opening.clock import database_clock
from rfq.opening.prices import record_result
from rfq.opening.service import close_bids, open_at_deadline
from rfq.procedures.publishing import OPENING_TIMER, load_own
from rfq.procedures.reading import Loaded
from rfq.rules import procedure as rules
from rfq.rules.bid import Part
from rfq.rules.envelopes import first_part
from rfq.rules.officers import Approval, check_officer, code_hash, new_code
from rfq.rules.procedure import Status


@retries_conflicts
async def take_code(platform: Platform, caller: Caller, procedure_id: UUID) -> OpeningCodeView:
    """Give an officer his code for the opening, a new one each time until the publication.

    Raises NotFound, NotPermitted for who is no officer, WrongState once it is published.
    """
    caller.require("rfq:open")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        rules.check_draft(loaded.procedure)
        check_officer(loaded.procedure.officer_ids, caller.member_id)
        code = new_code()
        taken = {
            "code_hash": code_hash(procedure_id, caller.member_id, code),
            "taken_at": tx.opened_at,
        }
        await tx.execute(
            upsert(OfficerCodeRow)
            .values(
                procedure_id=procedure_id,
                officer_id=caller.member_id,
                buyer_id=caller.organization_id,
                **taken,
            )
            .on_conflict_do_update(index_elements=["procedure_id", "officer_id"], set_=taken)
        )
        facts = {"officer_id": caller.member_id}
        tx.record("procedure.opening_code_taken", "procedure", procedure_id, after=facts)
    return OpeningCodeView(procedure_id=procedure_id, officer_id=caller.member_id, code=code)


async def approve_opening(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: OpeningApprovalInput,
) -> OpeningMinutesView:
    """Approve the opening after the deadline; the second officer's approval opens.

    Where financial envelopes wait for it, it is their opening that is approved.

    Again it changes nothing, and opens what two have approved should it not be open. Raises
    NotFound, NotPermitted, Conflict before the deadline, StillSealed where the key store refuses.
    """
    caller.require("rfq:open")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_officer(loaded.procedure.officer_ids, caller.member_id)
    # What is approved is the root over all bids: first it is published.
    status = await close_bids(platform, procedure_id)
    if status is Status.CLOSED:
        await _approve(platform, caller, loaded, data.code, Part.WHOLE)
    elif status is Status.LOCKED:
        await record_result(platform, procedure_id)
        await _approve(platform, caller, loaded, data.code, Part.FINANCIAL)
    return await read_minutes(platform, caller, procedure_id)


async def _approve(
    platform: Platform, caller: Caller, loaded: Loaded, code: str, part: Part
) -> None:
    """Let the key store have the approval of a key, write it down, and open if it is the second."""
    procedure_id = loaded.procedure.id
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    clock = await database_clock(platform)
    await store.approve(procedure_id, caller.member_id, code, clock, part)
    envelope = part if part is Part.FINANCIAL else first_part(loaded.procedure)
    approvals = await store.approvals(procedure_id, part)
    await _write_down(platform, caller, loaded, envelope, approvals)
    await open_at_deadline(platform, procedure_id)


@retries_conflicts
async def _write_down(
    platform: Platform,
    caller: Caller,
    loaded: Loaded,
    envelope: Part,
    approvals: Sequence[Approval],
) -> None:
    procedure_id = loaded.procedure.id
    async with transaction(platform, caller) as tx:
        new = await write_minutes(tx, loaded, envelope, approvals)
        if caller.member_id in new:
            facts: dict[str, object] = {"officer_id": caller.member_id, "envelope": envelope}
            audience = frozenset([caller.organization_id])
            kind = "procedure.opening_approved"
            tx.emit(Event(kind, "procedure", procedure_id, loaded.version, audience, facts))
            tx.record(kind, "procedure", procedure_id, after=facts)
        # Should this process die now, a worker opens what two have approved.
        await set_timer(tx, OPENING_TIMER, procedure_id, await tx.clock())


async def read_minutes(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> OpeningMinutesView:
    """Read the minutes of an opening, as its buyer; raises NotFound."""
    caller.require("rfq:read" if caller.may("rfq:read") else "rfq:open")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        rows = await approvals_of(tx, procedure_id)
        aside = await set_aside(tx, procedure_id)
        left = await not_looked_at(tx, procedure_id)
    row = loaded.row
    return OpeningMinutesView(
        procedure_id=procedure_id,
        status=loaded.procedure.status,
        officer_ids=list(loaded.procedure.officer_ids),
        deadline_at=row.deadline_at,
        closed_at=row.closed_at,
        bids_root=hexadecimal(row.bids_root),
        approvals=[
            OpeningApprovalView(
                envelope=Part(each.envelope),
                officer_id=each.officer_id,
                approved_at=each.approved_at,
            )
            for each in rows
        ],
        opened_at=row.opened_at,
        prices_opened_at=row.prices_opened_at,
        set_aside=[
            SetAsideView(
                attachment_id=each.id,
                bid_id=each.bid_id,
                bidder_id=each.bidder_id,
                part=Part(each.part),
                name=each.name,
                reason=each.invalid_reason,
            )
            for each in aside
        ],
        not_looked_at=left,
    )
