from collections.abc import AsyncIterator

import pytest

from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings


@pytest.fixture
async def other_platform(settings: Settings) -> AsyncIterator[Platform]:
    """A second process on the same servers."""
    other = assemble(settings).platform
    yield other
    await other.close()
