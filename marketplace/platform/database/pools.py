"""The connections of one process: pools by role."""

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from marketplace.kernel.limits import (
    AUTH_CONNECTIONS,
    JOBS_AT_ONCE_MAX,
    REQUEST_SECONDS_MAX,
    WORKER_CONNECTIONS,
)
from marketplace.platform.database.connecting import (
    Role,
    connect,
    discard,
    fast_options,
    set_codecs,
)
from marketplace.platform.database.failures import AWAY, explained
from marketplace.platform.database.turns import Turns
from marketplace.platform.settings import Settings

_NOTHING_DONE: Final = "The database does not answer; nothing was done."


class Pool:
    """Connections for transactions, which those who wait for one get in the order they came.

    SQLAlchemy's pool by itself gives a free one to whoever asks just then: in a rush some waited
    twenty times as long as those who came after them.
    """

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self.engine = engine
        self._turns = Turns(size)

    @asynccontextmanager
    async def connected(self, company_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """Give a connection in one's turn; raises Unavailable where none is to be had."""
        async with self._turns.turn(company_id):
            try:
                connection = await self.engine.connect()
            except (DBAPIError, *AWAY) as error:
                raise explained(error, _NOTHING_DONE) from error
            try:
                yield connection
            finally:
                await connection.close()


class Database:
    """Connections of one process, a pool per role.

    SQLAlchemy's pools serve the ordinary transactions; `fast` pools hold bare asyncpg connections
    for the few hot paths; those of `Role.API` only read, in the turns of `reading`, and `hot` reads
    by single statements, as `credentials` does before it is known who asks.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        sizes = {
            Role.API: settings.api_connections,
            Role.ENGINE: settings.engine_connections,
            Role.WORKER: WORKER_CONNECTIONS,
            Role.AUTH: AUTH_CONNECTIONS,
        }
        self._by_role = {role: self._pool(role, size) for role, size in sizes.items()}
        self._fast_sizes = {
            Role.API: settings.fast_connections,
            Role.ENGINE: settings.engine_connections,
            Role.AUTH: AUTH_CONNECTIONS,
            Role.WORKER: WORKER_CONNECTIONS,
        }
        self._patient = self._pool(Role.API, JOBS_AT_ONCE_MAX, patient=True)
        self._fast: dict[Role, asyncpg.Pool] = {}
        self.reading = Turns(settings.fast_connections)
        self.hot = HotConnections(self._url, Role.API, settings.fast_connections)
        self.credentials = HotConnections(self._url, Role.AUTH, AUTH_CONNECTIONS)
        self._opening = asyncio.Lock()
        self._closed = False

    def _pool(self, role: Role, size: int, *, patient: bool = False) -> Pool:
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=functools.partial(connect, self._url, role, patient=patient),
            pool_size=size,
            max_overflow=0,
            pool_timeout=REQUEST_SECONDS_MAX,
            pool_use_lifo=True,
            # Values of statements are offers, prices, people: no error may carry them into a log.
            hide_parameters=True,
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )
        return Pool(engine, size)

    def pool(self, role: Role) -> Pool:
        """Give the pool of a role."""
        return self._by_role[role]

    def engine(self, role: Role) -> AsyncEngine:
        """Give the SQLAlchemy engine of a role."""
        return self._by_role[role].engine

    @property
    def patient(self) -> Pool:
        """Give the pool for jobs on behalf of a company, whose statements may take minutes."""
        return self._patient

    async def fast(self, role: Role) -> asyncpg.Pool:
        """Give the pool of bare connections of a role; opened when first asked for.

        Raises what a closed pool raises where the process closed its connections.
        """
        pool = self._fast.get(role)
        if pool is None:
            async with self._opening:
                if self._closed:
                    msg = "the connections of this process are closed"
                    raise asyncpg.InterfaceError(msg)
                pool = self._fast.get(role) or await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._fast_sizes[role],
                    init=set_codecs,
                    reset=_nothing_to_reset,
                    **fast_options(role),
                )
                self._fast[role] = pool
        return pool

    async def connection(self, role: Role) -> asyncpg.Connection:
        """Open a connection outside of the pools, for LISTEN and advisory locks."""
        return await connect(self._url, role)

    async def close(self) -> None:
        """Close all connections, for good."""
        self._closed = True
        for pool in (*self._by_role.values(), self._patient):
            await pool.engine.dispose()
        for fast in self._fast.values():
            await fast.close()
        await self.hot.close()
        await self.credentials.close()


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Skip asyncpg's reset, a round trip: all we set is local to a transaction."""


class HotConnections:
    """Connections of a role for single statements that read, the last used first.

    asyncpg's pool costs a task and three timers whenever a connection is taken and given back,
    which pays where a transaction has to be ended and a connection reset. A statement of its own
    leaves nothing to end. See docs/decisions/0426-connections-of-hot-reads.md.
    """

    def __init__(self, url: str, role: Role, size: int) -> None:
        self._url = url
        self._role = role
        self._turns = Turns(size)
        self._idle: list[asyncpg.Connection] = []
        self._closed = False

    async def fetch(
        self, sql: str, arguments: Sequence[Any] = (), company_id: UUID | None = None
    ) -> list[asyncpg.Record]:
        """Run one statement outside of any transaction and give its rows; raises Unavailable."""
        await self._turns.take(company_id)
        try:
            connection = self._taken() or await self._open()
            try:
                rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            except BaseException:
                discard(connection)
                raise
        except (asyncpg.InterfaceError, *AWAY) as error:
            raise explained(error, "The database does not answer.") from error
        finally:
            self._turns.give_back(company_id)
        if self._closed:
            discard(connection)
        else:
            self._idle.append(connection)
        return rows

    def _taken(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(
            self._url, **fast_options(self._role)
        )
        try:
            await set_codecs(connection)
        except BaseException:
            discard(connection)
            raise
        return connection

    async def close(self) -> None:
        """Close all for good: those that are in use are closed by whoever uses them."""
        self._closed = True
        await self.close_idle()

    async def close_idle(self) -> None:
        """Close those that are idle: what asks next plans anew."""
        while self._idle:
            await self._idle.pop().close()


class HasDatabase(Protocol):
    """Whatever holds the database of this process: the `Platform`."""

    @property
    def database(self) -> Database:
        """The database of this process."""
