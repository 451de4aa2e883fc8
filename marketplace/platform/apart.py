"""Work with big libraries, in a process of its own: plots, typesetting, solving.

The API holds none of them: a plotter alone takes as much memory as all of its own code. A process
starts when it is first needed, is used again, and may be killed at any time; what runs there is a
function of a module, its arguments and its result are values.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
from anyio import BrokenWorkerProcess, CapacityLimiter, to_process
from anyio.lowlevel import RunVar

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import APART_AT_ONCE_MAX, APART_WAITING_MAX

T = TypeVar("T")

RETRY_SECONDS: Final = 5
_limiter: RunVar[CapacityLimiter] = RunVar("marketplace.platform.apart")


async def run_apart(function: Callable[..., T], *arguments: object, seconds_max: float) -> T:
    """Run a function in another process and give its result.

    Of errors it may raise only such as this process knows without the big library. Raises
    Unavailable when it took longer than `seconds_max` (the wait for a process included; the process
    is killed), when the process died, or when too many wait already.
    """
    limiter = _shared_limiter()
    if limiter.statistics().tasks_waiting >= APART_WAITING_MAX:
        raise Unavailable("Too much of this is under way; ask again.", retry_after_s=RETRY_SECONDS)
    try:
        with anyio.fail_after(seconds_max):
            return await to_process.run_sync(
                function, *arguments, cancellable=True, limiter=limiter
            )
    except TimeoutError:
        detail = f"This took longer than {seconds_max:g} s and was given up."
        raise Unavailable(detail, retry_after_s=RETRY_SECONDS) from None
    except BrokenWorkerProcess as error:
        detail = "The process that makes this ended before it was done; ask again."
        raise Unavailable(detail, retry_after_s=RETRY_SECONDS) from error


def _shared_limiter() -> CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(APART_AT_ONCE_MAX)
        _limiter.set(limiter)
        return limiter
