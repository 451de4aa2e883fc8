"""Work that must not wait for the other work of its process: an event loop in a thread of its own.

The interpreter lets one thread run at a time, and asks it to make room after a while. That while is
shortened here: work beside gets its turn within about a millisecond, however busy the main loop is.
What it uses it makes itself: connections belong to one event loop.
"""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Final

TURN_SECONDS: Final = 0.001
"""How long one thread of the process may keep another that wants to run from running."""


async def run_beside(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` on a loop of its own until it ends; raises what it raises.

    Cancelled, it cancels the work and waits for its end.
    """
    sys.setswitchinterval(TURN_SECONDS)
    beside = _Beside(work)
    thread = threading.Thread(target=beside.run, name=name, daemon=True)
    thread.start()
    try:
        await asyncio.shield(asyncio.wrap_future(beside.ended))
    except asyncio.CancelledError:
        beside.cancel()
        await asyncio.to_thread(thread.join)
        raise


class _Beside:
    """The thread's side: one task on one loop."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._loop_class = type(asyncio.get_running_loop())
        self._begun = threading.Event()
        self._cancel: Callable[[], object] = lambda: None
        self.ended: Future[None] = Future()

    def run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_class) as runner:
                runner.run(self._main())
        except asyncio.CancelledError:
            self.ended.set_result(None)  # only `cancel` does that
        except BaseException as error:  # noqa: BLE001 - told to who waits for the end
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)
        finally:
            self._begun.set()

    async def _main(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(self._work())
        self._cancel = partial(loop.call_soon_threadsafe, task.cancel)
        self._begun.set()
        await task

    def cancel(self) -> None:
        """Have the work cancelled, unless it has ended or could not begin."""
        self._begun.wait()
        with suppress(RuntimeError):  # it ended meanwhile, and the loop is closed
            self._cancel()
