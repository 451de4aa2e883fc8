"""Long work, done by the worker (pgqueuer).

A job is enqueued in the transaction that needs it: where that rolls back, there is no job. It may
start again after a crash, so its effects must be harmless when repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from pgqueuer import AsyncpgDriver, DatabaseRetryEntrypointExecutor, PgQueuer, Queries
from pgqueuer.adapters.persistence.qb import (
    DBSettings,
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.core.executors import EntrypointExecutorParameters
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.types import QueueExecutionMode

from marketplace.kernel.limits import JOB_ATTEMPTS_MAX, JOBS_AT_ONCE_MAX, JOBS_PICKED_MAX
from marketplace.platform.database import (
    HasDatabase,
    Role,
    Transaction,
)
from marketplace.platform.telemetry import JOBS_DONE, log

P = TypeVar("P", bound=HasDatabase)
Run = Callable[[P, Mapping[str, Any]], Awaitable[None]]

_SETTINGS: Final = DBSettings(db_schema="jobs")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; `total` is null while it is not known."""

    done: int
    total: int | None


def _queries(driver: AsyncpgDriver) -> Queries:
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_SETTINGS),
        qbq=QueryQueueBuilder(_SETTINGS),
        qbs=QuerySchedulerBuilder(_SETTINGS),
    )


async def enqueue(tx: Transaction, kind: str, payload: Mapping[str, Any]) -> None:
    """Have the worker run the job of `kind` with `payload` once this transaction commits."""
    connection = await tx.raw()
    if not connection.is_in_transaction():
        msg = "a job is enqueued inside of a transaction"
        raise RuntimeError(msg)
    await _queries(AsyncpgDriver(connection)).enqueue(kind, msgspec.json.encode(payload))


async def run_jobs(platform: P, jobs: Mapping[str, Run[P]], *, until_empty: bool = False) -> None:
    """Run jobs until cancelled, or until the queue is empty."""
    connection = await platform.database.connection(Role.WORKER)
    try:
        queue = PgQueuer(AsyncpgDriver(connection), queries=_queries(AsyncpgDriver(connection)))
        free = asyncio.Semaphore(JOBS_AT_ONCE_MAX)
        for kind, run in jobs.items():
            _register(queue, platform, kind, run, free)
        mode = QueueExecutionMode.drain if until_empty else QueueExecutionMode.continuous
        await queue.qm.run(mode=mode, max_concurrent_tasks=JOBS_PICKED_MAX)
    finally:
        await connection.close()


def _register(
    queue: PgQueuer, platform: P, kind: str, run: Run[P], free: asyncio.Semaphore
) -> None:
    async def entrypoint(job: QueuedJob) -> None:
        try:
            async with free:
                await run(platform, msgspec.json.decode(job.payload or b"{}"))
        except Exception:
            JOBS_DONE.labels(kind, "failed").inc()
            log.exception("job_failed", kind=kind, job=str(job.id), attempt=job.attempts)
            raise
        JOBS_DONE.labels(kind, "done").inc()

    def with_retries(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
        return DatabaseRetryEntrypointExecutor(parameters, max_attempts=JOB_ATTEMPTS_MAX)

    queue.entrypoint(kind, executor_factory=with_retries)(entrypoint)
