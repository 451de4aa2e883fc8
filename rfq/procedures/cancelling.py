"""Cancel a procedure, with the reason, and with it the key of its sealed bids."""

from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import retries_conflicts, transaction
from rfq.bids.receiving import hold_own
from rfq.key_store import KeyStore
from rfq.negotiation.agreed import call_off_for_procedure
from rfq.ocds.steps import tell_cancelled
from rfq.procedures.publishing import check_version
from rfq.procedures.reading import buyer_view, load
from rfq.procedures.schemas import BuyerProcedureView, CancellationInput
from rfq.rules import procedure as rules
from rfq.rules.procedure import Action, Party
from rfq.tables import ProcedureRow


@retries_conflicts
async def cancel_procedure(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: CancellationInput,
    version: int,
) -> BuyerProcedureView:
    """End a procedure without result. Bids that were not opened never are: their key is destroyed.

    Raises NotFound, StaleVersion, WrongState after its end, Conflict while a lot is auctioned or
    once one was awarded.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await hold_own(tx, caller, procedure_id)
        before = loaded.procedure.status
        status = rules.moved(before, Action.CANCEL, Party.BUYER)
        check_version(loaded, version)
        rules.check_cancellation(loaded.lot_statuses.values())
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(status=status.value, version=version + 1, cancelled_because=data.reason)
        )
        await call_off_for_procedure(tx, procedure_id)
        facts: dict[str, object] = {"status": status, "reason": data.reason}
        audience = loaded.may_be_seen_by()
        tx.emit(
            Event("procedure.cancelled", "procedure", procedure_id, version + 1, audience, facts)
        )
        tx.record(
            "procedure.cancelled",
            "procedure",
            procedure_id,
            before={"status": before},
            after=facts,
        )
        cancelled = await load(tx, procedure_id)
        await tell_cancelled(tx, cancelled, data.reason)
        view = await buyer_view(tx, cancelled)
    # After the commit: a key destroyed for a cancellation that was rolled back would lose bids.
    await platform.get(KeyStore).destroy(procedure_id)  # type: ignore[type-abstract]
    return view
