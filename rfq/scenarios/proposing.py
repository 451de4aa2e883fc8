"""Propose a scenario as the award: each of its lots by the one way there is to propose.

All lots or none, in one transaction: what was reckoned together is decided together. What is
proposed is reckoned anew from the bids as they are now; where anything that was solved has changed,
the scenario is of the past and has to be solved again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update

from marketplace.kernel.canonical import content_hash
from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion, invalid
from marketplace.kernel.limits import SCENARIO_GAP_PERCENT_MAX
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.awards.schemas import AwardInput, LineChoiceInput
from rfq.awards.service import Together, propose
from rfq.awards.tables import ProposalRow
from rfq.bids.receiving import hold_own
from rfq.procedures.reading import Loaded
from rfq.rules.scenario import Bill, bill, holds, share_part
from rfq.rules.scenario_run import SCENARIO, ScenarioAction, ScenarioStatus
from rfq.scenarios.reading import Prepared, prepare
from rfq.scenarios.rows import asked_of, find
from rfq.scenarios.schemas import (
    ProposedLot,
    ScenarioAward,
    ScenarioProposalInput,
    ScenarioProposalView,
    ScenarioResult,
)
from rfq.scenarios.tables import ScenarioRow

FORM: Final = "rfq.scenario/1"


@retries_conflicts
async def propose_scenario(
    platform: Platform,
    caller: Caller,
    scenario_id: UUID,
    data: ScenarioProposalInput,
    *,
    version: int,
    key: IdempotencyKey,
) -> ScenarioProposalView:
    """Propose all lots of a solved scenario, with how it came about in each computation.

    Raises NotFound, StaleVersion, WrongState, Conflict where bids, suppliers or lots have changed
    since it was solved, and as an award of one lot.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ScenarioProposalView)) is not None:
            return earlier
        procedure_id = (await find(tx, scenario_id)).procedure_id
        loaded = await hold_own(tx, caller, procedure_id)
        row = await find(tx, scenario_id, lock=True)
        status = SCENARIO.after(ScenarioStatus(row.status), ScenarioAction.PROPOSE)
        if row.version != version:
            raise StaleVersion(f"The scenario is at version {row.version}, not {version}.")
        prepared = await prepare(tx, loaded, asked_of(row))
        result = msgspec.convert(row.result, ScenarioResult)
        made = _reckoned(prepared, row, result)
        _check_gap(result, data)
        proposals = await _propose_lots(tx, caller, loaded, row, result, prepared, made, data)
        await tx.execute(
            update(ScenarioRow)
            .where(ScenarioRow.id == scenario_id)
            .values(
                status=status.value,
                version=version + 1,
                proposed_by=caller.member_id,
                proposed_at=await tx.clock(),
            )
        )
        total = Money(prepared.problem.major(made.total), loaded.procedure.currency)
        facts = {"procedure_id": procedure_id, "total": total.amount, "lots": len(proposals)}
        tx.record("scenario.proposed", "award_scenario", scenario_id, after=facts)
        answer = ScenarioProposalView(
            scenario_id=scenario_id, total=MoneyView.of(total), proposals=proposals
        )
        return await keep(tx, key, answer)


def _reckoned(prepared: Prepared, row: Row[Any], result: ScenarioResult) -> Bill:
    """Reckon anew what the award costs; raises Conflict where it is not what was solved."""
    if prepared.hash() != bytes(row.problem_hash):
        raise Conflict(
            "Bids, qualifications or lots have changed since this scenario was solved: "
            "make it again."
        )
    allocation = {_part_of(each): each.supplier_id for each in result.awards}
    made = bill(prepared.problem, allocation)
    total = prepared.problem.major(made.total)
    if not holds(prepared.problem, allocation) or total != Decimal(result.total or 0):
        raise Conflict("This scenario does not come to what it says: make it again.")
    return made


def _part_of(award: ScenarioAward) -> UUID:
    if award.share_rank is not None:
        return share_part(award.lot_id, award.share_rank - 1).id
    return award.line_id or award.lot_id


