"""Noting that a supplier looked at a procedure."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from marketplace.platform.database import Transaction
from rfq.reports.tables import ReaderRow
from rfq.rules.procedure import Procedure, Status


async def note_reader(tx: Transaction, procedure: Procedure, supplier_id: UUID) -> None:
    """Note, the first time, that a supplier reads a procedure while he may bid."""
    if procedure.status is Status.PUBLISHED:
        await tx.execute(
            insert(ReaderRow)
            .values(
                procedure_id=procedure.id,
                supplier_id=supplier_id,
                buyer_id=procedure.buyer_id,
                first_read_at=func.clock(),
            )
            .on_conflict_do_nothing()
        )
