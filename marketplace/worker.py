"""The worker: numbers events, chains the audit trail, fires timers, runs jobs, feeds consumers.

Punctual timers have a thread, a loop and connections of their own: nothing else holds them up. Any
number of workers may run. What must be one at a time is so by a lock in the database; all else is
taken row by row.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from marketplace.app import Assembly, assemble
from marketplace.kernel.limits import FORGET_BATCH_MAX
from marketplace.platform.audit import chain_entries
from marketplace.platform.backlog import look
from marketplace.platform.beside import run_beside
from marketplace.platform.consumers import feed
from marketplace.platform.core import Platform
from marketplace.platform.feature import Forget
from marketplace.platform.job_queue import jobs_wait, run_jobs
from marketplace.platform.outbox import number_events
from marketplace.platform.retention import forget_answers, forget_failures
from marketplace.platform.telemetry import log
from marketplace.platform.timers import LOOK_SECONDS, DueTimers, fire_due

FORGET_SECONDS: Final = 600.0
"""How often a worker looks for what is no longer kept."""
RETRY_SECONDS: Final = 0.5


class Worker:
    """The loops of one worker process."""

    def __init__(self, assembly: Assembly) -> None:
        self.platform = assembly.platform
        self.features = assembly.features
        self.jobs = {job.kind: job.run for f in assembly.features for job in f.jobs}
        timers = [timer for f in assembly.features for timer in f.timers]
        self.timers = {timer.kind: timer.fire for timer in timers if not timer.punctual}
        self.punctual = {timer.kind: timer.fire for timer in timers if timer.punctual}
        self.consumers = [c for f in assembly.features for c in f.consumers]
        self.forgets: list[Forget] = [forget_answers, forget_failures]
        self.forgets += [forget for f in assembly.features for forget in f.forgets]

    async def run(self) -> None:
        """Work until cancelled."""
        async with AsyncExitStack() as stack:
            for feature in self.features:
                for part in feature.worker_lifespans:
                    await stack.enter_async_context(part(self.platform))
            timers = DueTimers(self.platform, self.timers)
            stack.push_async_callback(timers.stop)
            lookout = _Lookout(self, timers)
            async with asyncio.TaskGroup() as group:
                for sleeper in lookout.sleepers:
                    group.create_task(sleeper.run())
                if self.punctual:
                    group.create_task(run_beside("punctual-timers", self._keep_time))
                group.create_task(_loop("look", lookout.look))
                group.create_task(_loop("jobs", self._run_jobs))
                group.create_task(_loop("retention", self.forget))

    async def run_until_idle(self) -> None:
        """Do all there is to do now, then return: for tests and one-off commands."""
        timers = self.timers | self.punctual
        read = -1
        busy = True
        while busy:
            busy = await jobs_wait(self.platform, self.jobs)
            if busy:
                await run_jobs(self.platform, self.jobs, until_empty=True)
            backlog = await look(self.platform, list(timers))
            if backlog.timer_is_due:
                busy = await fire_due(self.platform, timers) > 0 or busy
            if backlog.outbox:
                busy = await number_events(self.platform) > 0 or busy
            if backlog.audit:
                busy = await chain_entries(self.platform) > 0 or busy
            if backlog.last_event > read:
                for consumer in self.consumers:
                    while await feed(self.platform, consumer):
                        busy = True
                read = backlog.last_event

    async def forget(self) -> float:
        """Delete a batch of each kind of rows that are no longer kept; give when to come again."""
        counts = [await forget(self.platform) for forget in self.forgets]
        return 0.0 if max(counts) >= FORGET_BATCH_MAX else FORGET_SECONDS

    async def _keep_time(self) -> None:
        platform = assemble(self.platform.settings).platform
        try:
            timers = DueTimers(platform, self.punctual)
            try:
                await _loop("punctual timers", timers.keep_time)
            finally:
                await timers.stop()
        finally:
            await platform.close()

    async def _run_jobs(self) -> float:
        await run_jobs(self.platform, self.jobs)
        return 0.0


class _Lookout:
    """Asks by one query what waits, and wakes the loops it is for: idle ones cost nothing."""

    def __init__(self, worker: Worker, timers: DueTimers[Platform]) -> None:
        platform = worker.platform
        self._platform = platform
        self._timer_kinds = list(worker.timers)
        self._timers = timers
        self._last_event: int | None = None
        self._sequencer = _Sleeper("sequencer", partial(number_events, platform))
        self._audit = _Sleeper("audit", partial(chain_entries, platform))
        self._firing = _Sleeper("timers", timers.fire)
        self._readers = [_Sleeper(c.name, partial(feed, platform, c)) for c in worker.consumers]
        self.sleepers = [self._sequencer, self._audit, self._firing, *self._readers]

    async def look(self) -> float:
        """Wake what has work; give the seconds until the next look."""
        backlog = await look(self._platform, self._timer_kinds)
        if backlog.outbox:
            self._sequencer.wake()
        if backlog.audit:
            self._audit.wake()
        if backlog.last_event != self._last_event:
            self._last_event = backlog.last_event
            for reader in self._readers:
                reader.wake()
        if backlog.timer_is_due or self._timers.under_way:
            self._firing.wake()
        if backlog.timer_is_due or backlog.timer_in_s is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, backlog.timer_in_s)


class _Sleeper:
    """A loop that, once woken, works until nothing is left; what fails is tried again."""

    def __init__(self, name: str, step: Callable[[], Awaitable[int]]) -> None:
        self._name = name
        self._step = step
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        await _loop(self._name, self._work)

    async def _work(self) -> float:
        await self._woken.wait()
        self._woken.clear()
        try:
            while await self._step():
                pass
        except BaseException:
            self._woken.set()
            raise
        return 0.0


async def _loop(name: str, step: Callable[[], Awaitable[float]]) -> None:
    while True:
        try:
            pause = await step()
        except Exception as error:  # noqa: BLE001 - a loop outlives a database that is away
            log.warning("worker_loop_failed", loop=name, error=repr(error))
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
