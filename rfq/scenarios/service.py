"""Ask for scenarios, see how far they are, and cancel them: the buyer's, with his rights.

Whoever may award may see them: what a supplier would get is nobody else's.
"""

from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from marketplace.kernel.errors import Conflict, StaleVersion
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import (
    SCENARIOS_MAX,
    SCENARIOS_WAITING_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.jobs import enqueue
from rfq.procedures.publishing import load_own
from rfq.rules.scenario_run import SCENARIO, UNFINISHED, ScenarioAction, ScenarioStatus
from rfq.scenarios.messages import ScenarioPhase
from rfq.scenarios.reading import prepare
from rfq.scenarios.rows import SUMMARY, find, summary, view
from rfq.scenarios.running import JOB, ScenarioJob
from rfq.scenarios.schemas import (
    ScenarioInput,
    ScenarioSummary,
    ScenarioView,
)
from rfq.scenarios.tables import ScenarioRow

WAITING = [status.value for status in UNFINISHED]


@retries_conflicts
async def create_scenario(
    platform: Platform, caller: Caller, procedure_id: UUID, data: ScenarioInput, key: IdempotencyKey
) -> ScenarioView:
    """Take a scenario, to be solved by the worker.

    Raises NotFound, WrongState before prices are known, Conflict where no lot is open or too many
    wait, InvalidInput for constraints that fit nothing.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ScenarioView)) is not None:
            return earlier
        # Held, so that two at once are counted.
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        await prepare(tx, loaded, data)
        made = ScenarioRow.procedure_id == procedure_id
        waits = ScenarioRow.status.in_(WAITING)
        if await tx.scalar(select(func.count()).where(made)) >= SCENARIOS_MAX:
            raise Conflict(f"A procedure has at most {SCENARIOS_MAX} scenarios.")
        if await tx.scalar(select(func.count()).where(waits)) >= SCENARIOS_WAITING_MAX:
            detail = f"{SCENARIOS_WAITING_MAX} scenarios of your company are not solved yet."
            raise Conflict(f"{detail} Wait, or cancel one.")
        scenario_id = new_id()
        await tx.execute(
            insert(ScenarioRow).values(
                id=scenario_id,
                procedure_id=procedure_id,
                buyer_id=caller.organization_id,
                name=data.name,
                asked=msgspec.to_builtins(data),
                currency=loaded.procedure.currency,
                status=ScenarioStatus.QUEUED.value,
                phase=ScenarioPhase.WAITING.value,
                created_by=caller.member_id,
                created_at=await tx.clock(),
            )
        )
        await enqueue(tx, JOB, msgspec.to_builtins(ScenarioJob(scenario_id, caller.for_a_job())))
        facts = {"procedure_id": procedure_id, "asked": msgspec.to_builtins(data)}
        tx.record("scenario.created", "award_scenario", scenario_id, after=facts)
        return await keep(tx, key, view(await find(tx, scenario_id)))


async def list_scenarios(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[ScenarioSummary]:
    """List the scenarios of an own procedure, the newest first; raises NotFound."""
    caller.require("rfq:write")
    statement = (
        select(*SUMMARY)
        .where(ScenarioRow.procedure_id == procedure_id)
        .order_by(ScenarioRow.id.desc())
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ScenarioRow.id < after)
    async with transaction(platform, caller) as tx:
        await load_own(tx, caller, procedure_id)
        rows = await tx.all(statement)
    return page(asked, [summary(row) for row in rows], lambda item: item.id)


async def read_scenario(platform: Platform, caller: Caller, scenario_id: UUID) -> ScenarioView:
    """Read an own scenario, how far it is and what came out; raises NotFound."""
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        return view(await find(tx, scenario_id))


@retries_conflicts
async def cancel_scenario(
    platform: Platform, caller: Caller, scenario_id: UUID, version: int
) -> ScenarioView:
    """Cancel a scenario that is not finished; the worker ends its process within a second.

    Raises NotFound, WrongState, StaleVersion.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        row = await find(tx, scenario_id, lock=True)
        status = SCENARIO.after(ScenarioStatus(row.status), ScenarioAction.CANCEL)
        if row.version != version:
            raise StaleVersion(f"The scenario is at version {row.version}, not {version}.")
        await tx.execute(
            update(ScenarioRow)
            .where(ScenarioRow.id == scenario_id)
            .values(
                status=status.value,
                phase=ScenarioPhase.FINISHED.value,
                finished_at=await tx.clock(),
                version=version + 1,
            )
        )
        tx.record("scenario.cancelled", "award_scenario", scenario_id, after={"status": status})
        return view(await find(tx, scenario_id))
