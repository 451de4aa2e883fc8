"""Rate limits per company, shared by all processes through Redis.

A process takes permits in small lots, so that most requests cost no round trip; a company's limit
is exact up to one lot per process. Without Redis requests pass: bidding and ordering go on.
"""

import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from marketplace.kernel.errors import TooManyRequests
from marketplace.kernel.limits import REQUESTS_PER_MINUTE
from marketplace.platform.redis import RedisClients
from marketplace.platform.settings import Settings
from marketplace.platform.telemetry import log

LOTS_PER_LIMIT: Final = 100
WINDOW_S: Final = 60


@dataclass(slots=True)
class _Permits:
    window: int
    left: int
    others_left: int


class RateLimiter:
    """Counts requests per company in windows of one minute."""

    def __init__(self, settings: Settings, redis: RedisClients) -> None:
        self.limit = settings.requests_per_minute or REQUESTS_PER_MINUTE
        self._lot = max(1, self.limit // LOTS_PER_LIMIT)
        self._item = RateLimitItemPerMinute(self.limit)
        self._storage = RedisStorage(
            # Only names the kind of client; the pool has the address. (`limits` takes an address
            # of a Unix socket for another client's, and one without a port for none.)
            "redis://pool:6379",
            implementation="redispy",
            connection_pool=redis.commands.connection_pool,  # type: ignore[arg-type]
        )
        self._shared = FixedWindowRateLimiter(self._storage)
        self._permits: dict[UUID, _Permits] = {}

    async def count(self, organization_id: UUID, scope: MutableMapping[str, Any]) -> None:
        """Count one request; raises TooManyRequests beyond the limit."""
        window = int(time.time()) // WINDOW_S
        permits = self._permits.get(organization_id)
        if permits is None or permits.window != window or permits.left <= 0:
            permits = await self._take(organization_id, window)
        permits.left -= 1
        scope["rate_limit"] = (self.limit, permits.left + permits.others_left)

    async def _take(self, organization_id: UUID, window: int) -> _Permits:
        if len(self._permits) > 100_000:  # noqa: PLR2004 - a bound, not a tuning knob
            self._permits.clear()
        others_left = self.limit - self._lot
        try:
            allowed = await self._shared.hit(self._item, str(organization_id), cost=self._lot)
            stats = await self._shared.get_window_stats(self._item, str(organization_id))
            others_left = stats.remaining
            if not allowed:
                raise TooManyRequests(
                    f"Your company sent more than {self.limit} requests in this minute.",
                    retry_after_s=WINDOW_S - int(time.time()) % WINDOW_S,
                )
        except (RedisError, OSError) as error:
            log.warning("rate_limit_without_redis", error=type(error).__name__)
        permits = _Permits(window, self._lot, others_left)
        self._permits[organization_id] = permits
        return permits
