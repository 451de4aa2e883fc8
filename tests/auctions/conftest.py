from collections.abc import AsyncIterator

import pytest

from auctions.board import Board
from auctions.intake import Intake
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings


@pytest.fixture
async def platform(platform: Platform) -> AsyncIterator[Platform]:
    """A platform whose boards are written before it ends, as those of a process are."""
    yield platform
    await _settle(platform)


async def _settle(platform: Platform) -> None:
    await platform.get(Intake).drain()
    await platform.get(Board).drain()


@pytest.fixture
async def other_platform(settings: Settings) -> AsyncIterator[Platform]:
    """A second process on the same servers."""
    other = assemble(settings).platform
    yield other
    await _settle(other)
    await other.close()
