"""The collection of garbage, told what lives as long as the process.

A look at all that a process of ours holds takes a tenth of a second and more, in which the
interpreter does nothing else: no request is answered, and no auction starts or ends.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

Thresholds = tuple[int, int, int]
SELDOM: Final = (20_000, 10, 20)
"""Since pages make thousands of values; not so seldom that garbage in cycles becomes a tenth of the
process."""
BRIEFLY: Final = (2_000, 10, 20)
"""For a worker, which makes much garbage: 20,000 values take 20 ms, as long as a close is late."""
SETTLED_S: Final = 2.0
"""After the start what it left behind is collected, once: neither the start nor, with luck, a
request waits for it."""


@contextmanager
def settled(thresholds: Thresholds, after_s: float = SETTLED_S) -> Iterator[None]:
    """Look no more at what a process has begun with; needs a running event loop."""
    settling = asyncio.get_running_loop().call_later(after_s, _collect_once)
    gc.freeze()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        settling.cancel()


def _collect_once() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
