"""The board in Redis: rebuilt, rolled back, gone."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given

from auctions.bidding import read_standing
from auctions.board import Board, board_key, channel, heal
from auctions.clock import ShownClock
from auctions.engine.events import Close
from auctions.engine.state import Phase
from auctions.engine.terms import Disclosure, Terms
from auctions.engine.visibility import OWNER, view
from auctions.intake import Intake
from auctions.ledger import Head, Ledger
from auctions.ledger.head import head_of, snapshot_bytes
from auctions.live.hub import Hub
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import open_hall
from tests.auctions.engine.test_properties import Try, made_terms, play, tries
from tests.auctions.live.viewers import bid, taken
from tests.conftest import MoveClock
from tests.support.world import World


@given(made_terms(), tries)
def test_a_state_comes_back_from_the_board_as_it_was(the_terms: Terms, script: list[Try]) -> None:
    lot = play(the_terms, script)
    assert head_of(snapshot_bytes(Head(lot.state, 3, b"h" * 32))) == Head(lot.state, 3, b"h" * 32)


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


async def test_a_process_that_ends_first_writes_the_boards_it_was_about_to(
    platform: Platform, other_platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    await bid(other_platform, hall, 0, "900.00")
    await bid(other_platform, hall, 1, "800.00")  # waits, so that boards are not written too often
    await other_platform.close()
    standing = await platform.get(Board).read(hall.lot_id)
    assert standing == await platform.get(Ledger).read(hall.lot_id)


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
    async with hub.open(), hub.seat({hall.lot_id: None}, hall.suppliers[0].id) as seat:
        await seat.mailbox.get()
        await redis.hset(board_key(hall.lot_id), mapping={"state": b"\x91\x07", "seq": 10**6})
        await redis.publish(channel(hall.lot_id), b"\x91\x07")
        standing = await read_standing(platform, hall.suppliers[0].caller, hall.auction_id)
        assert standing.standing.rank == 1  # type: ignore[union-attr]
        await asyncio.sleep(1.2)
        await redis.delete(board_key(hall.lot_id))
        await bid(platform, hall, 1, "800.00")
        delta = await taken(seat)
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


async def test_nobody_is_shown_what_was_before_what_he_saw_whatever_redis_holds(
    platform: Platform, world: World, other_platform: Platform
) -> None:
    hall = await open_hall(platform, world)
    acme = hall.suppliers[0]
    board, ledger = platform.get(Board), platform.get(Ledger)
    await bid(platform, hall, 0, "900.00")
    old = await ledger.read(hall.lot_id)
    await read_standing(other_platform, acme.caller, hall.auction_id)
    await bid(platform, hall, 1, "800.00")
    seen = (await read_standing(platform, acme.caller, hall.auction_id)).standing.number
    await board.drain()
    await platform.redis.commands.delete(board_key(hall.lot_id))
    await board.swap(old)
    # This process knows better by itself, another one because it is told what was seen.
    again = await read_standing(platform, acme.caller, hall.auction_id)
    elsewhere = await read_standing(other_platform, acme.caller, hall.auction_id, seen)
    assert [again.standing.number, elsewhere.standing.number] == [seen, seen]
    async with other_platform.get(Hub).seat({hall.lot_id: seen}, acme.id) as seat:
        assert (await taken(seat, beats=True))["type"] == "heartbeat"
    # What a process has from the board alone it does not take back either.
    await bid(platform, hall, 0, "700.00")
    await board.drain()
    seen = (await read_standing(other_platform, acme.caller, hall.auction_id)).standing.number
    await platform.redis.commands.delete(board_key(hall.lot_id))
    await board.swap(old)
    later = await read_standing(other_platform, acme.caller, hall.auction_id)
    assert later.standing.number == seen > again.standing.number
