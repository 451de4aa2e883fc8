"""Whose turn it is at the connections of a process."""

import asyncio
from contextlib import suppress
from uuid import UUID

import pytest

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import COMPANY_WAITING_MAX
from marketplace.platform.database import turns
from marketplace.platform.database.turns import Turns

BUSY, OTHER = new_id(), new_id()


class Crowd:
    """Companies that ask for turns, and who got them in which order."""

    def __init__(self, size: int) -> None:
        self.turns = Turns(size)
        self.served: list[str] = []

    async def ask(self, name: str, company_id: UUID | None) -> "asyncio.Task[None]":
        async def asking() -> None:
            await self.turns.take(company_id)
            self.served.append(name)

        task = asyncio.create_task(asking())
        await settled()
        return task


async def settled() -> None:
    """Let everything run that need not wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_for_much_leaves_half_of_the_turns_to_others() -> None:
    crowd = Crowd(4)
    waiting = [await crowd.ask(f"busy {n}", BUSY) for n in range(6)]
    await crowd.ask("other", OTHER)
    await crowd.ask("nobody's", None)
    assert crowd.served == ["busy 0", "busy 1", "other", "nobody's"]
    crowd.turns.give_back(BUSY)
    crowd.turns.give_back(OTHER)
    await settled()
    assert crowd.served[4:] == ["busy 2"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_companies_at_their_share_wait_for_each_other_in_the_order_they_came() -> None:
    crowd = Crowd(2)
    third = new_id()
    for name, company in (("busy", BUSY), ("other", OTHER), ("third", third), ("late", None)):
        await crowd.ask(name, company)
    assert crowd.served == ["busy", "other"]
    crowd.turns.give_back(OTHER)
    await settled()
    crowd.turns.give_back(BUSY)
    await settled()
    assert crowd.served[2:] == ["third", "late"]


async def test_who_gives_up_leaves_his_turn_and_nothing_is_remembered_of_him(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "COMPANIES_TURNS_KEPT_MAX", 0)
    crowd = Crowd(1)
    await crowd.ask("other", OTHER)
    first, second = await crowd.ask("first", BUSY), await crowd.ask("second", BUSY)
    for task in (first, second):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    crowd.turns.give_back(OTHER)
    await crowd.ask("last", BUSY)
    assert crowd.served == ["other", "last"]
    crowd.turns.give_back(BUSY)
    assert crowd.turns._companies == {}


async def test_who_has_too_many_waiting_is_told_so_and_nobody_else() -> None:
    crowd = Crowd(1)
    tasks = [await crowd.ask("busy", BUSY) for _ in range(1 + COMPANY_WAITING_MAX)]
    with pytest.raises(Unavailable, match="Your company"):
        await crowd.turns.take(BUSY)
    tasks.append(await crowd.ask("other", OTHER))
    crowd.turns.give_back(BUSY)
    tasks.append(await crowd.ask("busy again", BUSY))
    assert crowd.served == ["busy", "other"]
    assert not tasks[-1].done()  # it waits, and was not refused
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_waits_too_long_is_told_so_and_leaves_the_turn_to_who_comes_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "REQUEST_SECONDS_MAX", 0.01)
    crowd = Crowd(2)
    await crowd.ask("other", OTHER)
    await crowd.ask("nobody's", None)
    for company in (OTHER, BUSY, None):  # for its own turn, for any, of no company
        with pytest.raises(Unavailable, match="in time"):
            await crowd.turns.take(company)
    crowd.turns.give_back(OTHER)
    await crowd.ask("busy", BUSY)
    assert crowd.served == ["other", "nobody's", "busy"]


async def test_who_waits_for_two_turns_waits_no_longer_than_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[float] = []
    timeout = asyncio.timeout

    def counted(seconds: float) -> asyncio.Timeout:
        started.append(seconds)
        return timeout(seconds)

    monkeypatch.setattr(turns.asyncio, "timeout", counted)
    crowd = Crowd(2)
    await crowd.ask("busy", BUSY)
    await crowd.ask("nobody's", None)
    assert started == []
    await crowd.ask("busy again", BUSY)
    third = await crowd.ask("third", new_id())
    crowd.turns.give_back(BUSY)  # its own turn is free for it now, the other is the third's
    await settled()
    assert crowd.served == ["busy", "nobody's", "third"]
    crowd.turns.give_back(None)
    await settled()
    assert (crowd.served[3:], started) == (["busy again"], [turns.REQUEST_SECONDS_MAX] * 2)
    await third
