"""Queues and batches, with a ledger that decides when the test says so."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from auctions.batch import Answer, MayRefuse
from auctions.board import Board
from auctions.engine.events import Command, PlaceBid, Started
from auctions.intake import Intake, RefusalLimit
from auctions.ledger import Ledger
from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import AUCTION_BATCH_MAX, AUCTION_QUEUE_MAX
from marketplace.platform.core import Platform
from tests.auctions.engine.lots import ACME, BOLT, LOT, START, a_bid


class Gate:
    """A ledger that commits a batch when it is let through."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.open = asyncio.Event()
        self.fault: Exception | None = None

    async def settle(
        self, _lot_id: UUID, commands: Sequence[Command], _may_refuse: MayRefuse
    ) -> tuple[None, list[Answer]]:
        self.batches.append(len(commands))
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return None, [
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


def sent(to: Intake, numbers: range) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(to.submit(LOT, a_bid(ACME, "1.00", n))) for n in numbers]


async def test_a_batch_is_what_came_during_the_one_before() -> None:
    gate = Gate()
    queue = intake(gate)
    first = sent(queue, range(1))
    await asyncio.sleep(0.01)
    rest = sent(queue, range(1, 40))
    await asyncio.sleep(0.01)
    gate.open.set()
    answers = await asyncio.gather(*first, *rest)
    assert gate.batches == [1, 39]
    assert [answer.seq for answer in answers] == list(range(40))


async def test_bids_that_come_together_are_decided_together() -> None:
    gate = Gate()
    gate.open.set()
    await asyncio.gather(*sent(intake(gate), range(100)))
    assert gate.batches == [100]


async def test_batches_are_bounded() -> None:
    gate = Gate()
    gate.open.set()
    await asyncio.gather(*sent(intake(gate), range(600)))
    assert gate.batches == [AUCTION_BATCH_MAX, AUCTION_BATCH_MAX, 600 - 2 * AUCTION_BATCH_MAX]


async def test_a_full_queue_refuses_before_queueing() -> None:
    gate = Gate()
    queue = intake(gate)
    waiting = sent(queue, range(1))
    await asyncio.sleep(0.01)
    waiting += sent(queue, range(1, AUCTION_QUEUE_MAX + 1))
    await asyncio.sleep(0.05)
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
    offered: Any = SimpleNamespace(offer=lambda _head: {}["no such lot"])
    queue._board = offered
    assert (await asyncio.wait_for(queue.submit(LOT, a_bid(ACME, "1.00", 3)), 1)).seq == 3
    assert (await asyncio.wait_for(queue.submit(LOT, a_bid(ACME, "1.00", 4)), 1)).seq == 4
    await asyncio.wait_for(queue.drain(), 1)


async def test_a_bidder_who_hangs_up_disturbs_nobody() -> None:
    gate = Gate()
    queue = intake(gate)
    first, second, third = sent(queue, range(3))
    await asyncio.sleep(0.01)
    second.cancel()
    gate.open.set()
    assert [(await first).seq, (await third).seq] == [0, 2]


async def test_a_process_that_ends_decides_what_is_queued() -> None:
    gate = Gate()
    queue = intake(gate)
    waiting = sent(queue, range(5))
    await asyncio.sleep(0.01)
    draining = asyncio.create_task(queue.drain())
    await asyncio.sleep(0.01)
    assert not draining.done()
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
