"""Timers and jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pgqueuer import AsyncpgDriver
from sqlalchemy import select, text

from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import JOBS_AT_ONCE_MAX
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.job_queue import queries, run_jobs
from marketplace.platform.jobs import enqueue
from marketplace.platform.tables import TimerRow
from marketplace.platform.timers import LEASE, DueTimers, fire_due, set_timer
from tests.support.waiting import GIVE_UP_S, until

MoveClock = Callable[[timedelta], Awaitable[None]]


async def remind(platform: Platform, subject: UUID, ahead: timedelta) -> None:
    async with system_transaction(platform, Role.ENGINE) as tx:
        await set_timer(tx, "close", subject, tx.opened_at + ahead)


async def test_a_timer_fires_at_its_instant_and_not_before(
    platform: Platform, move_clock: MoveClock
) -> None:
    fired: list[UUID] = []
    subject = new_id()

    async def fire(_platform: Platform, subject_id: UUID) -> None:
        fired.append(subject_id)

    await remind(platform, subject, timedelta(minutes=5))
    assert await fire_due(platform, {"close": fire}) == 0
    assert fired == []
    await move_clock(timedelta(minutes=5))
    await fire_due(platform, {"close": fire})
    await fire_due(platform, {"close": fire})
    assert fired == [subject]


async def test_a_timer_set_anew_for_its_own_instant_is_not_forgotten(
    platform: Platform, move_clock: MoveClock
) -> None:
    """The clock was put back while it was handled: it was not time after all."""
    fired: list[UUID] = []
    subject = new_id()
    async with system_transaction(platform, Role.ENGINE) as tx:
        due_at = tx.opened_at + timedelta(minutes=5)
        await set_timer(tx, "close", subject, due_at)

    async def fire(_platform: Platform, subject_id: UUID) -> None:
        fired.append(subject_id)
        if len(fired) == 1:
            await move_clock(-timedelta(minutes=5))
            async with system_transaction(platform, Role.WORKER) as tx:
                await set_timer(tx, "close", subject_id, due_at)

    await move_clock(timedelta(minutes=5))
    await fire_due(platform, {"close": fire})
    await move_clock(timedelta(minutes=5))
    await fire_due(platform, {"close": fire})
    assert fired == [subject] * 2


async def test_a_timer_that_moves_fires_only_at_its_new_instant(
    platform: Platform, move_clock: MoveClock
) -> None:
    fired: list[UUID] = []

    async def fire(_platform: Platform, subject_id: UUID) -> None:
        fired.append(subject_id)

    subject = new_id()
    await remind(platform, subject, timedelta(minutes=5))
    await remind(platform, subject, timedelta(minutes=10))
    await move_clock(timedelta(minutes=6))
    await fire_due(platform, {"close": fire})
    assert fired == []


async def test_two_workers_take_a_timer_once(platform: Platform) -> None:
    fired: list[UUID] = []

    async def fire(_platform: Platform, subject_id: UUID) -> None:
        fired.append(subject_id)
        await asyncio.sleep(0.05)

    await remind(platform, new_id(), timedelta())
    await asyncio.gather(*(fire_due(platform, {"close": fire}) for _ in range(4)))
    assert len(fired) == 1


async def test_a_timer_that_fails_comes_back_when_its_lease_is_over(
    platform: Platform, move_clock: MoveClock
) -> None:
    attempts: list[int] = []

    async def fire(_platform: Platform, _subject: UUID) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("away")

    await remind(platform, new_id(), timedelta())
    await fire_due(platform, {"close": fire})
    await fire_due(platform, {"close": fire})
    assert len(attempts) == 1
    await move_clock(LEASE + timedelta(seconds=1))
    await fire_due(platform, {"close": fire})
    assert len(attempts) == 2
    async with system_transaction(platform, Role.WORKER) as tx:
        assert await tx.all(select(TimerRow.kind)) == []


async def test_a_slow_timer_holds_up_no_other_and_keeps_its_lease(
    platform: Platform, move_clock: MoveClock
) -> None:
    slow, quick = new_id(), new_id()
    begun: list[UUID] = []
    go_on = asyncio.Event()

    async def fire(_platform: Platform, subject: UUID) -> None:
        begun.append(subject)
        if subject == slow:
            await go_on.wait()

    timers, others = DueTimers(platform, {"close": fire}), DueTimers(platform, {"close": fire})
    await remind(platform, slow, timedelta())
    await timers.fire()
    await remind(platform, quick, timedelta())
    await timers.fire()
    await until(lambda: len(begun) == 2)
    assert begun == [slow, quick]
    for _ in range(3):
        await move_clock(LEASE * 0.6)
        await timers.fire()
        await others.fire()
    go_on.set()
    await timers.finished()
    await others.finished()
    assert begun == [slow, quick]
    async with system_transaction(platform, Role.WORKER) as tx:
        assert await tx.all(select(TimerRow.kind)) == []


async def test_a_timer_without_a_handler_waits_for_a_worker_that_has_one(
    platform: Platform,
) -> None:
    await remind(platform, new_id(), timedelta())
    assert await fire_due(platform, {}) == 0
    async with system_transaction(platform, Role.WORKER) as tx:
        assert await tx.scalar(select(TimerRow.attempts)) == 0


async def test_a_job_runs_once_after_the_commit_and_not_at_all_after_a_rollback(
    platform: Platform,
) -> None:
    ran: list[Mapping[str, Any]] = []

    async def run(_platform: Platform, payload: Mapping[str, Any]) -> None:
        ran.append(payload)

    async with system_transaction(platform, Role.API) as tx:
        await enqueue(tx, "count", {"n": 1})
    with pytest.raises(RuntimeError, match="no"):
        async with system_transaction(platform, Role.API) as tx:
            await enqueue(tx, "count", {"n": 2})
            raise RuntimeError("no")
    await run_jobs(platform, {"count": run}, until_empty=True)
    assert ran == [{"n": 1}]


async def test_a_job_lies_in_the_queue_as_the_library_itself_would_have_put_it(
    platform: Platform,
) -> None:
    payload = {"n": 1}
    async with system_transaction(platform, Role.WORKER) as tx:
        await enqueue(tx, "count", payload)
        driver = AsyncpgDriver(await tx.raw())
        await queries(driver).enqueue("count", msgspec.json.encode(payload))
        for table in ("pgqueuer", "pgqueuer_log"):
            rows = await tx.all(text(f"select to_jsonb(t) as row from jobs.{table} t order by id"))
            ours, theirs = ({k: v for k, v in row.row.items() if k not in _OWN} for row in rows)
            assert ours == theirs
        await tx.execute(text("delete from jobs.pgqueuer"))


_OWN = {"id", "job_id"}
"""What two jobs never have in common; times are those of the transaction."""


async def test_many_jobs_that_need_two_connections_each_do_not_wait_for_each_other(
    platform: Platform,
) -> None:
    done: list[int] = []
    inside = most = 0

    async def run(platform: Platform, payload: Mapping[str, Any]) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        async with (
            system_transaction(platform, Role.ENGINE),
            system_transaction(platform, Role.ENGINE),
        ):
            done.append(payload["number"])
        inside -= 1

    async with system_transaction(platform, Role.WORKER) as tx:
        for number in range(50):
            await enqueue(tx, "two_connections", {"number": number})
    async with asyncio.timeout(GIVE_UP_S):
        await run_jobs(platform, {"two_connections": run}, until_empty=True)
    assert sorted(done) == list(range(50))
    assert 1 < most <= JOBS_AT_ONCE_MAX
