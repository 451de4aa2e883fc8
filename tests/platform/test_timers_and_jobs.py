"""Timers and jobs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pgqueuer import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import DBSettings, QueryQueueBuilder
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy import select, text

from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import JOBS_AT_ONCE_MAX, JOBS_OF_COMPANY_MAX, JOBS_PICKED_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction
from marketplace.platform.job_queue import queries, run_jobs
from marketplace.platform.jobs import enqueue
from marketplace.platform.tables import TimerRow
from marketplace.platform.timers import LEASE, DueTimers, fire_due, set_timer
from tests.support.waiting import GIVE_UP_S, until

MoveClock = Callable[[timedelta], Awaitable[None]]


def caller() -> Caller:
    company = new_id()
    return Caller(company, company, (company,), new_id(), frozenset(), frozenset())


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
    payload, who = {"n": 1}, caller()
    for company in (who, None):
        async with system_transaction(platform, Role.WORKER) as tx:
            tx.caller = company
            await enqueue(tx, "count", payload)
            driver = AsyncpgDriver(await tx.raw())
            headers = None if company is None else {"company": str(company.organization_id)}
            await queries(driver).enqueue("count", msgspec.json.encode(payload), headers=headers)
            assert await alike(tx, "pgqueuer", "pgqueuer_log")
            await tx.execute(text("delete from jobs.pgqueuer"))
            await tx.execute(text("delete from jobs.pgqueuer_log"))


async def test_a_job_is_taken_as_the_library_itself_would_take_it(platform: Platform) -> None:
    async with system_transaction(platform, Role.WORKER) as tx:
        for _ in range(2):
            await enqueue(tx, "count", {"n": 1})
        ours = queries(AsyncpgDriver(await tx.raw()))
        theirs = queries(AsyncpgDriver(await tx.raw()))
        theirs.qbq = QueryQueueBuilder(DBSettings(db_schema="jobs"))
        # What was put in by a transaction is due a moment after its start.
        await tx.execute(text("update jobs.pgqueuer set execute_after = now() - interval '1 s'"))
        manager = new_id()
        for library in (ours, theirs):
            (job,) = await library.dequeue(
                1,
                {"count": EntrypointExecutionParameter(concurrency_limit=0)},
                manager,
                JOBS_PICKED_MAX,
                timedelta(seconds=30),
            )
            assert job.payload == b'{"n":1}'
        assert await alike(tx, "pgqueuer", "pgqueuer_log")
        await tx.execute(text("delete from jobs.pgqueuer"))


async def alike(tx: Transaction, *tables: str) -> bool:
    """Whether all that was done to one of two jobs was done to the other."""
    for table in tables:
        rows = await tx.all(text(f"select to_jsonb(t) as row from jobs.{table} t order by id"))
        known = [{k: v for k, v in row.row.items() if k not in _OWN} for row in rows]
        jobs: dict[Any, list[Any]] = {}
        for row, shown in zip(rows, known, strict=True):
            jobs.setdefault(row.row.get("job_id", row.row["id"]), []).append(shown)
        one, other = jobs.values()
        if one != other:
            return False
    return True


_OWN = {"id", "job_id"}
"""What two jobs never have in common; times are those of the transaction."""


class Crowd:
    """Jobs that go on until they are let go, and how many of each company are under way."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.go_on = asyncio.Event()
        self.begun: list[str] = []
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def put(self, name: str, who: Caller | None, times: int) -> None:
        opened = (
            system_transaction(self.platform, Role.WORKER)
            if who is None
            else transaction(self.platform, who)
        )
        async with opened as tx:
            for _ in range(times):
                await enqueue(tx, "wait", {"name": name})

    async def run(self, _platform: Platform, payload: Mapping[str, Any]) -> None:
        name = payload["name"]
        self.begun.append(name)
        self.under_way[name] += 1
        self.most[name] = max(self.most[name], self.under_way[name])
        await self.go_on.wait()
        self.under_way[name] -= 1

    async def has_begun(self, name: str) -> None:
        await until(lambda: name in self.begun)


@pytest.mark.parametrize("many", [caller(), None])
async def test_who_asks_for_many_jobs_leaves_room_for_who_comes_later(
    platform: Platform, many: Caller | None
) -> None:
    crowd, times = Crowd(platform), JOBS_PICKED_MAX + 5
    await crowd.put("many", many, times)
    worker = asyncio.create_task(run_jobs(platform, {"wait": crowd.run}, until_empty=True))
    await crowd.has_begun("many")
    for name in ("second", "third"):
        await crowd.put(name, caller(), 1)
        await crowd.has_begun(name)
    assert crowd.under_way["many"] == JOBS_OF_COMPANY_MAX
    crowd.go_on.set()
    async with asyncio.timeout(GIVE_UP_S):
        await worker
    assert Counter(crowd.begun) == {"many": times, "second": 1, "third": 1}
    assert crowd.most["many"] == JOBS_OF_COMPANY_MAX


async def test_of_those_who_wait_whoever_has_fewest_under_way_is_next(platform: Platform) -> None:
    first, second, third = caller(), caller(), caller()
    crowd = Crowd(platform)
    for name, who, times in (("a", first, 3), ("b", second, 2), ("c", third, 1)):
        await crowd.put(name, who, times)
    crowd.go_on.set()
    await run_jobs(platform, {"wait": crowd.run}, until_empty=True)
    assert crowd.begun == ["a", "b", "c", "a", "b", "a"]


async def test_what_a_worker_that_died_had_taken_is_taken_by_another(platform: Platform) -> None:
    crowd = Crowd(platform)
    await crowd.put("left", caller(), 1)
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.execute(_LEFT_BEHIND, {"manager": new_id()})
    crowd.go_on.set()
    worker = asyncio.create_task(run_jobs(platform, {"wait": crowd.run}))
    try:
        await crowd.has_begun("left")
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


_LEFT_BEHIND = text("""
update jobs.pgqueuer set status = 'picked', queue_manager_id = :manager,
    heartbeat = now() - interval '1 h'
""")


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
