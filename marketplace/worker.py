"""The worker: numbers events, chains the audit trail, fires timers, runs jobs, feeds consumers.

Any number of workers may run. What must be one at a time is so by a lock in the database; all else
is taken row by row.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from marketplace.app import Assembly
from marketplace.kernel.limits import FORGET_BATCH_MAX
from marketplace.platform.audit import chain_entries
from marketplace.platform.database import Transaction, system_transaction
from marketplace.platform.feature import Consumer, Forget
from marketplace.platform.job_queue import run_jobs
from marketplace.platform.outbox import NumberedEvent, number_events
from marketplace.platform.retention import forget_answers
from marketplace.platform.tables import ConsumerRow, EventRow
from marketplace.platform.telemetry import log
from marketplace.platform.timers import DueTimers, fire_due

IDLE_SECONDS: Final = 0.05
"""How often an idle loop looks; an event reaches the feed about this long after its commit."""
FORGET_SECONDS: Final = 600.0
"""How often a worker looks for what is no longer kept."""
RETRY_SECONDS: Final = 0.5
CONSUMER_BATCH: Final = 200


class Worker:
    """The loops of one worker process."""

    def __init__(self, assembly: Assembly) -> None:
        self.platform = assembly.platform
        self.features = assembly.features
        self.jobs = {job.kind: job.run for f in assembly.features for job in f.jobs}
        self.timers = {timer.kind: timer.fire for f in assembly.features for timer in f.timers}
        self.consumers = [c for f in assembly.features for c in f.consumers]
        self.forgets: list[Forget] = [forget_answers]
        self.forgets += [forget for f in assembly.features for forget in f.forgets]

    async def run(self) -> None:
        """Work until cancelled."""
        async with AsyncExitStack() as stack:
            for feature in self.features:
                for part in feature.worker_lifespans:
                    await stack.enter_async_context(part(self.platform))
            timers = DueTimers(self.platform, self.timers)
            stack.push_async_callback(timers.stop)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop("sequencer", self._number))
                group.create_task(self._loop("audit", self._chain))
                group.create_task(self._loop("timers", timers.fire))
                group.create_task(self._loop("jobs", self._run_jobs))
                group.create_task(self._loop("retention", self.forget))
                for consumer in self.consumers:
                    group.create_task(self._loop(consumer.name, self._feeder(consumer)))

    async def run_until_idle(self) -> None:
        """Do all there is to do now, then return: for tests and one-off commands."""
        busy = True
        while busy:
            busy = await fire_due(self.platform, self.timers) == 0.0
            await run_jobs(self.platform, self.jobs, until_empty=True)
            busy = await number_events(self.platform) > 0 or busy
            await chain_entries(self.platform)
            for consumer in self.consumers:
                busy = await feed(self, consumer) > 0 or busy

    async def _loop(self, name: str, step: Callable[[], Awaitable[float]]) -> None:
        while True:
            try:
                pause = await step()
            except Exception as error:  # noqa: BLE001 - a loop outlives a database that is away
                log.warning("worker_loop_failed", loop=name, error=repr(error))
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _number(self) -> float:
        return 0.0 if await number_events(self.platform) else IDLE_SECONDS

    async def _chain(self) -> float:
        return 0.0 if await chain_entries(self.platform) else IDLE_SECONDS

    async def forget(self) -> float:
        """Delete a batch of each kind of rows that are no longer kept; give when to come again."""
        counts = [await forget(self.platform) for forget in self.forgets]
        return 0.0 if max(counts) >= FORGET_BATCH_MAX else FORGET_SECONDS

    async def _run_jobs(self) -> float:
        await run_jobs(self.platform, self.jobs)
        return 0.0

    def _feeder(self, consumer: Consumer) -> Callable[[], Awaitable[float]]:
        async def step() -> float:
            return 0.0 if await feed(self, consumer) else IDLE_SECONDS

        return step


async def feed(worker: Worker, consumer: Consumer) -> int:
    """Hand a consumer its next events, each in a transaction of its own; give how many.

    Its place moves over events of other kinds too: a consumer of a rare kind would read all that
    happened since, each time it looks.
    """
    handled = 0
    while handled < CONSUMER_BATCH:
        async with system_transaction(worker.platform, consumer.role) as tx:
            place = await _place_of(tx, consumer)
            last = await tx.scalar(select(func.max(EventRow.number))) or 0
            event = await _next_event(tx, consumer, place, last)
            if event is not None:
                await _handle(worker, consumer, tx, event)
            reached = last if event is None else event.number
            if reached > place:
                await tx.execute(
                    update(ConsumerRow)
                    .where(ConsumerRow.name == consumer.name)
                    .values(number=reached)
                )
        if event is None:
            return handled
        handled += 1
    return handled


async def _handle(
    worker: Worker, consumer: Consumer, tx: Transaction, event: NumberedEvent
) -> None:
    try:
        await consumer.handle(worker.platform, tx, event)
    except Exception:
        # It is tried until it succeeds, for the consumer sees its events in order: say which one.
        log.exception(
            "consumer_failed", consumer=consumer.name, number=event.number, kind=event.kind
        )
        raise


async def _place_of(tx: Transaction, consumer: Consumer) -> int:
    place = select(ConsumerRow.number).where(ConsumerRow.name == consumer.name)
    number = await tx.scalar(place.with_for_update())
    if number is None:
        await tx.execute(
            insert(ConsumerRow).values(name=consumer.name, number=0).on_conflict_do_nothing()
        )
        number = await tx.scalar(place.with_for_update())
    return int(number)


async def _next_event(
    tx: Transaction, consumer: Consumer, place: int, last: int
) -> NumberedEvent | None:
    row = await tx.maybe(
        select(
            EventRow.number,
            EventRow.event_id,
            EventRow.kind,
            EventRow.subject_kind,
            EventRow.subject_id,
            EventRow.version,
            EventRow.audience,
            EventRow.payload,
            EventRow.occurred_at,
        )
        .where(EventRow.number > place, EventRow.number <= last, EventRow.kind.in_(consumer.kinds))
        .order_by(EventRow.number)
        .limit(1)
    )
    if row is None:
        return None
    return NumberedEvent(
        row.number,
        row.event_id,
        row.kind,
        row.subject_kind,
        row.subject_id,
        row.version,
        frozenset(row.audience),
        row.payload,
        row.occurred_at,
    )
