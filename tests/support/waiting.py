"""Waiting for a state, however slow the machine is: never for a time that hopes to be enough."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from marketplace.platform.database import Transaction

GIVE_UP_S = 60
"""What has not come by then does not come."""


async def until(reached: Callable[[], object]) -> None:
    """Return as soon as it is so; raises TimeoutError where it does not become so."""
    async with asyncio.timeout(GIVE_UP_S):
        while not reached():
            await asyncio.sleep(0.001)


async def until_held_up(task: asyncio.Task[Any], by: Transaction) -> None:
    """Return as soon as something waits for this transaction's locks, or the task is over."""
    waiting = text("select pid from pg_locks where pg_backend_pid() = any (pg_blocking_pids(pid))")
    async with asyncio.timeout(GIVE_UP_S):
        while not task.done() and not await by.all(waiting):
            await asyncio.sleep(0.001)
