"""Unit prices for what was reached in an auction: the bidder's own, or his bid's, scaled."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.contracts.frameworks import prices_under
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.awards.schemas import BreakdownInput, BreakdownView
from rfq.bids.receiving import bids_lock
from rfq.evaluation.offers import evaluate, line_view
from rfq.handover.service import results_of
from rfq.procedures.reading import load
from rfq.rules.award import Breakdown, own_breakdown, scaled
from rfq.rules.competition import check_lines_within
from rfq.rules.evaluation import Final
from rfq.rules.procedure import LOT, LotAction, Procedure
from rfq.tables import BreakdownRow


async def breakdown_of(
    tx: Transaction, procedure: Procedure, lot_id: UUID, final: Final
) -> Breakdown:
    """Take a bidder's own unit prices if he sent some for this very total, else scale his bid.

    Under a framework no line gets above the bid, which was at most at the framework's prices.
    """
    own = await tx.maybe(
        select(BreakdownRow.total, BreakdownRow.unit_amounts).where(
            BreakdownRow.lot_id == lot_id, BreakdownRow.bidder_id == final.offer.bidder_id
        )
    )
    if own is not None and own.total == final.amount.amount:
        return own_breakdown(final.offer.lines, _amounts(own.unit_amounts), final.amount)
    in_framework = procedure.offering.framework_id is not None
    return scaled(final.offer.lines, final.amount, never_above=in_framework)


def _amounts(document: Mapping[str, str]) -> dict[UUID, Decimal]:
    return {UUID(line_id): Decimal(amount) for line_id, amount in document.items()}


@retries_conflicts
async def send_breakdown(
    platform: Platform, caller: Caller, procedure_id: UUID, lot_id: UUID, data: BreakdownInput
) -> BreakdownView:
    """Take a bidder's own unit prices for the total he reached in a lot's auction, until its award.

    Raises NotFound where he was in no auction of the lot, WrongState after the award, InvalidInput
    where the prices come to another total, or one is above its framework price.
    """
    caller.require("bids:write")
    unit_amounts = _once_each(data)
    async with transaction(platform, caller) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
        loaded = await load(tx, procedure_id)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        LOT.after(loaded.lot_statuses[lot_id], LotAction.PROPOSE)
        # Of bids and results this transaction sees the own ones only.
        offers = (await evaluate(tx, loaded)).standings[lot_id]
        results = await results_of(tx, lot_id)
        if not offers or not results:
            raise NotFound("Your company was in no auction of this lot that has ended.")
        total = results[0].price
        final = Money(total, loaded.procedure.currency)
        made = own_breakdown(offers[0].offer.lines, unit_amounts, final)
        framework_id = loaded.procedure.offering.framework_id
        if framework_id is not None:
            agreed = await prices_under(tx, framework_id, await tx.clock())
            check_lines_within(made.lines, agreed.get(caller.organization_id, {}))
        values = {
            "total": total,
            "unit_amounts": {str(line): plain_decimal(a) for line, a in unit_amounts.items()},
            "sent_at": await tx.clock(),
        }
        await tx.execute(
            upsert(BreakdownRow)
            .values(
                **values,
                lot_id=lot_id,
                bidder_id=caller.organization_id,
                procedure_id=procedure_id,
                buyer_id=loaded.procedure.buyer_id,
            )
            .on_conflict_do_update(index_elements=["lot_id", "bidder_id"], set_=values)
        )
        tx.record("lot.broken_down", "lot", lot_id, after={"total": total})
    return BreakdownView(
        lot_id=lot_id, total=MoneyView.of(final), lines=[line_view(line) for line in made.lines]
    )


def _once_each(data: BreakdownInput) -> dict[UUID, Decimal]:
    unit_amounts: dict[UUID, Decimal] = {}
    for number, line in enumerate(data.lines):
        if line.line_id in unit_amounts:
            detail = f"Line {line.line_id} is priced twice."
            raise invalid(f"/lines/{number}/line_id", "twice", detail)
        unit_amounts[line.line_id] = Decimal(line.unit_amount)
    return unit_amounts
