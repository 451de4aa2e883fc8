"""Decide whether variants meet the minimum requirements, and read what was decided."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from rfq.bids.receiving import hold_own
from rfq.evaluation.panel import own_part, statuses
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.variant_decisions import (
    check_decision,
    check_opened,
    check_return,
    check_time,
    check_undecided_lots,
)
from rfq.variants.reading import Sent, sent_variants
from rfq.variants.schemas import (
    DecidedVariantList,
    DecidedVariantView,
    VariantDecisionInput,
    VariantView,
)
from rfq.variants.tables import VariantDecisionRow


@retries_conflicts
async def decide_variant(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    bid_id: UUID,
    *,
    data: VariantDecisionInput,
    version: int,
) -> DecidedVariantView:
    """Decide whether a variant is taken into account, or decide anew; its bidder is told.

    Raises NotFound, StaleVersion, WrongState before the opening and once the scores are locked or
    a lot of it is decided, NotPermitted for who has a conflict of interest, Conflict where an
    evaluator has handed in without it, InvalidInput.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        # An award of its lots waits for this decision, or this for it.
        loaded = await hold_own(tx, caller, procedure_id)
        procedure = loaded.procedure
        check_opened(procedure.status)
        await own_part(tx, caller, loaded)
        sent = await _sent(tx, loaded, bid_id)
        before = 0 if sent.decision is None else sent.decision.version
        if before != version:
            raise StaleVersion(f"The decision is at version {before}, not {version}.")
        check_time(procedure)
        check_undecided_lots(loaded.lot_statuses[lot_id] for lot_id in sent.lot_ids)
        meets = check_decision(procedure.offering.variants, data.unmet, data.reason)
        if meets and sent.decision is not None and not sent.decision.meets:
            check_return((await statuses(tx, loaded)).values())
        values = {
            "version": before + 1,
            "meets": meets,
            "unmet": sorted(set(data.unmet)),
            "reason": data.reason,
            "decided_by": caller.member_id,
            "decided_at": await tx.clock(),
        }
        await tx.execute(
            upsert(VariantDecisionRow)
            .values(
                **values,
                bid_id=bid_id,
                procedure_id=procedure_id,
                buyer_id=caller.organization_id,
                bidder_id=sent.bidder_id,
            )
            .on_conflict_do_update(index_elements=["bid_id"], set_=values)
        )
        facts: dict[str, object] = {
            "procedure_id": procedure_id,
            "bid_id": bid_id,
            "meets": meets,
            "unmet": values["unmet"],
            "reason": data.reason,
        }
        audience = frozenset([sent.bidder_id])
        tx.emit(Event("variant.decided", "bid", bid_id, before + 1, audience, facts))
        tx.record("variant.decided", "bid", bid_id, after=facts)
        return _view(procedure_id, await _sent(tx, loaded, bid_id))


async def _sent(tx: Transaction, loaded: Loaded, bid_id: UUID) -> Sent:
    for each in await sent_variants(tx, loaded, buys=True):
        if each.bid_id == bid_id:
            return each
    raise NotFound("There is no such variant among the valid bids.")


async def list_variants(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> DecidedVariantList:
    """List the valid variants with what was decided: all to the buyer, his own to a bidder.

    Raises NotFound, WrongState before the opening, NotPermitted for who has a conflict of interest.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        buys = reads_as_buyer(caller, loaded)
        check_opened(loaded.procedure.status)
        if buys:
            await own_part(tx, caller, loaded)
        sent = await sent_variants(tx, loaded, buys=buys)
    return DecidedVariantList(items=[_view(procedure_id, each) for each in sent])


def _view(procedure_id: UUID, sent: Sent) -> DecidedVariantView:
    variant, decision = sent.variant, sent.decision
    return DecidedVariantView(
        bid_id=sent.bid_id,
        bidder_id=sent.bidder_id,
        procedure_id=procedure_id,
        version=0 if decision is None else decision.version,
        variant=VariantView(
            number=variant.number, label=variant.label, description=variant.description
        ),
        lot_ids=list(sent.lot_ids),
        meets=None if decision is None else decision.meets,
        unmet=[] if decision is None else decision.unmet,
        reason="" if decision is None else decision.reason,
        decided_at=None if decision is None else decision.decided_at,
    )
