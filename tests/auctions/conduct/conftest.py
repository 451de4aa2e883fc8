from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from marketplace.platform.core import Platform
from tests.auctions.auction_hall import open_hall
from tests.auctions.conduct.floor import Floor
from tests.conftest import MoveClock
from tests.support.world import World

OpenFloor = Callable[..., Awaitable[Floor]]


@pytest.fixture
def open_floor(
    platform: Platform, world: World, client: httpx.AsyncClient, move_clock: MoveClock
) -> OpenFloor:
    """Open an auction that has begun, on the terms given."""

    async def opened(**terms: Any) -> Floor:
        hall = await open_hall(platform, world, **terms)
        return Floor(hall, client, platform, move_clock)

    return opened
