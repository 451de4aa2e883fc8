"""The end of tasks that run until they are cancelled."""

import asyncio
from typing import Any, Final

AGAIN_SECONDS: Final = 0.1


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait for their end; what they failed with is not raised.

    One that goes on is cancelled again: `asyncio.wait_for` of Python 3.11, by which commands go to
    Redis, swallows a cancellation that comes when what it waits for has just ended.
    """
    going_on = set(tasks)
    while going_on:
        for task in going_on:
            task.cancel()
        _, going_on = await asyncio.wait(going_on, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
