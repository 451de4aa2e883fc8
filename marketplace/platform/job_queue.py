"""The queue of jobs (pgqueuer), for the worker, who takes them out.

A module of its own, since the library takes a tenth of a start and 17 MB: an API process never
loads it (see `marketplace.platform.jobs`).
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Final

import msgspec
from pgqueuer import AsyncpgDriver, DatabaseRetryEntrypointExecutor, PgQueuer, Queries
from pgqueuer.adapters.persistence.qb import (
    DBSettings,
    QueryBuilderEnvironment,
    QuerySchedulerBuilder,
)
from pgqueuer.core.executors import EntrypointExecutorParameters
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.types import QueueExecutionMode

from marketplace.kernel.limits import (
    JOB_ATTEMPTS_MAX,
    JOBS_AT_ONCE_MAX,
    JOBS_OF_COMPANY_MAX,
    JOBS_PICKED_MAX,
)
from marketplace.platform.database import HasDatabase, Role
from marketplace.platform.job_turns import InTurns
from marketplace.platform.jobs import P, Run
from marketplace.platform.telemetry import JOBS_DONE, log

_SETTINGS: Final = DBSettings(db_schema="jobs")


def queries(driver: AsyncpgDriver) -> Queries:
    """Give the library's statements, on our tables and in turns of companies."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_SETTINGS),
        qbq=InTurns(_SETTINGS),
        qbs=QuerySchedulerBuilder(_SETTINGS),
    )


async def jobs_wait(platform: HasDatabase, kinds: Iterable[str]) -> bool:
    """Tell whether there is a job to run now: asking the queue itself takes a connection."""
    pool = await platform.database.fast(Role.WORKER)
    waits: bool = await pool.fetchval(_WAITING, list(kinds))
    return waits


_WAITING: Final = """
select exists (
    select from jobs.pgqueuer
    where status = 'queued' and entrypoint = any($1) and execute_after <= now())
"""


async def run_jobs(platform: P, jobs: Mapping[str, Run[P]], *, until_empty: bool = False) -> None:
    """Run jobs until cancelled, or until the queue is empty."""
    connection = await platform.database.connection(Role.WORKER)
    try:
        queue = PgQueuer(AsyncpgDriver(connection), queries=queries(AsyncpgDriver(connection)))
        free = asyncio.Semaphore(JOBS_AT_ONCE_MAX)
        for kind, run in jobs.items():
            _register(queue, platform, kind, run, free)
        how: dict[str, Any] = {"mode": QueueExecutionMode.continuous}
        if until_empty:
            # A job that failed is due again in a second; by itself the library looks in 30.
            how = {"mode": QueueExecutionMode.drain, "dequeue_timeout": timedelta(seconds=1)}
        await queue.qm.run(max_concurrent_tasks=JOBS_PICKED_MAX, **how)
    finally:
        await connection.close()


def _register(
    queue: PgQueuer, platform: P, kind: str, run: Run[P], free: asyncio.Semaphore
) -> None:
    of_nobody = asyncio.Semaphore(JOBS_OF_COMPANY_MAX)

    async def entrypoint(job: QueuedJob) -> None:
        # Of a company no more is picked than may run (see `job_turns`).
        own = nullcontext() if "company" in (job.headers or {}) else of_nobody
        try:
            async with own, free:
                await run(platform, msgspec.json.decode(job.payload or b"{}"))
        except Exception:
            JOBS_DONE.labels(kind, "failed").inc()
            log.exception("job_failed", kind=kind, job=str(job.id), attempt=job.attempts)
            raise
        JOBS_DONE.labels(kind, "done").inc()

    def with_retries(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
        return DatabaseRetryEntrypointExecutor(parameters, max_attempts=JOB_ATTEMPTS_MAX)

    queue.entrypoint(kind, executor_factory=with_retries)(entrypoint)
