"""Remind those who may bid that the deadline is near: once for each deadline, by a timer."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.events import Event
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
)
from marketplace.platform.timers import set_timer
from rfq.procedures.reading import load
from rfq.rules.reminding import is_due, reminder_at
from rfq.tables import ProcedureRow

REMINDER_TIMER: Final = "rfq.reminder"


async def set_reminder(
    tx: Transaction, procedure_id: UUID, deadline_at: datetime, days: int | None
) -> None:
    """Set the reminder of a deadline, or move it; a procedure that has none is left alone."""
    due_at = reminder_at(deadline_at, days)
    if due_at is not None and due_at > tx.opened_at:
        await set_timer(tx, REMINDER_TIMER, procedure_id, due_at)


@retries_conflicts
async def remind(platform: Platform, procedure_id: UUID) -> None:
    """Tell everybody who may bid that the deadline is near; harmless when he was told already.

    Who has bid nobody is told, so all are.
    """
    async with system_transaction(platform, Role.ENGINE) as tx:
        loaded = await load(tx, procedure_id, lock=True)
        row, at = loaded.row, await tx.clock()
        due_at = reminder_at(row.deadline_at, row.remind_days)
        if not is_due(loaded.procedure, due_at, row.reminded_for, at):
            return
        version = loaded.version + 1
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(version=version, reminded_for=row.deadline_at)
        )
        facts: dict[str, object] = {"title": row.title, "deadline_at": row.deadline_at}
        kind, audience = "procedure.closing_soon", loaded.may_be_seen_by()
        tx.emit(Event(kind, "procedure", procedure_id, version, audience, facts))
        tx.record(
            kind, "procedure", procedure_id, after=facts, organization_id=loaded.procedure.buyer_id
        )
