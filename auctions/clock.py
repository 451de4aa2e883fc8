"""The database's clock, read seldom and carried on in between: for what viewers are shown.

Nothing is decided by it. Decisions read the one clock itself, inside their transaction.
"""

import time
from datetime import datetime, timedelta
from typing import Final

from auctions.ledger import AWAY
from marketplace.kernel.errors import Unavailable
from marketplace.platform.core import Platform
from marketplace.platform.database import Role

READ_SECONDS: Final = 5.0


class ShownClock:
    """Tells the database's time without asking it for every viewer."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._read_at = self._asked_at = float("-inf")
        self._then: datetime | None = None

    async def now(self) -> datetime:
        """Give the time; raises Unavailable if the database never told it and does not now."""
        # One asks and the others go on: a crowd of viewers must not queue for the connections that
        # bids need, nor each wait for a database that is away.
        if self._then is None or time.monotonic() - self._asked_at > READ_SECONDS:
            await self.refresh()
        return self.estimate()

    async def refresh(self) -> None:
        """Ask the database, unless it is away: then the last answer is carried on."""
        self._asked_at = time.monotonic()
        try:
            pool = await self._platform.database.fast(Role.ENGINE)
            async with pool.acquire() as connection:
                then = await connection.fetchval("select clock()")
                # Both at once: in between, another viewer would be told a time that never was.
                self._then, self._read_at = then, time.monotonic()
        except AWAY as error:
            if self._then is None:
                raise Unavailable("The database does not answer.", retry_after_s=1) from error

    def estimate(self) -> datetime:
        """Give the time as of the last answer and what has passed since, without asking."""
        if self._then is None:
            msg = "the clock was never read"
            raise RuntimeError(msg)
        return self._then + timedelta(seconds=time.monotonic() - self._read_at)
