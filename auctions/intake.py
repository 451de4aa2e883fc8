"""Intake: a queue per lot in each process, emptied batch by batch into the ledger.

A batch is whatever arrived while the one before was being committed, up to a bound; nothing waits
for a timer. So one bid alone is written at once, and under load a batch grows as large as it must.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from auctions.batch import Answer
from auctions.board import Board
from auctions.engine.events import Command, Event
from auctions.ledger import Ledger
from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.limits import (
    AUCTION_BATCH_MAX,
    AUCTION_QUEUE_MAX,
    AUCTION_REFUSALS_PER_MINUTE,
)
from marketplace.platform.core import Platform
from marketplace.platform.telemetry import log

BIDDERS_COUNTED_MAX: Final = 10_000
"""Bidders whose refusals one process counts; beyond it counting begins anew."""

Waiting = tuple[Command, "asyncio.Future[Event]"]


class RefusalLimit:
    """Counts refused bids per bidder in the last minute, in this process."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._refused_at: dict[UUID, deque[float]] = {}

    def may_refuse(self, bidder: UUID) -> bool:
        """Count a refusal; False, and not counted, if the bidder is over his limit."""
        now = time.monotonic()
        if len(self._refused_at) > BIDDERS_COUNTED_MAX:
            self._refused_at.clear()
        refused_at = self._refused_at.setdefault(bidder, deque())
        while refused_at and refused_at[0] <= now - 60:
            refused_at.popleft()
        if len(refused_at) >= self._per_minute:
            return False
        refused_at.append(now)
        return True


@dataclass(slots=True)
class _Queue:
    waiting: deque[Waiting] = field(default_factory=deque)
    emptying: "asyncio.Task[None] | None" = None


class Intake:
    """Takes commands on lots and gives what became of them, after the commit."""

    def __init__(self, platform: Platform, ledger: Ledger, board: Board) -> None:
        self._ledger = ledger
        self._board = board
        self._queues: dict[UUID, _Queue] = {}
        self._limit = RefusalLimit(
            platform.settings.refusals_per_minute or AUCTION_REFUSALS_PER_MINUTE
        )
        platform.before_close(self.drain)

    async def submit(self, lot_id: UUID, command: Command) -> Event:
        """Have a command decided; give the event it led to, once that is committed.

        A refused bid that has a number gives its entry too. Raises Unavailable before anything is
        queued if the queue is full, or if the outcome stays unknown; TooManyRequests for one
        refusal too many; KeyReused; and what `explain` says of commands the log does not take.
        """
        queue = self._queues.get(lot_id)
        if queue is None:
            queue = self._queues[lot_id] = _Queue()
        if len(queue.waiting) >= AUCTION_QUEUE_MAX:
            raise Unavailable("Too many bids are waiting; nothing was done.", retry_after_s=1)
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        queue.waiting.append((command, answer))
        if queue.emptying is None:
            queue.emptying = asyncio.create_task(self._empty(lot_id, queue))
        return await answer

    async def _empty(self, lot_id: UUID, queue: _Queue) -> None:
        waiting = queue.waiting
        while waiting:
            await _let_in(waiting)
            batch = [waiting.popleft() for _ in range(min(len(waiting), AUCTION_BATCH_MAX))]
            try:
                head, answers = await self._ledger.settle(
                    lot_id, [command for command, _ in batch], self._limit.may_refuse
                )
                _answer(batch, answers)
                self._board.offer(head)
            except MarketplaceError as error:
                _answer(batch, [error] * len(batch))
            except Exception as error:  # noqa: BLE001 - the callers must not wait for ever
                log.exception("batch_failed", lot=str(lot_id))
                unknown = Unavailable(
                    "Whether the bid was taken is unknown. Sending it again with the same "
                    "Idempotency-Key is safe.",
                    retry_after_s=1,
                )
                unknown.__cause__ = error
                _answer(batch, [unknown] * len(batch))
        del self._queues[lot_id]

    async def drain(self) -> None:
        """Wait until all that was queued is decided: for the end of a process."""
        while tasks := [queue.emptying for queue in self._queues.values() if queue.emptying]:
            await asyncio.wait(tasks)


async def _let_in(waiting: Sequence[Waiting]) -> None:
    """Let bids in that have reached this process and are not read yet.

    One turn of the event loop reads what lies in the sockets. As long as turns bring bids the batch
    is not full and not complete; when one brings none it goes. Nothing waits for what is to come.
    """
    before = 0
    while before < len(waiting) < AUCTION_BATCH_MAX:
        before = len(waiting)
        await asyncio.sleep(0)


def _answer(batch: Sequence[Waiting], answers: Sequence[Answer]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():  # answered already, or its request was cancelled meanwhile
            continue
        if isinstance(answer, MarketplaceError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
