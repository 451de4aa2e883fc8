"""The operator's shelf on a market."""

import pytest

from tests.catalog.parties import Market
from tests.catalog.products.keeper import Shelf
from tests.support.world import World


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    return Shelf(market, (await world.operator()).caller)
