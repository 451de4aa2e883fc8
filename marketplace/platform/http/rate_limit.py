"""Rate limits per company, and per address of who reads what is public, shared through Redis.

A process takes permits in small lots, so that most requests cost no round trip; a company's limit
is exact up to one lot per process. Without Redis requests pass: bidding and ordering go on.
"""

import asyncio
import ipaddress
import math
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from marketplace.kernel.errors import TooManyRequests
from marketplace.kernel.limits import COMPANIES_COUNTED_MAX, REQUESTS_PER_MINUTE
from marketplace.platform.redis import REDIS_AWAY, RedisClients
from marketplace.platform.settings import Settings
from marketplace.platform.telemetry import log

LOTS_PER_LIMIT: Final = 100
WINDOW_S: Final = 60
ASK_S: Final = 0.25
"""How long a request waits for a lot; a Redis that stands still counts as away."""
AWAY_S: Final = 5
"""How long a process counts for itself before it asks an absent Redis again."""


@dataclass(slots=True)
class _Permits:
    """What a process may still let pass of a company's requests, until `ends_at` (Unix time).

    Refusals are remembered too: who is beyond his limit costs no round trip until it begins anew.
    """

    ends_at: float = 0.0
    left: int = 0
    others_left: int = 0
    refused: bool = False
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def decided(self, now: float) -> bool:
        return now < self.ends_at and (self.refused or self.left > 0)


class RateLimiter:
    """Counts requests per company in windows of one minute."""

    def __init__(self, settings: Settings, redis: RedisClients) -> None:
        self.limit = settings.requests_per_minute or REQUESTS_PER_MINUTE
        self._lot = max(1, self.limit // LOTS_PER_LIMIT)
        self._redis = redis
        self._permits: dict[UUID, _Permits] = {}
        self._away_until = 0.0

    async def count(self, organization_id: UUID, scope: MutableMapping[str, Any]) -> None:
        """Count one request of a company; raises TooManyRequests beyond the limit."""
        await self._count(organization_id, "Your company sent", scope)

    async def count_visitor(self, address: str, scope: MutableMapping[str, Any]) -> None:
        """Count one request of somebody without a key; raises TooManyRequests beyond the limit."""
        await self._count(uuid5(NAMESPACE_OID, _network(address)), "From your address came", scope)

    async def _count(
        self, organization_id: UUID, who: str, scope: MutableMapping[str, Any]
    ) -> None:
        permits = self._permits.get(organization_id)
        if permits is None:
            permits = self._begin(organization_id)
        now = time.time()
        if not permits.decided(now):
            # One takes a lot for all who wait: a lot for each would use the limit up at once.
            async with permits.taking:
                if not permits.decided(time.time()):
                    await self._take(organization_id, permits)
            now = time.time()
        resets_s = max(1, min(WINDOW_S, math.ceil(permits.ends_at - now)))
        if permits.refused:
            raise TooManyRequests(
                f"{who} more than {self.limit} requests in this minute.",
                retry_after_s=resets_s,
            )
        permits.left -= 1
        scope["rate_limit"] = (self.limit, permits.left + permits.others_left, resets_s)

    def _begin(self, organization_id: UUID) -> _Permits:
        if len(self._permits) >= COMPANIES_COUNTED_MAX:
            self._permits.clear()
        permits = self._permits[organization_id] = _Permits()
        return permits

    async def _take(self, organization_id: UUID, permits: _Permits) -> None:
        if time.time() >= self._away_until:
            try:
                async with asyncio.timeout(ASK_S):
                    await self._take_lot(organization_id, permits)
            except REDIS_AWAY as error:
                log.warning("rate_limit_without_redis", error=type(error).__name__)
                self._away_until = time.time() + AWAY_S
            else:
                return
        permits.ends_at = self._away_until
        permits.left, permits.others_left, permits.refused = self.limit, 0, False

    async def _take_lot(self, organization_id: UUID, permits: _Permits) -> None:
        """Count a lot in the window, which begins with the first: by one round trip."""
        key = f"requests:{organization_id}"
        asked = self._redis.commands.pipeline(transaction=False)
        asked.incrby(key, self._lot)
        asked.expire(key, WINDOW_S, nx=True)
        asked.pttl(key)
        counted, _, left_ms = await asked.execute()
        permits.ends_at = time.time() + max(0, left_ms) / 1000
        permits.refused = counted > self.limit
        permits.left = 0 if permits.refused else self._lot
        permits.others_left = max(0, self.limit - counted)


def _network(address: str) -> str:
    """Give what one visitor has of addresses: one of IPv4, the last 64 bits of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)  # noqa: PLR2004
