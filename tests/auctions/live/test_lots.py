"""One live channel follows all lots somebody sees, each with a number of its own."""

import json
from typing import Any
from uuid import uuid4

import pytest

from auctions.live.routes import position_of
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import open_hall
from tests.auctions.live.test_events import listening
from tests.auctions.live.viewers import bid, message, watching
from tests.support.world import World

LOTS = (uuid4(), uuid4(), uuid4())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3.-.0", [3, None, 0]),
        ("3.4", [None, None, None]),
        ("3.4.5.6", [None, None, None]),
        ("3..5", [None, None, None]),
        ("-1.2.3", [None, None, None]),
        (None, [None, None, None]),
    ],
)
def test_a_position_names_the_number_seen_of_each_lot_or_counts_as_none(
    text: str | None, numbers: list[int | None]
) -> None:
    assert position_of(LOTS, text) == dict(zip(LOTS, numbers, strict=True))


async def test_all_lots_are_told_on_one_channel_and_each_is_gone_on_with_where_it_was_left(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world, lots=({}, {}))
    first, second = map(str, hall.lot_ids)
    acme = hall.suppliers[0]
    for lot in (0, 1):
        await bid(platform, hall, 0, "900.00", lot)
    async with watching(served, hall, acme) as socket, listening(served, hall, acme) as events:
        snapshots = [await message(socket) for _ in range(2)]
        assert [each["lot_id"] for each in snapshots] == [first, second]
        told = [await events.event() for _ in range(2)]
        numbers = [each["standing"]["number"] for each in snapshots]
        assert [event.id for event in told] == [f"{numbers[0]}.-", f"{numbers[0]}.{numbers[1]}"]

        await bid(platform, hall, 1, "800.00", 1)
        delta = await message(socket)
        assert (delta["lot_id"], delta["previous"]) == (second, numbers[1])
        assert delta["changes"] == {"rank": 2}
        event = await events.event()
        assert event.data == delta
        seen = f"{numbers[0]}.{numbers[1] + 1}"
        assert event.id == seen

    await bid(platform, hall, 2, "700.00", 0)
    async with listening(served, hall, acme, last_event_id=seen) as events:
        again = [await events.event(beats=True) for _ in range(2)]
    assert [(e.name, e.data["lot_id"]) for e in again] == [
        ("snapshot", first),
        ("heartbeat", second),
    ]
    async with watching(served, hall, acme, f"?after={seen}") as socket:
        kinds = [json.loads(await socket.recv())["type"] for _ in range(2)]
    assert kinds == ["snapshot", "heartbeat"]


async def test_one_lot_alone_can_be_followed_and_nobody_follows_one_he_is_not_in(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world, lots=({}, {}))
    second = hall.lot_ids[1]
    async with watching(served, hall, hall.buyer, f"?lot_id={second}") as socket:
        shown = await message(socket)
        assert shown["lot_id"] == str(second)
        await bid(platform, hall, 0, "900.00", 0)
        await bid(platform, hall, 0, "800.00", 1)
        assert _amounts(await _until_bid(socket)) == ["800.00"]
    other = await open_hall(platform, world, of=hall)
    for lot in (other.lot_id, "nothing"):
        async with listening(served, hall, hall.buyer, f"?lot_id={lot}") as events:
            assert events.response.status_code in {400, 404}


async def _until_bid(socket: Any) -> dict[str, Any]:
    while "standings" not in (told := await message(socket)).get("changes", {}):
        pass
    return told


def _amounts(told: dict[str, Any]) -> list[str]:
    return [standing["amount"]["amount"] for standing in told["changes"]["standings"]]
