"""How often a bid and a look at the standing ask Postgres and Redis."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import pytest

from auctions.bidding import place_bid, read_standing
from auctions.board import Board
from auctions.schemas import BidInput
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import Hall, fresh, open_hall
from tests.support.round_trips import Meter, counted, fewest
from tests.support.world import World


class Counted(NamedTuple):
    platform: Platform
    postgres: Meter
    redis: Meter
    hall: Hall


@pytest.fixture
async def metered(settings: Settings, platform: Platform, world: World) -> AsyncIterator[Counted]:
    hall = await open_hall(platform, world)
    async with counted(settings.database_url) as postgres, counted(settings.redis_url) as redis:
        seen = assemble(replace(settings, database_url=postgres.url, redis_url=redis.url)).platform
        yield Counted(seen, postgres, redis, hall)
        await seen.close()


def bid_of(cents: int) -> BidInput:
    amount = f"{cents // 100}.{cents % 100:02}"
    return BidInput(amount=MoneyInput(amount=amount, currency="EUR"))


async def test_a_bid_alone_takes_four_round_trips_and_one_behind_the_answer(
    metered: Counted,
) -> None:
    cents = count(90_000, -100)

    async def bid() -> None:
        who = metered.hall.suppliers[0].caller
        data = bid_of(next(cents))
        await place_bid(metered.platform, who, metered.hall.auction_id, fresh(), data)
        await metered.platform.get(Board).drain()

    assert await fewest(bid, metered.postgres, metered.redis) == [4, 1]


async def test_a_batch_takes_no_more_round_trips_than_a_bid(metered: Counted) -> None:
    cents = {place: count(90_000, -100) for place in range(3)}

    async def bids() -> None:
        await asyncio.gather(
            *(
                place_bid(
                    metered.platform,
                    metered.hall.suppliers[place].caller,
                    metered.hall.auction_id,
                    fresh(),
                    bid_of(next(cents[place])),
                )
                for place in range(3)
                for _ in range(30)
            )
        )

    # Who may bid is asked once; after that bids of one bidder come in the order he sent them.
    await read_standing(metered.platform, metered.hall.buyer.caller, metered.hall.auction_id)
    assert (await fewest(bids, metered.postgres))[0] == 4


async def test_a_look_at_the_standing_asks_redis_once_and_postgres_never(
    metered: Counted,
) -> None:
    await place_bid(
        metered.platform,
        metered.hall.suppliers[0].caller,
        metered.hall.auction_id,
        fresh(),
        bid_of(90_000),
    )
    await metered.platform.get(Board).drain()

    async def look() -> None:
        who = metered.hall.suppliers[0].caller
        await read_standing(metered.platform, who, metered.hall.auction_id)

    assert await fewest(look, metered.postgres, metered.redis) == [0, 1]
