"""Clients of the Redis-protocol server, or of a cluster of such servers.

Commands and subscriptions have clients of their own. Commands fail fast: what Redis holds can be
rebuilt, and no request waits for it. Subscriptions retry without end. Pools wait for a free
connection instead of raising at a burst of calls.

``redis+cluster://[user:password@]host:port,host:port`` names some servers of a cluster. Nothing
else changes: keys that belong together have one hash tag, and a message is published to all
servers of a cluster, so one subscription to any of them hears all.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import RedisClusterException, RedisError

CONNECTIONS_MAX: Final = 32
COMMAND_SECONDS_MAX: Final = 1.0
ENDLESS: Final = 2**31
REDIS_AWAY: Final = (RedisError, RedisClusterException, OSError)
"""What the clients raise while a server is away."""
_CLUSTER: Final = {"redis+cluster": Connection, "rediss+cluster": SSLConnection}


class RedisClients:
    """The two clients of one process."""

    def __init__(self, url: str) -> None:
        self.commands: Redis | RedisCluster
        self.subscriptions: Redis
        if urlsplit(url).scheme in _CLUSTER:
            self.commands, self.subscriptions = _of_cluster(url)
        else:
            self.commands, self.subscriptions = _of_server(url)

    def server_of(self, key: str) -> str:
        """Name the server that holds a key: "" where there is but one, or none is known yet."""
        if isinstance(self.commands, RedisCluster):
            with suppress(RedisClusterException):
                return str(getattr(self.commands.get_node_from_key(key), "name", ""))
        return ""

    async def close(self) -> None:
        """Close all connections."""
        if isinstance(self.commands, RedisCluster):
            await self.commands.aclose()
        else:
            await self.commands.aclose(close_connection_pool=True)
            await self.commands.connection_pool.disconnect()
        await self.subscriptions.aclose(close_connection_pool=True)
        await self.subscriptions.connection_pool.disconnect()


def _of_server(url: str) -> tuple[Redis, Redis]:
    commands = Redis(
        connection_pool=BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=COMMAND_SECONDS_MAX,
            socket_timeout=COMMAND_SECONDS_MAX,
            socket_connect_timeout=COMMAND_SECONDS_MAX,
            retry=Retry(NoBackoff(), 1),
        )
    )
    return commands, Redis.from_url(url, **_patient())


def _patient() -> dict[str, Any]:
    return {
        "socket_timeout": None,
        "socket_connect_timeout": COMMAND_SECONDS_MAX,
        "health_check_interval": 5,
        "retry": Retry(ExponentialBackoff(cap=1, base=0.05), ENDLESS),
    }


def _of_cluster(url: str) -> tuple[RedisCluster, Redis]:
    parts = urlsplit(url)
    kind = _CLUSTER[parts.scheme]
    access, _, hosts = parts.netloc.rpartition("@")
    user, _, password = access.partition(":")
    secrets: dict[str, Any] = {
        "username": unquote(user) or None,
        "password": unquote(password) or None,
    }
    seeds = [(host, int(port or 6379)) for host, _, port in _hosts(hosts)]
    commands = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in seeds],
        # What lies on the other servers goes on while one is away.
        require_full_coverage=False,
        max_connections=CONNECTIONS_MAX,
        socket_timeout=COMMAND_SECONDS_MAX,
        socket_connect_timeout=COMMAND_SECONDS_MAX,
        retry=Retry(NoBackoff(), 1),
        ssl=kind is SSLConnection,
        **secrets,
    )
    places = cycle(seeds)

    class AnyServer(kind):  # type: ignore[misc, valid-type]
        """A connection that tries the next server whenever it is made anew."""

        async def _connect(self) -> None:
            self.host, self.port = next(places)
            await super()._connect()

    pool = ConnectionPool(connection_class=AnyServer, **_patient(), **secrets)
    return commands, Redis(connection_pool=pool)


def _hosts(text: str) -> Iterator[tuple[str, str, str]]:
    for host in text.split(","):
        yield host.partition(":")
