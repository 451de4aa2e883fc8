"""Move a procedure on while it is judged, and settle lots that nobody is left for."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.events import Event
from marketplace.platform.database import Transaction
from rfq.procedures.reading import Loaded
from rfq.rules.procedure import LOT, LotAction, LotStatus, Status
from rfq.rules.progress import status_after_lots
from rfq.tables import LotRow, ProcedureRow


async def settle_empty_lots(
    tx: Transaction, loaded: Loaded, left: Collection[UUID], status: Status
) -> Status:
    """Fail the open lots that are not among those `left`; give the status, `status` if any is."""
    statuses = []
    for lot_id, lot_status in loaded.lot_statuses.items():
        if lot_status is LotStatus.OPENED and lot_id not in left:
            failed = LOT.after(lot_status, LotAction.FAIL)
            await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=failed.value))
            statuses.append(failed)
        else:
            statuses.append(lot_status)
    return status_after_lots(status, statuses)


async def move(
    tx: Transaction, loaded: Loaded, status: Status, kind: str, **values: object
) -> None:
    """Put the procedure into `status` and tell its buyer, with nothing of what was judged."""
    procedure, version = loaded.procedure, loaded.version + 1
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure.id)
        .values(status=status.value, version=version, **values)
    )
    facts: dict[str, object] = {"status": status}
    audience = frozenset([procedure.buyer_id])
    tx.emit(Event(kind, "procedure", procedure.id, version, audience, facts))
    tx.record(kind, "procedure", procedure.id, before={"status": procedure.status}, after=facts)
