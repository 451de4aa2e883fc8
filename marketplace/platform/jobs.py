"""Long work, done by the worker (pgqueuer), and what its owner sees of it.

A job is enqueued in the transaction that needs it: where that rolls back, there is no job. It may
start again after a crash, so its effects must be harmless when repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

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
from sqlalchemy import func, insert, select, update

from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import JOB_ATTEMPTS_MAX, JOBS_AT_ONCE_MAX, JOBS_PICKED_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.database import (
    HasDatabase,
    Role,
    Transaction,
    system_transaction,
    transaction,
)
from marketplace.platform.tables import JobRow
from marketplace.platform.telemetry import JOBS_DONE, log

P = TypeVar("P", bound=HasDatabase)
Run = Callable[[P, Mapping[str, Any]], Awaitable[None]]

_SETTINGS: Final = DBSettings(db_schema="jobs")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; `total` is null while it is not known."""

    done: int
    total: int | None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """Long work as its owner sees it."""

    id: UUID
    kind: str
    status: str
    progress: Progress
    result: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


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


async def start_job(tx: Transaction, caller: Caller, kind: str, payload: Mapping[str, Any]) -> UUID:
    """Enqueue a job its owner can watch; `payload` gains ``job_id`` and ``organization_id``."""
    job_id = new_id()
    await tx.execute(
        insert(JobRow).values(
            id=job_id, organization_id=caller.organization_id, kind=kind, status="queued"
        )
    )
    owned = {"job_id": job_id, "organization_id": caller.organization_id}
    await enqueue(tx, kind, {**payload, **owned})
    return job_id


async def report_progress(
    platform: HasDatabase, job_id: UUID, organization_id: UUID, done: int, total: int | None
) -> None:
    """Tell the owner how far a job is."""
    async with system_transaction(platform, Role.WORKER, organization_id=organization_id) as tx:
        await tx.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(status="running", done=done, total=total)
        )


async def finish_job(
    tx: Transaction, job_id: UUID, status: str, result: Mapping[str, Any], done: int
) -> None:
    """Close a job as ``done`` or ``failed``, in the transaction that holds its effects."""
    await tx.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(status=status, result=result, done=done, total=done, finished_at=func.clock())
    )


async def read_job(platform: HasDatabase, caller: Caller, job_id: UUID) -> JobView:
    """Read one of the caller's company's jobs; raises NotFound."""
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(
                JobRow.id,
                JobRow.kind,
                JobRow.status,
                JobRow.done,
                JobRow.total,
                JobRow.result,
                JobRow.created_at,
                JobRow.finished_at,
            ).where(JobRow.id == job_id)
        )
    if row is None:
        raise NotFound("There is no such job.")
    return JobView(
        id=row.id,
        kind=row.kind,
        status=row.status,
        progress=Progress(done=row.done, total=row.total),
        result=row.result,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


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
