"""Intake: the commands that wait for each lot, emptied batch by batch into the ledger.

A batch is whatever arrived while the one before was being committed, on all lots, up to a bound;
nothing waits for a timer. Where one lot has to be waited for, because another process holds it, who
comes meanwhile joins. So one bid alone is written at once, and under load a batch grows as
large as it must: with one lot that many bid on, or with many lots that few bid on.

Lots take turns in the order in which their first bid came, and a lot's bids stay in theirs. A lot
that a batch of many leaves out, because another process holds it or because it is in trouble, is
settled alone, beside the batches that follow.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from auctions.batch import Answer
from auctions.board import Board
from auctions.engine.events import Command, Event
from auctions.ledger import Ledger, Settled
from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.limits import (
    AUCTION_BATCH_MAX,
    AUCTION_LOTS_ALONE_MAX,
    AUCTION_QUEUE_MAX,
    AUCTION_REFUSALS_PER_MINUTE,
    BIDDERS_COUNTED_MAX,
)
from marketplace.platform.core import Platform
from marketplace.platform.telemetry import log

PATIENCE_S: Final = 0.05
"""A batch that takes longer (a lot is held, the disk is slow) lets the next begin beside it."""

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


class Intake:
    """Takes commands on lots and gives what became of them, after the commit.

    `_queues` are the commands that wait, by lot; a lot is in `_turns` as long as any do, except
    while a batch of it is being decided: then it is in `_deciding`.
    """

    def __init__(self, platform: Platform, ledger: Ledger, board: Board) -> None:
        self._ledger = ledger
        self._board = board
        self._queues: dict[UUID, deque[Waiting]] = {}
        self._turns: deque[UUID] = deque()
        self._deciding: set[UUID] = set()
        self._emptying: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()
        self._alone = asyncio.Semaphore(AUCTION_LOTS_ALONE_MAX)
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
            queue = self._queues[lot_id] = deque()
        if len(queue) >= AUCTION_QUEUE_MAX:
            raise Unavailable("Too many bids are waiting; nothing was done.", retry_after_s=1)
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        queue.append((command, answer))
        if len(queue) == 1 and lot_id not in self._deciding:
            self._give_turn(lot_id)
        return await answer

    def _give_turn(self, lot_id: UUID) -> None:
        self._turns.append(lot_id)
        if self._emptying is None:
            self._emptying = asyncio.create_task(self._empty())

    async def _empty(self) -> None:
        try:
            while self._turns:
                await self._let_in()
                task = asyncio.create_task(self._decide(self._take()))
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
                await asyncio.wait((task,), timeout=PATIENCE_S)
        finally:
            self._emptying = None

    async def _let_in(self) -> None:
        """Let bids in that have reached this process and are not read yet.

        One turn of the event loop reads what lies in the sockets. As long as turns bring bids the
        batch is not full and not complete; when one brings none it goes. Nothing waits for what is
        to come.
        """
        before = 0
        while before < (waiting := self._waiting()) < AUCTION_BATCH_MAX:
            before = waiting
            await asyncio.sleep(0)

    def _waiting(self) -> int:
        return sum(len(self._queues[lot_id]) for lot_id in self._turns)

    def _take(self) -> dict[UUID, list[Waiting]]:
        """Take the lots whose turn it is, and of each what waits, as much as a batch holds."""
        batch: dict[UUID, list[Waiting]] = {}
        room = AUCTION_BATCH_MAX
        while self._turns and room:
            lot_id = self._turns.popleft()
            queue = self._queues[lot_id]
            batch[lot_id] = [queue.popleft() for _ in range(min(len(queue), room))]
            room -= len(batch[lot_id])
        self._deciding.update(batch)
        return batch

    async def _decide(self, batch: dict[UUID, list[Waiting]]) -> None:
        if len(batch) > 1:
            batch = await self._decide_together(batch)
        await asyncio.gather(*(self._decide_alone(*each) for each in batch.items()))

    async def _decide_together(self, batch: dict[UUID, list[Waiting]]) -> dict[UUID, list[Waiting]]:
        """Settle what can be settled at once; give the rest."""
        commands = {lot: [command for command, _ in waiting] for lot, waiting in batch.items()}
        try:
            settled = await self._ledger.settle_together(commands, self._limit.may_refuse)
        except Exception as error:  # noqa: BLE001 - whatever it is, no lot has to bear it but its own
            log.warning("batch_divided", lots=len(batch), error=type(error).__name__)
            return batch
        for lot_id, outcome in settled.items():
            self._conclude(lot_id, batch[lot_id], outcome)
        return {lot_id: waiting for lot_id, waiting in batch.items() if lot_id not in settled}

    async def _decide_alone(self, lot_id: UUID, waiting: list[Waiting]) -> None:
        outcome: Settled | MarketplaceError

        def joined() -> list[Command]:
            """Let those join who came while the lot was waited for, as many as there is room."""
            queue = self._queues[lot_id]
            room = AUCTION_BATCH_MAX - len(waiting)
            waiting.extend(queue.popleft() for _ in range(min(len(queue), room)))
            return [command for command, _ in waiting]

        try:
            async with self._alone:
                outcome = await self._ledger.settle(lot_id, joined, self._limit.may_refuse)
        except MarketplaceError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - the callers must not wait for ever
            log.exception("batch_failed", lot=str(lot_id))
            outcome = Unavailable(
                "Whether the bid was taken is unknown. Sending it again with the same "
                "Idempotency-Key is safe.",
                retry_after_s=1,
            )
            outcome.__cause__ = error
        self._conclude(lot_id, waiting, outcome)

    def _conclude(
        self, lot_id: UUID, waiting: Sequence[Waiting], outcome: Settled | MarketplaceError
    ) -> None:
        """Answer a lot's batch, have its board written, and let it take its next turn."""
        self._deciding.discard(lot_id)
        if self._queues[lot_id]:
            self._give_turn(lot_id)
        else:
            del self._queues[lot_id]
        if isinstance(outcome, MarketplaceError):
            _answer(waiting, [outcome] * len(waiting))
            return
        heads, answers = outcome
        _answer(waiting, answers)
        try:
            for head in heads:
                self._board.offer(head)
        except Exception:  # noqa: BLE001 - the bids are in the ledger and answered
            log.exception("board_not_offered", lot=str(lot_id))

    async def drain(self) -> None:
        """Wait until all that was queued is decided: for the end of a process."""
        while self._emptying or self._batches:
            await asyncio.wait([*self._batches, *filter(None, (self._emptying,))])


def _answer(batch: Sequence[Waiting], answers: Sequence[Answer]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():  # answered already, or its request was cancelled meanwhile
            continue
        if isinstance(answer, MarketplaceError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
