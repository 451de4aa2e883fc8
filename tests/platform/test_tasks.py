"""Tasks that run until they are cancelled."""

import asyncio
from contextlib import suppress

from marketplace.platform.tasks import end


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    asked = 0

    async def go_on() -> None:
        nonlocal asked
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        asked += 1
        await asyncio.sleep(60)

    async def fail() -> None:
        raise OSError

    tasks = [asyncio.create_task(go_on()), asyncio.create_task(fail())]
    await asyncio.sleep(0)
    await end(*tasks)
    assert asked == 1
    assert all(task.done() for task in tasks)
