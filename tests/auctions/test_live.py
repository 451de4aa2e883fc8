"""The board in Redis and the live channel over real WebSockets."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from hypothesis import given
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import InvalidStatus

from auctions.bidding import place_bid, read_standing
from auctions.board import Board, board_key, channel, heal
from auctions.board.snapshot import head_of, snapshot_bytes
from auctions.clock import ShownClock
from auctions.engine.events import Close
from auctions.engine.state import Phase
from auctions.engine.terms import Disclosure, Overtime, Terms
from auctions.engine.visibility import OWNER, view
from auctions.intake import Intake
from auctions.ledger import Head, Ledger
from auctions.live import Hub, Seat, merge_patch
from auctions.routes import _follow
from auctions.schemas import BidInput
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.http.edge import Edge
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import Hall, fresh, open_hall
from tests.auctions.engine.test_properties import Try, made_terms, play, tries
from tests.conftest import MoveClock
from tests.support.world import Company, World

Connect = Callable[..., Any]


async def bid(platform: Platform, hall: Hall, place: int, amount: str) -> None:
    data = BidInput(amount=MoneyInput(amount=amount, currency="EUR"))
    await place_bid(platform, hall.suppliers[place].caller, hall.auction_id, fresh(), data)


@pytest.fixture
async def served(app: Edge) -> AsyncIterator[str]:
    """The application on a real socket, in the test's own loop."""
    with tempfile.TemporaryDirectory(prefix="live-") as directory:
        path = str(Path(directory) / "http")
        config = uvicorn.Config(
            app, uds=path, lifespan="off", ws="websockets-sansio", log_config=None
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield path
        server.should_exit = True
        await running


@asynccontextmanager
async def watching(
    served: str, hall: Hall, who: Company, query: str = ""
) -> AsyncIterator[ClientConnection]:
    uri = f"ws://marketplace.test/v1/auctions/{hall.auction_id}/live{query}"
    async with unix_connect(served, uri, additional_headers=who.headers) as socket:
        yield socket


async def message(socket: ClientConnection) -> dict[str, Any]:
    """Give the next message that is no heartbeat."""
    while True:
        read: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 5))
        if read["type"] != "heartbeat":
            return read


@given(made_terms(), tries)
def test_a_state_comes_back_from_the_board_as_it_was(the_terms: Terms, script: list[Try]) -> None:
    lot = play(the_terms, script)
    assert head_of(snapshot_bytes(Head(lot.state, 3, b"h" * 32))) == Head(lot.state, 3, b"h" * 32)


def test_a_merge_patch_removes_adds_and_replaces() -> None:
    before = {"number": 1, "rank": 2, "limit": {"amount": "5"}, "phase": "open"}
    after = {"number": 2, "rank": 1, "phase": "open", "amount": "4"}
    assert merge_patch(before, after) == {"rank": 1, "amount": "4", "limit": None}


async def test_viewers_get_a_snapshot_and_then_what_changes_for_them(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    acme, bolt = hall.suppliers[:2]
    async with (
        watching(served, hall, acme) as first,
        watching(served, hall, acme) as second,
        watching(served, hall, bolt) as rival,
        watching(served, hall, hall.buyer) as buyer,
    ):
        snapshot = await message(first)
        assert snapshot["type"] == "snapshot"
        assert snapshot["server_at"].endswith("Z")
        number = snapshot["standing"]["number"]
        assert (snapshot["standing"]["rank"], (await message(second))["standing"]["rank"]) == (1, 1)
        assert "rank" not in (await message(rival))["standing"]
        assert len((await message(buyer))["standing"]["standings"]) == 1

        await bid(platform, hall, 1, "800.00")
        delta = await message(first)
        assert delta == {
            "type": "delta",
            "number": number + 1,
            "previous": number,
            "server_at": delta["server_at"],
            "changes": {"rank": 2},
        }
        assert await message(second) == delta
        gained = await message(rival)
        assert gained["changes"]["rank"] == 1
        assert gained["changes"]["amount"]["amount"] == "800.00"
        assert [s["rank"] for s in (await message(buyer))["changes"]["standings"]] == [1, 2]

        # A bid behind him changes nothing for Acme, so he gets nothing; the next is his second.
        await bid(platform, hall, 2, "950.00")
        await asyncio.sleep(0.1)
        await bid(platform, hall, 0, "700.00")
        regained = await message(first)
        assert (regained["number"], regained["previous"]) == (number + 2, number + 1)
        assert regained["changes"]["rank"] == 1


async def test_a_viewer_who_comes_back_with_his_number_is_told_that_nothing_changed(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    acme = hall.suppliers[0]
    async with watching(served, hall, acme) as socket:
        number = (await message(socket))["standing"]["number"]
    async with watching(served, hall, acme, f"?after={number}") as socket:
        same = json.loads(await socket.recv())
        assert (same["type"], same["number"]) == ("heartbeat", number)
    await bid(platform, hall, 1, "800.00")
    async with watching(served, hall, acme, f"?after={number}") as socket:
        missed = await message(socket)
        assert (missed["type"], missed["standing"]["number"]) == ("snapshot", number + 1)


async def test_overtime_is_shown_to_everybody(
    platform: Platform, world: World, served: str
) -> None:
    overtime = Overtime(window_s=3600, extension_s=60, lowest_rank=1, at_most=1, total_max_s=60)
    hall = await open_hall(platform, world, overtime=overtime)
    async with watching(served, hall, hall.suppliers[2]) as socket:
        before = await message(socket)
        await bid(platform, hall, 0, "900.00")
        changes = (await message(socket))["changes"]
        if "closes_at" not in changes:
            changes = (await message(socket))["changes"]
    assert changes["closes_at"] > before["standing"]["closes_at"]
    assert changes["extensions"] == 1


@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("nobody", 401)])
async def test_the_live_channel_is_closed_to_others_as_any_address_is(
    platform: Platform, world: World, served: str, who: str, status: int
) -> None:
    hall = await open_hall(platform, world, suppliers=1)
    headers = (await world.supplier("Outsider")).headers if who == "outsider" else {}
    uri = f"ws://marketplace.test/v1/auctions/{hall.auction_id}/live"
    with pytest.raises(InvalidStatus) as refused:
        async with unix_connect(served, uri, additional_headers=headers) as socket:
            await socket.recv()
    answer = refused.value.response
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == status


