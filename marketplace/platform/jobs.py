"""Long work, done by the worker.

A job is enqueued in the transaction that needs it: where that rolls back, there is no job. It may
start again after a crash, so its effects must be harmless when repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from marketplace.platform.database import HasDatabase, Transaction

P = TypeVar("P", bound=HasDatabase)
Run = Callable[[P, Mapping[str, Any]], Awaitable[None]]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; `total` is null while it is not known."""

    done: int
    total: int | None


async def enqueue(tx: Transaction, kind: str, payload: Mapping[str, Any]) -> None:
    """Have the worker run the job of `kind` with `payload` once this transaction commits."""
    connection = await tx.raw()
    if not connection.is_in_transaction():
        msg = "a job is enqueued inside of a transaction"
        raise RuntimeError(msg)
    # Beside the event loop: the first time takes a quarter of a second.
    queue = await asyncio.to_thread(import_module, "marketplace.platform.job_queue")
    await queue.put(connection, kind, payload)