def _check_gap(result: ScenarioResult, data: ScenarioProposalInput) -> None:
    """Ask for a reason where much less may be possible; raises InvalidInput."""
    if Decimal(result.gap_percent or 0) > SCENARIO_GAP_PERCENT_MAX and not data.reason.strip():
        detail = (
            f"This award may cost up to {result.gap_percent} % more than the least: say why you "
            "take it, or let it be solved for longer."
        )
        raise invalid("/reason", "reason_missing", detail)


async def _propose_lots(
    tx: Transaction,
    caller: Caller,
    loaded: Loaded,
    row: Row[Any],
    result: ScenarioResult,
    prepared: Prepared,
    made: Bill,
    data: ScenarioProposalInput,
) -> list[ProposedLot]:
    lots: dict[UUID, list[ScenarioAward]] = defaultdict(list)
    for each in result.awards:
        lots[each.lot_id].append(each)
    off = _off(prepared, made)
    document = _document(row, result)
    amount = Money(prepared.problem.major(made.total), loaded.procedure.currency)
    ids = {}
    loaded = loaded.with_terms_hash()
    for lot_id, awards in lots.items():
        of_lot = {**document, "awards": [msgspec.to_builtins(each) for each in awards]}
        together = Together(prepared.rankings, prepared.standing, off, amount, of_lot)
        own = _input(lot_id, awards, data)
        try:
            # Each lot that is settled moves the procedure on.
            ids[lot_id], loaded = await propose(tx, caller, loaded, own, together)
        except InvalidInput as refused:
            lot = loaded.procedure.lot(lot_id)
            title = "" if lot is None else lot.title
            detail = f"{title}: {refused.detail}"
            raise InvalidInput(detail, errors=refused.errors) from refused
    totals = await _totals(tx, list(ids.values()))
    return [
        ProposedLot(lot_id=lot_id, proposal_id=proposal_id, total=totals[proposal_id])
        for lot_id, proposal_id in ids.items()
    ]


def _input(
    lot_id: UUID, awards: Sequence[ScenarioAward], data: ScenarioProposalInput
) -> AwardInput:
    """Name the winners of a lot as a buyer would who decides it alone."""
    lines = [
        LineChoiceInput(line_id=each.line_id, bid_id=each.bid_id)
        for each in awards
        if each.line_id is not None
    ]
    return AwardInput(
        lot_id=lot_id,
        last_day=data.last_day,
        first_day=data.first_day,
        time_zone=data.time_zone,
        bid_ids=[] if lines else [each.bid_id for each in awards],
        lines=lines,
        reason=data.reason,
    )


def _off(prepared: Prepared, made: Bill) -> dict[tuple[UUID, UUID], Decimal]:
    """Give what conditional offers take off, by lot and bidder."""
    problem = prepared.problem
    found: dict[tuple[UUID, UUID], Decimal] = {}
    for granted in made.granted:
        for part, off in granted.off.items():
            place = problem.lot_of[part], granted.bidder
            found[place] = found.get(place, Decimal(0)) + problem.major(off)
    return found


def _document(row: Row[Any], result: ScenarioResult) -> dict[str, Any]:
    """Say for a lot's computation which scenario it was decided by, and how that was solved."""
    whole = msgspec.to_builtins(result)
    told = ("solver", "outcome", "total", "bound", "gap_percent", "granted", "constraints")
    return {
        "form": FORM,
        "scenario_id": str(row.id),
        "name": row.name,
        "asked": row.asked,
        "problem": bytes(row.problem_hash).hex(),
        "result": content_hash(whole).hex(),
        **{name: whole[name] for name in told},
        "recomputed": (
            "The total is the sum of each winner's own price for what is his, less what his "
            "conditions take off, rounded half up to the currency's digits for each; every "
            "constraint was checked against these sums. No number of the solver's is in them."
        ),
    }


async def _totals(tx: Transaction, ids: Sequence[UUID]) -> Mapping[UUID, MoneyView]:
    rows = await tx.all(
        select(ProposalRow.id, ProposalRow.total, ProposalRow.currency).where(
            ProposalRow.id.in_(ids)
        )
    )
    return {row.id: MoneyView.of(Money(row.total, row.currency)) for row in rows}
