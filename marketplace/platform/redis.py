"""Clients of the Redis-protocol server.

Commands and subscriptions have clients of their own. Commands fail fast: what Redis holds can be
rebuilt, and no request waits for it. Subscriptions retry without end. Pools wait for a free
connection instead of raising at a burst of calls.
"""

from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff

CONNECTIONS_MAX: Final = 32
COMMAND_SECONDS_MAX: Final = 1.0
ENDLESS: Final = 2**31


class RedisClients:
    """The two clients of one process."""

    def __init__(self, url: str) -> None:
        self.commands: Redis = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS_MAX,
                timeout=COMMAND_SECONDS_MAX,
                socket_timeout=COMMAND_SECONDS_MAX,
                socket_connect_timeout=COMMAND_SECONDS_MAX,
                retry=Retry(NoBackoff(), 1),
            )
        )
        self.subscriptions: Redis = Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=COMMAND_SECONDS_MAX,
            health_check_interval=5,
            retry=Retry(ExponentialBackoff(cap=1, base=0.05), ENDLESS),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.commands.aclose(close_connection_pool=True)
        await self.commands.connection_pool.disconnect()
        await self.subscriptions.aclose(close_connection_pool=True)
