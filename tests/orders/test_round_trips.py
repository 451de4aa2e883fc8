"""What an order costs in round trips to Postgres; it does not depend on the machine."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from marketplace.app import Assembly, assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from tests.orders.trade import Trade
from tests.support.round_trips import Meter, counted, fewest


@pytest.fixture
async def meter(settings: Settings) -> AsyncIterator[Meter]:
    async with counted(settings.database_url) as meter:
        yield meter


@pytest.fixture
def assembly(settings: Settings, meter: Meter) -> Assembly:
    return assemble(replace(settings, features=(), database_url=meter.url))


async def cost(meter: Meter, trade: Trade, lines: int) -> int:
    wanted = [trade.line(trade.bolts if n % 2 else trade.nuts, sku=f"L-{n}") for n in range(lines)]
    (trips,) = await fewest(lambda: trade.submit(*wanted), meter)
    return trips


async def test_the_cost_of_an_order_does_not_grow_with_its_lines(
    platform: Platform, trade: Trade, meter: Meter
) -> None:
    assert platform is trade.platform
    for number in range(200):
        await trade.agree(trade.bolts if number % 2 else trade.nuts, "1", f"L-{number}")
    five, many = await cost(meter, trade, 5), await cost(meter, trade, 200)
    assert five == many
    # begin, tenant and clock, key lock, key, member and number, prices, the order with all its
    # rows, the kept answer, events and audit, commit
    assert five == 10
