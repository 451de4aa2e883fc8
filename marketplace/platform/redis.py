"""Clients of the Redis-protocol server, or of a cluster of such servers.

Commands and subscriptions have clients of their own. Commands fail fast: what Redis holds can be
rebuilt, and no request waits for it. Subscriptions retry without end. Pools wait for a free
connection instead of raising at a burst of calls.

``redis+cluster://[user:password@]host:port,host:port`` names some servers of a cluster. Nothing
else changes: keys that belong together have one hash tag, and a message is published to all
servers of a cluster, so one subscription to any of them hears all.

Closed clients stay closed. A pool closes what is open when it is told to; of what a task connects
at that moment or later (a command that tries again, a subscription that comes back) it knows
nothing. So each connection asks whether its clients are closed: before it connects, and after.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from itertools import cycle
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisClusterException, RedisError

from marketplace.kernel.limits import REDIS_COMMAND_SECONDS_MAX, REDIS_CONNECTIONS_MAX

ENDLESS: Final = 2**31
REDIS_AWAY: Final = (RedisError, RedisClusterException, OSError)
"""What the clients raise while a server is away."""
_CLUSTER: Final = {"redis+cluster": Connection, "rediss+cluster": SSLConnection}


class RedisClients:
    """The two clients of one process."""

    def __init__(self, url: str) -> None:
        self.commands: Redis | RedisCluster
        self.subscriptions: Redis
        self._closed = asyncio.Event()
        if urlsplit(url).scheme in _CLUSTER:
            self.commands, self.subscriptions = _of_cluster(url)
        else:
            self.commands, self.subscriptions = _of_server(url)
        for client in (self.commands, self.subscriptions):
            self._bind(client)

    def _bind(self, client: Redis | RedisCluster) -> None:
        """Have all connections of a client end with these clients."""
        if isinstance(client, RedisCluster):
            kind = self._ending(client.connection_kwargs["connection_class"])
            client.nodes_manager.connection_kwargs["connection_class"] = kind
            for node in client.startup_nodes:
                node.connection_class = kind
        else:
            pool = client.connection_pool
            pool.connection_class = self._ending(pool.connection_class)

    def _ending(self, kind: Any) -> Any:
        closed = self._closed

        class Ending(kind):  # type: ignore[misc]
            """A connection that is not made once its clients are closed."""

            async def _connect(self) -> None:
                if not closed.is_set():
                    await super()._connect()
                    if not closed.is_set():
                        return
                    await self.disconnect()
                self.retry.update_retries(0)
                msg = "The clients are closed."
                raise NotConnected(msg)

        return Ending

    def server_of(self, key: str) -> str:
        """Name the server that holds a key: "" where there is but one, or none is known yet."""
        if isinstance(self.commands, RedisCluster):
            with suppress(RedisClusterException):
                return str(getattr(self.commands.get_node_from_key(key), "name", ""))
        return ""

    async def close(self) -> None:
        """Close all connections, for good: what is under way or comes later fails."""
        self._closed.set()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.subscriptions.aclose, close_connection_pool=True)
            if isinstance(self.commands, RedisCluster):
                stack.push_async_callback(self.commands.aclose)
            else:
                stack.push_async_callback(self.commands.aclose, close_connection_pool=True)


def _of_server(url: str) -> tuple[Redis, Redis]:
    commands = Redis(
        connection_pool=BlockingConnectionPool.from_url(
            url,
            max_connections=REDIS_CONNECTIONS_MAX,
            timeout=REDIS_COMMAND_SECONDS_MAX,
            socket_timeout=REDIS_COMMAND_SECONDS_MAX,
            socket_connect_timeout=REDIS_COMMAND_SECONDS_MAX,
            retry=Retry(NoBackoff(), 1),
        )
    )
    return commands, Redis.from_url(url, **_patient())


def _patient() -> dict[str, Any]:
    return {
        "socket_timeout": None,
        "socket_connect_timeout": REDIS_COMMAND_SECONDS_MAX,
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
        max_connections=REDIS_CONNECTIONS_MAX,
        socket_timeout=REDIS_COMMAND_SECONDS_MAX,
        socket_connect_timeout=REDIS_COMMAND_SECONDS_MAX,
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
