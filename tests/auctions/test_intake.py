"""Queues and batches, with a ledger that decides when the test says so."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from auctions.batch import Answer, MayRefuse
from auctions.board import Board
from auctions.engine.events import Command, PlaceBid, Started
from auctions.intake import Intake, RefusalLimit
from auctions.ledger import Ledger, Waiting
from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import AUCTION_BATCH_MAX, AUCTION_QUEUE_MAX
from marketplace.platform.core import Platform
from tests.auctions.engine.lots import ACME, BOLT, LOT, START, a_bid
from tests.support.waiting import GIVE_UP_S, until


class Gate:
    """A ledger that commits a batch when it is let through."""

    def __init__(self) -> None:
        self.asked = 0
        self.batches: list[int] = []
        self.together: list[list[UUID]] = []
        self.held: set[UUID] = set()
        self.open = asyncio.Event()
        self.lock = asyncio.Event()
        self.lock.set()
        self.fault: Exception | None = None
        self.head: Any = object()

    async def settle(
        self, _lot_id: UUID, waiting: Waiting, _may_refuse: MayRefuse
    ) -> tuple[list[Any], list[Answer]]:
        self.asked += 1
        await self.lock.wait()
        commands = waiting()
        self.batches.append(len(commands))
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return [self.head], _answers(commands)

    async def settle_together(
        self, batches: Mapping[UUID, Sequence[Command]], _may_refuse: MayRefuse
    ) -> dict[UUID, tuple[list[Any], list[Answer]]]:
        self.together.append(list(batches))
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return {
            lot: ([self.head], _answers(commands))
            for lot, commands in batches.items()
            if lot not in self.held
        }


def _answers(commands: Sequence[Command]) -> list[Answer]:
    return [
        Started(seq=int(c.client_bid_id.removeprefix("bid-")), at=START)
        for c in commands
        if isinstance(c, PlaceBid)
    ]


def intake(gate: Gate) -> Intake:
    platform: Any = SimpleNamespace(
        settings=SimpleNamespace(refusals_per_minute=None), before_close=lambda _drain: None
    )
    board: Any = SimpleNamespace(offer=lambda _head: None)
    return Intake(cast("Platform", platform), cast("Ledger", gate), cast("Board", board))


def sent(to: Intake, numbers: range, lot: UUID = LOT) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(to.submit(lot, a_bid(ACME, "1.00", n))) for n in numbers]


def queued(at: Intake) -> int:
    return len(at._queues[LOT])


async def test_a_batch_is_what_came_during_the_one_before() -> None:
    gate = Gate()
    queue = intake(gate)
    first = sent(queue, range(1))
    await until(lambda: gate.batches)
    rest = sent(queue, range(1, 40))
    await until(lambda: queued(queue) == len(rest))
    gate.open.set()
    answers = await asyncio.gather(*first, *rest)
    assert gate.batches == [1, 39]
    assert [answer.seq for answer in answers] == list(range(40))


async def test_bids_that_come_together_are_decided_together() -> None:
    gate = Gate()
    gate.open.set()
    await asyncio.gather(*sent(intake(gate), range(100)))
    assert gate.batches == [100]


async def test_who_comes_while_a_lot_is_waited_for_joins_the_batch() -> None:
    gate = Gate()
    gate.open.set()
    gate.lock.clear()
    queue = intake(gate)
    early = sent(queue, range(2))
    await until(lambda: gate.asked)
    late = sent(queue, range(2, AUCTION_BATCH_MAX + 3))
    await until(lambda: queued(queue) == len(late))
    gate.lock.set()
    answers = await asyncio.gather(*early, *late)
    assert [answer.seq for answer in answers] == list(range(AUCTION_BATCH_MAX + 3))
    assert gate.batches == [AUCTION_BATCH_MAX, 3]


async def test_batches_are_bounded() -> None:
    gate = Gate()
    gate.open.set()
    await asyncio.gather(*sent(intake(gate), range(600)))
    assert gate.batches == [AUCTION_BATCH_MAX, AUCTION_BATCH_MAX, 600 - 2 * AUCTION_BATCH_MAX]


LOTS = [UUID(int=n) for n in range(1, 41)]


async def test_bids_on_many_lots_are_decided_together_each_in_its_lots_order() -> None:
    gate = Gate()
    gate.open.set()
    queue = intake(gate)
    bids = [sent(queue, range(3 * n, 3 * n + 3), lot) for n, lot in enumerate(LOTS)]
    answers = [[answer.seq for answer in await asyncio.gather(*of_lot)] for of_lot in bids]
    assert answers == [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(40)]
    assert (gate.together, gate.batches) == ([LOTS], [])


async def test_a_lot_that_is_left_out_is_settled_alone_and_holds_up_no_other() -> None:
    gate = Gate()
    gate.open.set()
    queue = intake(gate)
    gate.held = {LOTS[0]}
    held = asyncio.Event()
    settle = gate.settle

    async def waits(*given: Any) -> Any:
        await held.wait()
        return await settle(*given)

    gate.settle = waits  # type: ignore[method-assign]
    (first,) = sent(queue, range(1), LOTS[0])
    for number in range(3):
        (other,) = sent(queue, range(number, number + 1), LOTS[1])
        more = sent(queue, range(number, number + 1), LOTS[2])
        await asyncio.wait_for(asyncio.gather(other, *more), GIVE_UP_S)
    assert not first.done()
    held.set()
    assert (await first).seq == 0


async def test_where_a_batch_of_many_fails_each_lot_has_its_own_outcome() -> None:
    gate = Gate()
    gate.open.set()
    gate.fault = RuntimeError("one lot's bug")
    queue = intake(gate)
    settle = gate.settle

    async def only_one_fails(lot_id: UUID, *given: Any) -> Any:
        gate.fault = RuntimeError("a bug") if lot_id == LOTS[3] else None
        return await settle(lot_id, *given)

    gate.settle = only_one_fails  # type: ignore[method-assign]
    bids = [sent(queue, range(1), lot)[0] for lot in LOTS[:8]]
    answers = await asyncio.gather(*bids, return_exceptions=True)
    wrong = [place for place, answer in enumerate(answers) if isinstance(answer, Unavailable)]
    assert (len(answers), wrong) == (8, [3])


async def test_a_crowded_lot_takes_its_next_turn_behind_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However slow the machine is, no batch begins beside the first.
    monkeypatch.setattr("auctions.intake.PATIENCE_S", 60)
    gate = Gate()
    queue = intake(gate)
    crowd = sent(queue, range(2 * AUCTION_BATCH_MAX), LOTS[0])
    await until(lambda: gate.batches)
    others = [sent(queue, range(1), lot)[0] for lot in LOTS[1:4]]
    gate.open.set()
    await asyncio.gather(*crowd, *others)
    assert gate.batches[0] == AUCTION_BATCH_MAX
    assert gate.together[0] == [*LOTS[1:4], LOTS[0]]


async def test_a_full_queue_refuses_before_queueing() -> None:
    gate = Gate()
    queue = intake(gate)
    waiting = sent(queue, range(1))
    await until(lambda: gate.batches)
    waiting += sent(queue, range(1, AUCTION_QUEUE_MAX + 1))
    await until(lambda: queued(queue) == AUCTION_QUEUE_MAX)
    with pytest.raises(Unavailable, match="nothing was done"):
        await queue.submit(LOT, a_bid(ACME, "1.00", 9_999))
    gate.open.set()
    assert len(await asyncio.gather(*waiting)) == AUCTION_QUEUE_MAX + 1


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), Unavailable("away", retry_after_s=1)])
async def test_a_batch_that_fails_answers_everybody_and_the_next_one_goes(
    fault: Exception,
) -> None:
    gate = Gate()
    gate.open.set()
    gate.fault = fault
    queue = intake(gate)
    answers = await asyncio.gather(*sent(queue, range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    gate.fault = None
    assert (await queue.submit(LOT, a_bid(ACME, "1.00", 7))).seq == 7


async def test_a_fault_after_the_commit_leaves_nobody_waiting_for_ever() -> None:
    gate = Gate()
    gate.open.set()
    queue = intake(gate)
    offered: list[Any] = []

    def offer(head: Any) -> None:
        offered.append(head)
        raise KeyError(head)

    board: Any = SimpleNamespace(offer=offer)
    queue._board = board
    assert (await asyncio.wait_for(queue.submit(LOT, a_bid(ACME, "1.00", 3)), GIVE_UP_S)).seq == 3
    bids = [*sent(queue, range(4, 5), LOTS[0]), *sent(queue, range(5, 6), LOTS[1])]
    answers = await asyncio.wait_for(asyncio.gather(*bids), GIVE_UP_S)
    assert [answer.seq for answer in answers] == [4, 5]
    assert offered == [gate.head] * 3
    await asyncio.wait_for(queue.drain(), GIVE_UP_S)


async def test_a_bidder_who_hangs_up_disturbs_nobody() -> None:
    gate = Gate()
    queue = intake(gate)
    first, second, third = sent(queue, range(3))
    await until(lambda: gate.batches)
    second.cancel()
    gate.open.set()
    assert [(await first).seq, (await third).seq] == [0, 2]


async def test_a_process_that_ends_decides_what_is_queued() -> None:
    gate = Gate()
    queue = intake(gate)
    waiting = sent(queue, range(5))
    await until(lambda: gate.batches)
    draining = asyncio.create_task(queue.drain())
    done, _ = await asyncio.wait([draining], timeout=0.01)
    assert not done
    gate.open.set()
    await draining
    assert len(await asyncio.gather(*waiting)) == 5


def test_refusals_are_counted_per_bidder(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("auctions.intake.time.monotonic", lambda: now)
    limit = RefusalLimit(3)
    assert [limit.may_refuse(ACME) for _ in range(4)] == [True, True, True, False]
    assert limit.may_refuse(BOLT)
    now += 60
    assert limit.may_refuse(ACME)
