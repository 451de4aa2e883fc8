"""What is kept for a time only goes when that is over."""

from datetime import timedelta

import httpx
from sqlalchemy import func, insert, select

from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import IDEMPOTENCY_DAYS, JOB_LOG_DAYS
from marketplace.organizations.tables import SessionRow
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.tables import IdempotencyRow
from marketplace.worker import FORGET_SECONDS, Worker
from tests.conftest import MoveClock
from tests.support.world import World


async def count(platform: Platform, role: Role, table: type) -> int:
    async with system_transaction(platform, role) as tx:
        found: int = await tx.scalar(select(func.count()).select_from(table))
    return found


async def test_an_answer_is_forgotten_once_it_is_no_longer_replayed(
    platform: Platform, worker: Worker, move_clock: MoveClock
) -> None:
    company = new_id()

    async def answer(key: str) -> None:
        async with system_transaction(platform, Role.API, organization_id=company) as tx:
            values = {"organization_id": company, "operation": "submitOrder", "key": key}
            await tx.execute(
                insert(IdempotencyRow).values(**values, fingerprint=b"0" * 32, answer=b"{}")
            )

    await answer("early")
    await move_clock(timedelta(days=IDEMPOTENCY_DAYS))
    await answer("late")
    await move_clock(timedelta(minutes=1))
    assert await worker.forget() == FORGET_SECONDS
    assert await count(platform, Role.WORKER, IdempotencyRow) == 1


async def test_why_a_job_failed_is_forgotten_after_a_quarter(
    platform: Platform, worker: Worker
) -> None:
    pool = await platform.database.fast(Role.WORKER)
    for days in (JOB_LOG_DAYS - 1, JOB_LOG_DAYS + 1):
        await pool.execute(
            "insert into jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)"
            " values (now() - $1::interval, 1, 'exception', 0, 'catalog.import')",
            timedelta(days=days),
        )
    await worker.forget()
    assert await pool.fetchval("select count(*) from jobs.pgqueuer_log") == 1


async def test_a_session_is_forgotten_a_day_after_its_end(
    platform: Platform,
    worker: Worker,
    client: httpx.AsyncClient,
    world: World,
    move_clock: MoveClock,
) -> None:
    buyer = await world.buyer()
    await client.post("/v1/sessions", headers=buyer.headers)
    await move_clock(timedelta(hours=24))
    await worker.forget()
    assert await count(platform, Role.AUTH, SessionRow) == 1
    await move_clock(timedelta(hours=2))
    await worker.forget()
    assert await count(platform, Role.AUTH, SessionRow) == 0
