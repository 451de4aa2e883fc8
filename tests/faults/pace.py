"""How much slower than two idle cores this machine is, while others use it too."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.bidders import LONG

SAMPLE_S = 0.05


CROWDED = 2.0
"""Where threads must wait for their core as long as they have it, seconds measure the others."""
SPARE = 1 if LONG else 6
"""The suite may run on slower cores and a slower disk: there a promise may take so much longer."""


class Pace:
    """Watches how many threads want a core: promises in seconds stretch as far as they must wait.

    The product's own threads count as well; on a machine that has nothing else to do they seldom
    want more cores than there are, and a second is a second. On a crowded machine a measured time
    is printed and says nothing.
    """

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._cores = min(2, len(os.sched_getaffinity(0)))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Pace"]:
        """Watch while the block runs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._samples.append((time.monotonic(), max(1.0, _wanting() / self._cores)))
            await asyncio.sleep(SAMPLE_S)

    def slowdown(self, since: float) -> float:
        """Give by how much a second was longer since an instant."""
        found = [slow for at, slow in self._samples if at >= since] or [1.0]
        return sum(found) / len(found)

    def allowed(self, seconds: float, since: float) -> float:
        """Give how long a promise of so many seconds may take; endless where it is crowded."""
        slowdown = self.slowdown(since)
        return seconds * slowdown * SPARE if slowdown < CROWDED else float("inf")


def _wanting() -> int:
    """Give how many threads run or wait for a core at this moment."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
