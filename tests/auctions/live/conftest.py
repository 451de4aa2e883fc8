from collections.abc import AsyncIterator

import pytest

from marketplace.platform.http.edge import Edge
from tests.auctions.live.viewers import serving


@pytest.fixture
async def served(app: Edge) -> AsyncIterator[str]:
    """The application on a real socket, in the test's own loop."""
    async with serving(app) as path:
        yield path
