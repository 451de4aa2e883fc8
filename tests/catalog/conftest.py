"""A marketplace with the catalog alone, and companies that meet on it."""

from dataclasses import replace

import pytest

from marketplace.app import Assembly, assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from marketplace.worker import Worker
from tests.catalog.parties import Market
from tests.catalog.products.keeper import Shelf
from tests.catalog.shop import Shop
from tests.support.kept import Kept
from tests.support.world import World


@pytest.fixture
def assembly(settings: Settings, kept: Kept) -> Assembly:
    with kept.lent(settings):
        return assemble(replace(settings, features=("catalog",)))


@pytest.fixture
async def market(platform: Platform, worker: Worker) -> Market:
    made = Market(platform, worker)
    await made.register()
    return made


@pytest.fixture
async def shop(platform: Platform, worker: Worker, world: World) -> Shop:
    made = Shop(platform, worker, world)
    await made.register()
    return made


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    """The operator's products on the market."""
    return Shelf(market, (await world.operator()).caller)
