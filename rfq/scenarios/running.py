"""What the worker does with a scenario: read, have it solved in another process, write down.

The process is the worker's child and dies with the job; it is killed as soon as the scenario is
cancelled. A job that starts again after a crash solves anew what is not finished.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import update

from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.limits import SCENARIO_RUN_SECONDS_MAX, SCENARIO_SOLVER_BYTES_MAX
from marketplace.organizations.service import names_of
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from rfq.procedures.publishing import load_own
from rfq.rules.scenario_run import SCENARIO, UNFINISHED, ScenarioAction, ScenarioStatus
from rfq.scenarios.messages import Found, Message, ScenarioPhase, SolutionOutcome, Step, Task
from rfq.scenarios.reading import Prepared, prepare
from rfq.scenarios.results import result_of
from rfq.scenarios.rows import asked_of, find
from rfq.scenarios.tables import ScenarioRow

JOB: Final = "rfq.scenario"
LOOK_SECONDS: Final = 0.5
"""How often progress is written, and a cancellation seen."""
LATE_SECONDS: Final = 60
"""The process keeps its time itself; one that is so late is killed."""
_ENDED: Final = {
    SolutionOutcome.SOLVED: ScenarioAction.SOLVE,
    SolutionOutcome.STOPPED: ScenarioAction.SOLVE,
    SolutionOutcome.IMPOSSIBLE: ScenarioAction.FIND_NONE,
    SolutionOutcome.UNKNOWN: ScenarioAction.RUN_OUT,
}


class ScenarioJob(msgspec.Struct):
    """Which scenario, and for whom the worker acts."""

    scenario_id: UUID
    caller: Caller


class _Cancelled(Exception):
    """Nobody waits for the result any more."""


class _Died(Exception):
    """The process ended without a result."""


async def run_scenario(platform: Platform, payload: Mapping[str, Any]) -> None:
    """Solve one scenario. Harmless when run again: a finished one is left alone."""
    job = msgspec.convert(payload, ScenarioJob)
    try:
        prepared = await _start(platform, job)
        if prepared is None:
            return
        found = await _solved(platform, job, prepared)
        await _finish(platform, job, prepared, found)
    except _Cancelled:
        return
    except Unavailable:
        raise  # the queue tries again
    except Exception as error:
        wrong = "This is our fault; the scenario's id helps to find it."
        own = isinstance(error, MarketplaceError)
        await _fail(platform, job, error.detail if isinstance(error, MarketplaceError) else wrong)
        if not own:
            raise


@retries_conflicts
async def _start(platform: Platform, job: ScenarioJob) -> Prepared | None:
    async with transaction(platform, job.caller) as tx:
        row = await find(tx, job.scenario_id, lock=True)
        status = ScenarioStatus(row.status)
        if status not in UNFINISHED:
            return None
        loaded = await load_own(tx, job.caller, row.procedure_id)
        prepared = await prepare(tx, loaded, asked_of(row))
        status = SCENARIO.after(status, ScenarioAction.START)
        await _write(
            tx,
            job,
            status=status.value,
            phase=ScenarioPhase.SOLVING.value,
            started_at=await tx.clock(),
            problem_hash=prepared.hash(),
        )
        return prepared


async def _write(tx: Transaction, job: ScenarioJob, **values: object) -> bool:
    """Write to a scenario that is not finished; tell whether it was not."""
    return bool(
        await tx.execute(
            update(ScenarioRow)
            .where(
                ScenarioRow.id == job.scenario_id,
                ScenarioRow.status.in_([status.value for status in UNFINISHED]),
            )
            .values(**values)
        )
    )


async def _solved(platform: Platform, job: ScenarioJob, prepared: Prepared) -> Found:
    """Have it solved; raises _Cancelled, _Died."""
    asked = await _asked(platform, job)
    task = Task(
        prepared.problem,
        Decimal(asked.gap_percent),
        asked.seconds,
        SCENARIO_RUN_SECONDS_MAX,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rfq.scenarios.process",
        stdin=PIPE,
        stdout=PIPE,
        # No settings, hence no secrets; one thread, for others work here, too.
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
        limit=SCENARIO_SOLVER_BYTES_MAX,
    )
    try:
        async with asyncio.timeout(SCENARIO_RUN_SECONDS_MAX + LATE_SECONDS):
            return await _listen(platform, job, prepared, process, msgspec.json.encode(task))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _asked(platform: Platform, job: ScenarioJob) -> Any:
    async with transaction(platform, job.caller) as tx:
        return asked_of(await find(tx, job.scenario_id))


async def _listen(
    platform: Platform, job: ScenarioJob, prepared: Prepared, process: Process, task: bytes
) -> Found:
    """Hand the task over and write down how far it is, until there is a result."""
    if process.stdin is None or process.stdout is None:
        raise _Died
    process.stdin.write(task)
    process.stdin.close()
    told: list[Message] = []

    async def read(lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            told[:] = [msgspec.json.decode(line, type=Message)]

    reader = asyncio.create_task(read(process.stdout))
    try:
        while not reader.done():
            await asyncio.wait([reader], timeout=LOOK_SECONDS)
            last = told[0] if told else None
            await _tell(platform, job, prepared, last if isinstance(last, Step) else None)
        await reader
    finally:
        reader.cancel()
    if told and isinstance(told[0], Found):
        return told[0]
    raise _Died(f"the solver's process ended with {await process.wait()}")


async def _tell(
    platform: Platform, job: ScenarioJob, prepared: Prepared, step: Step | None
) -> None:
    """Write down how far it is; raises _Cancelled where nobody waits any more."""
    values: dict[str, object] = {"status": ScenarioStatus.RUNNING.value}
    if step is not None:
        major = prepared.problem.major
        values |= {
            "phase": step.phase.value,
            "solutions_done": step.done,
            "solutions_total": step.total,
            "best": None if step.best is None else major(step.best),
            "bound": None if step.bound is None else major(step.bound),
        }
    async with transaction(platform, job.caller) as tx:
        if not await _write(tx, job, **values):
            raise _Cancelled


@retries_conflicts
async def _finish(platform: Platform, job: ScenarioJob, prepared: Prepared, found: Found) -> None:
    async with transaction(platform, job.caller) as tx:
        bidders = {offer.bidder for offer in prepared.problem.offers}
        result = result_of(prepared, found, await names_of(tx, bidders))
        status = SCENARIO.after(ScenarioStatus.RUNNING, _ENDED[found.solution.outcome])
        done = 1 + max(len(found.priced), len(prepared.problem.constraints))
        values: dict[str, object] = {
            "status": status.value,
            "phase": ScenarioPhase.FINISHED.value,
            "solutions_done": done,
            "solutions_total": done,
            "best": None,
            "bound": None,
            "result": msgspec.to_builtins(result),
            "finished_at": await tx.clock(),
            "version": ScenarioRow.version + 1,
        }
        if await _write(tx, job, **values):
            facts = {"status": status, "total": result.total, "gap_percent": result.gap_percent}
            tx.record("scenario.finished", "award_scenario", job.scenario_id, after=facts)


@retries_conflicts
async def _fail(platform: Platform, job: ScenarioJob, why: str) -> None:
    async with transaction(platform, job.caller) as tx:
        values: dict[str, object] = {
            "status": ScenarioStatus.FAILED.value,
            "phase": ScenarioPhase.FINISHED.value,
            "failure": why,
            "finished_at": await tx.clock(),
            "version": ScenarioRow.version + 1,
        }
        if await _write(tx, job, **values):
            facts = {"status": ScenarioStatus.FAILED, "failure": why}
            tx.record("scenario.finished", "award_scenario", job.scenario_id, after=facts)
