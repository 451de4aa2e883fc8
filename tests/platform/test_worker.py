"""The worker's loops: they sleep until there is work, and wake in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.backlog import look
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.feature import Consumer
from marketplace.platform.outbox import NumberedEvent
from marketplace.platform.tables import AuditIntakeRow, OutboxRow
from marketplace.platform.timers import fire_due, set_timer
from marketplace.worker import RETRY_SECONDS, Worker

LATE = timedelta(seconds=0.1)
"""How late a timer or an event may come, by `docs/operations.md`."""


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.3)  # it starts, and does what a new worker does first
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_timers_fire_at_their_instant_though_they_were_set_while_all_slept(
    platform: Platform, worker: Worker
) -> None:
    late: list[timedelta] = []
    due_at: dict[UUID, datetime] = {}

    async def fire(_platform: Platform, subject: UUID) -> None:
        async with system_transaction(platform, Role.WORKER) as tx:
            late.append(await tx.clock() - due_at[subject])

    worker.timers["test"] = fire
    async with working(worker):
        for seconds in (0.0, 0.13, 0.4):
            subject = new_id()
            async with system_transaction(platform, Role.ENGINE) as tx:
                due_at[subject] = tx.opened_at + timedelta(seconds=seconds)
                await set_timer(tx, "test", subject, due_at[subject])
        await until(lambda: len(late) == 3)
    assert all(timedelta() <= one for one in late)
    assert sorted(late)[1] < LATE, late  # one may meet a busy machine


async def test_a_consumer_that_failed_gets_its_event_again_though_nothing_else_happens(
    platform: Platform, worker: Worker
) -> None:
    handed: list[int] = []

    async def handle(_platform: Platform, _tx: Transaction, event: NumberedEvent) -> None:
        handed.append(event.version)
        if len(handed) == 1:
            raise OSError("away")

    worker.consumers.append(Consumer("test", frozenset({"rare"}), handle))
    async with working(worker):
        subject = new_id()
        async with system_transaction(platform, Role.ENGINE) as tx:
            tx.emit(Event("rare", "thing", subject, 1, frozenset([subject]), {}))
            tx.record("thing.made", "thing", subject, organization_id=subject)
        await until(lambda: len(handed) == 2)
        await asyncio.sleep(2 * RETRY_SECONDS)
    assert handed == [1, 1]
    async with system_transaction(platform, Role.WORKER) as tx:
        assert await tx.all(select(OutboxRow.id)) == []
        assert await tx.all(select(AuditIntakeRow.id)) == []


async def test_the_backlog_tells_of_what_waits_and_of_nothing_else(platform: Platform) -> None:
    nothing = await look(platform, ["near", "far"])
    assert (nothing.outbox, nothing.audit, nothing.last_event) == (False, False, 0)
    assert nothing.timer_in_s is None
    subject = new_id()
    async with system_transaction(platform, Role.ENGINE) as tx:
        tx.emit(Event("rare", "thing", subject, 1, frozenset([subject]), {}))
        tx.record("thing.made", "thing", subject, organization_id=subject)
        await set_timer(tx, "far", subject, tx.opened_at + timedelta(hours=1))
        await set_timer(tx, "foreign", subject, tx.opened_at)
        await set_timer(tx, "near", subject, tx.opened_at)
    there = await look(platform, ["near", "far"])
    assert (there.outbox, there.audit) == (True, True)
    assert there.timer_in_s is not None
    assert there.timer_in_s <= 0

    async def failing(_platform: Platform, _subject: UUID) -> None:
        raise OSError("away")

    await fire_due(platform, {"near": failing})
    leased = await look(platform, ["near", "far"])
    assert leased.timer_in_s is not None
    assert leased.timer_in_s > 0
