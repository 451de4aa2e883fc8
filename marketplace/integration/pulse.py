"""Wakes long polls: one small query of the process for all who wait, however many they are.

While anybody waits, the audiences of newly numbered events are read every tenth of a second, and
those companies' readers woken; while nobody waits, nothing is asked.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import EVENT_BATCH_MAX, FEED_WAITERS_MAX
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.telemetry import log

INTERVAL_S: Final = 0.1
_LAST: Final = "select last from event_counter"
_NEW: Final = "select number, audience from events where number > $1 order by number limit $2"


class Pulse:
    """Knows which companies wait for events and tells them when there are some."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiters: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._count = 0
        self._beat: asyncio.Task[None] | None = None
        self._began = asyncio.Event()

    @asynccontextmanager
    async def hearing(self, company_id: UUID) -> AsyncIterator[asyncio.Event | None]:
        """Give an event that is set once something new is numbered for this company.

        None where too many wait already. Whatever is numbered after this block began is heard.
        """
        if self._count >= FEED_WAITERS_MAX:
            yield None
            return
        heard = asyncio.Event()
        self._count += 1
        self._waiters[company_id].add(heard)
        try:
            if self._beat is None or self._beat.done():
                self._began = asyncio.Event()
                self._beat = asyncio.create_task(self._watch(self._began))
            await self._began.wait()
            yield heard
        finally:
            self._count -= 1
            self._waiters[company_id].discard(heard)
            if not self._waiters[company_id]:
                del self._waiters[company_id]

    async def _watch(self, began: asyncio.Event) -> None:
        try:
            pool = await self._platform.database.fast(Role.WORKER)
            seen = await pool.fetchval(_LAST)
            began.set()
            while self._count:
                await asyncio.sleep(INTERVAL_S)
                for row in await pool.fetch(_NEW, seen, EVENT_BATCH_MAX):
                    seen = row["number"]
                    self._wake(row["audience"])
        except Exception as error:  # noqa: BLE001 - whoever waits is woken and sees for himself
            log.warning("pulse_failed", error=repr(error))
            for heard in [heard for some in self._waiters.values() for heard in some]:
                heard.set()
        finally:
            began.set()
            self._beat = None

    def _wake(self, audience: list[UUID]) -> None:
        companies = list(self._waiters) if PUBLIC in audience else audience
        for company_id in companies:
            for heard in self._waiters.get(company_id, ()):
                heard.set()

    async def stop(self) -> None:
        """Stop asking, when the process ends."""
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
