"""Bids on many lots at once: one transaction for all, and no lot in another's way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import select

from auctions.batch import decide_all
from auctions.bidding import place_bid
from auctions.board import Board
from auctions.engine.log import entry_hash
from auctions.entries import event_of
from auctions.ledger import Ledger
from auctions.schemas import BidInput, BidView
from auctions.tables import LotRow
from marketplace.app import assemble
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.errors import Unavailable, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import MINUTE, Hall, fresh, open_hall
from tests.conftest import MoveClock
from tests.support.round_trips import counted, fewest
from tests.support.world import World

LOTS = 8


@pytest.fixture
async def halls(platform: Platform, world: World) -> list[Hall]:
    """Auctions of the same companies, all open."""
    first = await open_hall(platform, world)
    halls = [first, *[await open_hall(platform, world, of=first) for _ in range(LOTS - 1)]]
    await bids_on(platform, halls, "950.00")
    return halls


async def bid(
    platform: Platform, hall: Hall, amount: str, place: int = 0, key: str | None = None
) -> BidView:
    data = BidInput(amount=MoneyInput(amount=amount, currency="EUR"))
    who = hall.suppliers[place].caller
    return await place_bid(platform, who, hall.auction_id, key or fresh(), data)


async def bids_on(platform: Platform, halls: list[Hall], amount: str) -> list[Any]:
    return await asyncio.gather(
        *(bid(platform, hall, amount) for hall in halls), return_exceptions=True
    )


async def log_of(platform: Platform, hall: Hall) -> list[Any]:
    """Read a lot's log and check its chain."""
    rows = list(await platform.get(Ledger).entries(hall.lot_id, 0, 10_000))
    hash_ = GENESIS
    for number, row in enumerate(rows, start=1):
        hash_ = entry_hash(hash_, event_of(row, "EUR"), row["salt"])
        assert (row["seq"], row["hash"]) == (number, hash_)
    return rows


def accepted(rows: list[Any]) -> int:
    return sum(row["kind"] == "bid_accepted" for row in rows)


async def test_bids_on_many_lots_take_no_more_round_trips_than_one(
    settings: Settings, halls: list[Hall]
) -> None:
    async with counted(settings.database_url) as postgres:
        seen = assemble(replace(settings, database_url=postgres.url)).platform
        try:
            left = 900

            async def bids() -> None:
                nonlocal left
                left -= 1
                answers = await bids_on(seen, halls, f"{left}.00")
                assert [answer.outcome for answer in answers] == ["accepted"] * LOTS
                await seen.get(Board).drain()

            assert await fewest(bids, postgres) == [4]
        finally:
            await seen.close()


async def test_every_lot_has_its_own_gapless_chain_whoever_else_was_in_the_batch(
    platform: Platform, other_platform: Platform, halls: list[Hall]
) -> None:
    for n in range(6):
        answers = await asyncio.gather(
            *(
                bid(where, hall, f"{900 - 2 * n}.00", place)
                for hall in halls
                for place, where in enumerate((platform, other_platform))
            )
        )
        assert {answer.outcome for answer in answers} == {"accepted"}
    for hall in halls:
        assert accepted(await log_of(platform, hall)) == 13


async def test_the_same_key_on_two_lots_is_two_bids_and_twice_on_one_is_one(
    platform: Platform, halls: list[Hall]
) -> None:
    answers = await asyncio.gather(
        *(bid(platform, hall, "900.00", key="K1") for hall in halls for _ in range(2))
    )
    assert len({answer.id for answer in answers}) == LOTS
    again = await asyncio.gather(*(bid(platform, hall, "900.00", key="K1") for hall in halls))
    assert again == answers[::2]


async def test_a_lot_that_somebody_holds_delays_its_own_bids_alone(
    platform: Platform, halls: list[Hall]
) -> None:
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.one(select(LotRow.id).where(LotRow.id == halls[0].lot_id).with_for_update())
        async with asyncio.timeout(30):
            waiting = [asyncio.create_task(bid(platform, hall, "900.00")) for hall in halls]
            await asyncio.gather(*waiting[1:])
            await bids_on(platform, halls[1:], "800.00")
        assert not waiting[0].done()
    assert (await waiting[0]).rank == 1


async def test_a_lot_that_cannot_be_decided_fails_alone(
    platform: Platform, halls: list[Hall], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(state: Any, *given: Any) -> Any:
        if state.lot_id == halls[2].lot_id:
            raise RuntimeError("a bug")
        return decide_all(state, *given)

    monkeypatch.setattr("auctions.ledger.decide_all", stumbles)
    answers = await bids_on(platform, halls, "900.00")
    assert isinstance(answers[2], Unavailable)
    assert sum(isinstance(answer, BidView) for answer in answers) == LOTS - 1
    monkeypatch.undo()
    assert (await bid(platform, halls[2], "900.00")).rank == 1


async def test_a_log_that_is_broken_stops_its_own_lot_alone(
    settings: Settings, other_platform: Platform, halls: list[Hall]
) -> None:
    owner = await asyncpg.connect(settings.owner_url)
    try:
        await owner.execute("alter table auction_ledger no force row level security")
        await owner.execute(
            "delete from auction_ledger where lot_id = $1 and seq = 2", halls[3].lot_id
        )
    finally:
        await owner.close()
    answers = await bids_on(other_platform, halls, "900.00")
    assert isinstance(answers[3], Unavailable)
    assert sum(isinstance(answer, BidView) for answer in answers) == LOTS - 1


async def test_lots_that_end_while_many_are_bid_on_end_with_their_late_bids_numbered(
    platform: Platform, halls: list[Hall], move_clock: MoveClock
) -> None:
    longer = [await open_hall(platform, World(platform), of=halls[0], lasts=60 * MINUTE)]
    await move_clock(timedelta(minutes=10))
    answers = await bids_on(platform, [*halls, *longer], "900.00")
    assert all(isinstance(answer, WrongState) for answer in answers[:-1])
    assert isinstance(answers[-1], BidView)
    for hall in halls:
        kinds = [row["kind"] for row in await log_of(platform, hall)]
        assert kinds[-2:] == ["bid_refused", "closed"]


async def test_bids_on_many_lots_survive_the_loss_of_all_connections(
    platform: Platform, other_platform: Platform, halls: list[Hall], settings: Settings
) -> None:
    async def bidding(hall: Hall) -> list[UUID]:
        return [(await bid(platform, hall, f"{900 - n}.00", key=f"{n}")).id for n in range(20)]

    async def cut() -> int:
        connection = await asyncpg.connect(settings.database_url)
        try:
            return int(await connection.fetchval(_CUT))
        finally:
            await connection.close()

    going = asyncio.gather(*map(bidding, halls))
    cuts = 0
    for pause in (0.03, 0.1, 0.2):
        await asyncio.sleep(pause)
        cuts += await cut()
    assert cuts > 0
    for hall, ids in zip(halls, await going, strict=True):
        rows = await log_of(other_platform, hall)  # whose connections were not cut
        assert accepted(rows) == 21
        assert {row["bid_id"] for row in rows if row["client_bid_id"]} >= set(ids)


_CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name = 'marketplace_engine' and datname = current_database()
"""
