"""Waiting for a state, however slow the machine is: never for a time that hopes to be enough."""

import asyncio
from collections.abc import Callable

GIVE_UP_S = 60
"""What has not come by then does not come."""


async def until(reached: Callable[[], object]) -> None:
    """Return as soon as it is so; raises TimeoutError where it does not become so."""
    async with asyncio.timeout(GIVE_UP_S):
        while not reached():
            await asyncio.sleep(0.001)