async def test_a_number_nobody_can_have_seen_gets_a_snapshot(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world)
    async with watching(served, hall, hall.suppliers[0], f"?after={'9' * 5000}") as socket:
        assert (await message(socket))["type"] == "snapshot"


async def test_a_viewer_who_leaves_is_noticed(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world, suppliers=1)
    hub = platform.get(Hub)
    async with watching(served, hall, hall.buyer) as socket:
        await message(socket)
        assert hub._watched
    for _ in range(50):
        if not hub._watched:
            break
        await asyncio.sleep(0.02)
    assert not hub._watched
    assert not hub._houses


def test_a_slow_reader_is_dropped_and_not_waited_for() -> None:
    seat = Seat()
    for _ in range(200):
        seat.deliver(b"x")
    assert seat.dropped
    read = [seat.mailbox.get_nowait() for _ in range(seat.mailbox.qsize())]
    assert len(read) == 100
    assert read[-1] is None


async def test_the_board_is_rebuilt_after_everything_was_flushed(
    platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    await platform.get(Board).drain()
    board = platform.get(Board)
    before = await board.read(hall.lot_id)
    await platform.redis.commands.flushall()
    assert await board.read(hall.lot_id) is None
    standing = await read_standing(platform, hall.suppliers[0].caller, hall.auction_id)
    assert standing.standing.rank == 1  # type: ignore[union-attr]
    assert await heal(platform) == 1
    assert await board.read(hall.lot_id) == before
    assert await heal(platform) == 0


async def test_a_board_rolled_back_is_put_right_and_a_late_writer_changes_nothing(
    platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    ledger, board = platform.get(Ledger), platform.get(Board)
    await bid(platform, hall, 0, "900.00")
    old = await ledger.read(hall.lot_id)
    await bid(platform, hall, 1, "800.00")
    new = await ledger.read(hall.lot_id)
    await board.drain()
    assert await board.swap(old) is False
    assert await board.read(hall.lot_id) == new
    await platform.redis.commands.delete(board_key(hall.lot_id))
    assert await board.swap(old) is True
    assert await heal(platform) == 1
    assert await board.read(hall.lot_id) == new


async def test_a_board_of_another_release_is_read_from_the_ledger_and_ends_no_channel(
    platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    await platform.get(Board).drain()
    redis, hub = platform.redis.commands, platform.get(Hub)
    async with hub.open(), hub.seat(hall.lot_id, hall.suppliers[0].id, None) as seat:
        await seat.mailbox.get()
        await redis.hset(board_key(hall.lot_id), mapping={"state": b"\x91\x07", "seq": 10**6})
        await redis.publish(channel(hall.lot_id), b"\x91\x07")
        standing = await read_standing(platform, hall.suppliers[0].caller, hall.auction_id)
        assert standing.standing.rank == 1  # type: ignore[union-attr]
        await asyncio.sleep(1.2)
        await redis.delete(board_key(hall.lot_id))
        await bid(platform, hall, 1, "800.00")
        delta = json.loads(await asyncio.wait_for(seat.mailbox.get(), 5) or b"")
    assert delta["changes"]["rank"] == 2


async def test_a_board_rolled_back_long_after_the_close_does_not_open_the_auction_again(
    platform: Platform, world: World, move_clock: MoveClock
) -> None:
    hall = await open_hall(platform, world)
    board = platform.get(Board)
    await bid(platform, hall, 0, "900.00")
    old = await platform.get(Ledger).read(hall.lot_id)
    await move_clock(timedelta(hours=1))
    await platform.get(Intake).submit(hall.lot_id, Close())
    await board.drain()
    await platform.redis.commands.delete(board_key(hall.lot_id))
    await board.swap(old)
    await platform.get(ShownClock).refresh()
    standing = await read_standing(platform, hall.buyer.caller, hall.auction_id)
    assert standing.standing.phase is Phase.CLOSED
    await board.drain()
    assert await board.read(hall.lot_id) == await platform.get(Ledger).read(hall.lot_id)


async def test_a_crowd_of_viewers_asks_for_the_time_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = platform.get(ShownClock)
    await shown.now()
    asked = 0
    refresh = shown.refresh

    async def counted() -> None:
        nonlocal asked
        asked += 1
        await refresh()

    monkeypatch.setattr(shown, "refresh", counted)
    monkeypatch.setattr("auctions.clock.READ_SECONDS", 0.05)
    await asyncio.sleep(0.1)
    await asyncio.gather(*(shown.now() for _ in range(50)))
    assert asked == 1


async def test_a_viewer_who_takes_nothing_loses_his_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        async def send_data(self, *_given: object) -> None:
            await asyncio.sleep(60)

        async def receive_data(self, _mode: str) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr("auctions.routes.SEND_SECONDS_MAX", 0.05)
    seat = Seat()
    seat.deliver(b"{}")
    async with asyncio.timeout(5):
        await _follow(cast("Any", Stuck()), seat)


async def test_a_later_epoch_wins_over_any_number(platform: Platform, world: World) -> None:
    hall = await open_hall(platform, world)
    board = platform.get(Board)
    await bid(platform, hall, 0, "900.00")
    await board.drain()
    head = await platform.get(Ledger).read(hall.lot_id)
    restored = Head(head.state, head.epoch + 1, head.hash)
    assert await board.swap(restored) is True
    assert await board.swap(head) is False


async def test_bidding_and_reading_go_on_without_redis(
    platform: Platform, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = await open_hall(platform, world)

    async def away(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError

    board = platform.get(Board)
    monkeypatch.setattr(board, "swap", away)
    monkeypatch.setattr(board, "read", away)
    await bid(platform, hall, 0, "900.00")
    await bid(platform, hall, 1, "800.00")
    standing = await read_standing(platform, hall.suppliers[0].caller, hall.auction_id)
    assert standing.standing.rank == 2  # type: ignore[union-attr]


async def test_memory_board_and_ledger_show_the_same_to_the_byte(
    platform: Platform, world: World, other_platform: Platform
) -> None:
    hall = await open_hall(platform, world, disclosure=Disclosure.OPEN, openings=("950.00",))
    for place, amount in ((0, "900.5"), (1, "850"), (2, "850.00"), (0, "700.10")):
        await bid(platform, hall, place, amount)
    await platform.get(Board).drain()
    heads = [
        platform.get(Ledger).known(hall.lot_id),
        await platform.get(Board).read(hall.lot_id),
        await other_platform.get(Ledger).read(hall.lot_id),
    ]
    for viewer in (OWNER, *(supplier.id for supplier in hall.suppliers)):
        shown = [repr(view(head.state, viewer)) for head in heads if head is not None]
        assert shown == [shown[0]] * 3


async def test_viewers_follow_once_a_second_while_redis_is_away(
    platform: Platform, world: World, settings: Settings
) -> None:
    hall = await open_hall(platform, world)
    nowhere = replace(settings, redis_url="unix:///nowhere/valkey.sock")
    lonely = assemble(nowhere).platform
    hub = lonely.get(Hub)
    async with hub.open(), hub.seat(hall.lot_id, hall.suppliers[0].id, None) as seat:
        assert json.loads(await seat.mailbox.get() or b"")["type"] == "snapshot"
        await bid(platform, hall, 0, "900.00")
        delta = json.loads(await asyncio.wait_for(seat.mailbox.get(), 5) or b"")
    assert delta["changes"]["rank"] == 1
    await lonely.close()


async def test_the_time_is_never_half_read(platform: Platform) -> None:
    shown = platform.get(ShownClock)
    for _ in range(20):
        reading = asyncio.create_task(shown.refresh())
        while not reading.done():
            await asyncio.sleep(0)
            if shown._then is not None:
                assert shown.estimate() - shown._then < timedelta(seconds=60)
        await reading
