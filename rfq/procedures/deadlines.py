"""Move a deadline later: in the key store, in the row, and in the timers.

The key store first. It never moves a deadline earlier, so where the transaction fails after it the
key is kept longer than the row says, and the opening waits for it; the other way round the key
could be had before the deadline.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.events import Event
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from marketplace.platform.timers import set_timer
from rfq.key_store import KeyStore
from rfq.ocds.steps import tell_extended
from rfq.procedures.publishing import OPENING_TIMER
from rfq.procedures.reading import Loaded, load
from rfq.procedures.reminders import set_reminder
from rfq.procedures.settling import settle_time
from rfq.tables import ProcedureRow


async def move_deadline(
    platform: Platform, tx: Transaction, procedure_id: UUID, deadline_at: datetime
) -> None:
    """Set a later deadline; the caller holds the procedure's row and its bids."""
    await platform.get(KeyStore).extend(procedure_id, deadline_at)  # type: ignore[type-abstract]
    days = await tx.scalar(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure_id)
        .values(deadline_at=deadline_at)
        .returning(ProcedureRow.remind_days)
    )
    await set_timer(tx, OPENING_TIMER, procedure_id, deadline_at + settle_time(platform))
    await set_reminder(tx, procedure_id, deadline_at, days)


async def extend(
    platform: Platform, tx: Transaction, loaded: Loaded, deadline_at: datetime, reason: str
) -> None:
    """Move the deadline later and tell everybody in the procedure, with the reason."""
    procedure, version = loaded.procedure, loaded.version + 1
    await move_deadline(platform, tx, procedure.id, deadline_at)
    await tx.execute(
        update(ProcedureRow).where(ProcedureRow.id == procedure.id).values(version=version)
    )
    facts: dict[str, object] = {"deadline_at": deadline_at, "reason": reason}
    audience = loaded.may_be_seen_by()
    tx.emit(Event("procedure.extended", "procedure", procedure.id, version, audience, facts))
    tx.record(
        "procedure.extended",
        "procedure",
        procedure.id,
        before={"deadline_at": procedure.deadline_at},
        after=facts,
        organization_id=procedure.buyer_id,
    )
    await tell_extended(tx, await load(tx, procedure.id), reason)
