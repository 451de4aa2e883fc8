"""The live channel over real WebSockets."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import unix_connect
from websockets.exceptions import InvalidStatus

from auctions.clock import ShownClock
from auctions.engine.terms import Overtime
from auctions.live.hub import Hub, Seat
from auctions.live.messages import heartbeat, merge_patch
from auctions.live.routes import _serve_socket
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import open_hall
from tests.auctions.live.viewers import bid, message, taken, watching
from tests.support.waiting import until
from tests.support.world import World


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
            "lot_id": str(hall.lot_id),
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
    await until(lambda: not hub._watched)
    assert not hub._houses


def test_a_slow_reader_is_dropped_and_not_waited_for() -> None:
    seat = Seat()
    for _ in range(200):
        seat.deliver(heartbeat(seat.lots[0], 1, datetime.now(UTC)))
    assert seat.dropped
    read = [seat.mailbox.get_nowait() for _ in range(seat.mailbox.qsize())]
    assert len(read) == 100
    assert read[-1] is None


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
    monkeypatch.setattr(shown, "_asked_at", float("-inf"))  # too long ago
    await asyncio.gather(*(shown.now() for _ in range(50)))
    assert asked == 1


async def test_a_viewer_who_takes_nothing_loses_his_place(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck:
        async def send_data(self, *_given: object) -> None:
            await asyncio.sleep(60)

        async def receive_data(self, _mode: str) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr("auctions.live.routes.VIEWER_SEND_SECONDS_MAX", 0.05)
    seat = Seat()
    seat.deliver(heartbeat(seat.lots[0], 1, datetime.now(UTC)))
    async with asyncio.timeout(30):
        await _serve_socket(cast("Any", Stuck()), platform, seat)


async def test_a_connection_that_was_closed_during_a_send_is_a_viewer_who_left(
    platform: Platform,
) -> None:
    class Closed:
        async def send_data(self, *_given: object) -> None:
            raise RuntimeError("Unexpected ASGI message")

        async def receive_data(self, _mode: str) -> None:
            await asyncio.sleep(60)

    seat = Seat()
    seat.deliver(heartbeat(seat.lots[0], 1, datetime.now(UTC)))
    with pytest.raises(ClientDisconnected):
        await _serve_socket(cast("Any", Closed()), platform, seat)


async def test_viewers_follow_once_a_second_while_redis_is_away(
    platform: Platform, world: World, settings: Settings
) -> None:
    hall = await open_hall(platform, world)
    nowhere = replace(settings, redis_url="unix:///nowhere/valkey.sock")
    lonely = assemble(nowhere).platform
    hub = lonely.get(Hub)
    async with hub.open(), hub.seat({hall.lot_id: None}, hall.suppliers[0].id) as seat:
        assert (await taken(seat))["type"] == "snapshot"
        await bid(platform, hall, 0, "900.00")
        delta = await taken(seat)
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
