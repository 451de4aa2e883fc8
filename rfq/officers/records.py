"""What is written of officers: their codes in the draft, their approvals in the minutes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.organizations.tables import MemberRow
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction
from rfq.officers.tables import ApprovalRow, OfficerCodeRow
from rfq.procedures.reading import Loaded
from rfq.rules.bid import Part
from rfq.rules.officers import Approval


async def write_minutes(
    tx: Transaction, loaded: Loaded, part: Part, approvals: Sequence[Approval]
) -> set[UUID]:
    """Write down the approvals that the key store has; give the officers who are new there."""
    if not approvals:
        return set()
    rows = await tx.all(
        upsert(ApprovalRow)
        .values(
            [
                {
                    "procedure_id": loaded.procedure.id,
                    "envelope": part.value,
                    "officer_id": each.officer_id,
                    "buyer_id": loaded.procedure.buyer_id,
                    "approved_at": each.approved_at,
                }
                for each in approvals
            ]
        )
        .on_conflict_do_nothing()
        .returning(ApprovalRow.officer_id)
    )
    return {row.officer_id for row in rows}


async def approvals_of(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    """Read the approvals in the minutes, the first first."""
    return await tx.all(
        select(ApprovalRow.envelope, ApprovalRow.officer_id, ApprovalRow.approved_at)
        .where(ApprovalRow.procedure_id == procedure_id)
        .order_by(ApprovalRow.approved_at, ApprovalRow.officer_id)
    )


async def check_members(tx: Transaction, caller: Caller, officer_ids: Sequence[UUID]) -> None:
    """Refuse officers who are no active people of the buyer's company; raises InvalidInput."""
    if not officer_ids:
        return
    rows = await tx.all(
        select(MemberRow.id).where(
            MemberRow.company_id == caller.organization_id,
            MemberRow.id.in_(officer_ids),
            MemberRow.active,
            MemberRow.kind == "person",
        )
    )
    known = {row.id for row in rows}
    errors = [
        FieldError(f"/officer_ids/{number}", "unknown_member", "Your company has no such person.")
        for number, officer_id in enumerate(officer_ids)
        if officer_id not in known
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


async def codes_of(tx: Transaction, procedure_id: UUID) -> dict[UUID, bytes]:
    """Give the hashes of the codes that officers took, by officer."""
    rows = await tx.all(
        select(OfficerCodeRow.officer_id, OfficerCodeRow.code_hash).where(
            OfficerCodeRow.procedure_id == procedure_id
        )
    )
    return {row.officer_id: bytes(row.code_hash) for row in rows}
