"""A database and its connections, kept from test to test, emptied in between.

Cloning a database, opening connections to it and having every statement parsed and planned anew
took more time than what most tests do. What a process of the product keeps for days is kept here
for some tests, and given up as soon as anything about it is not as it was.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import pytest

from marketplace.platform.database import Database
from marketplace.platform.settings import Settings
from tests.support.servers import TestServers

USES_MAX: Final = 40
"""Deleted rows stay on disk: after so many tests a fresh database is the cheaper one."""
_LEAVING_SECONDS_MAX: Final = 5.0
_POLL_S: Final = 0.002

# What a test may not change: tables, columns, rights, policies, triggers, functions, what the
# planner knows. Tables of a session (of imports) are its own affair.
_SCHEMA: Final = """
select (
    select array[count(*), sum(xmin::text::bigint), sum(relpages), sum(reltuples::bigint)]
    from pg_class where relpersistence <> 't'
) || (
    select array[count(*), sum(xmin::text::bigint)] from pg_policy
) || (
    select array[count(*), sum(xmin::text::bigint)] from pg_trigger
) || (
    select array[count(*), sum(xmin::text::bigint)] from pg_namespace
    where nspname !~ '^pg_(toast_)?temp_'
) || (
    select array[count(*), max(xmin::text::bigint)] from pg_proc
    where pronamespace <> pg_my_temp_schema()
)
"""

_TABLES: Final = """
select format('%I.%I', schemaname, tablename) from pg_tables
where schemaname not in ('pg_catalog', 'information_schema') order by 1
"""

_SEQUENCES: Final = """
select format('%I.%I', schemaname, sequencename) as name, start_value from pg_sequences order by 1
"""

_OTHERS: Final = """
select pid, state = 'idle' and not exists (
    select from pg_locks where pg_locks.pid = a.pid and locktype = 'advisory'
) as idle
from pg_stat_activity as a
where datname = current_database() and pid <> pg_backend_pid()
"""


class KeptDatabase(Database):
    """The pools of a process that outlive its end."""

    async def close(self) -> None:
        """Leave all connections open for the next test."""

    async def close_for_good(self) -> None:
        await super().close()

    def is_at_rest(self) -> bool:
        """Tell whether no test holds any of the connections any more."""
        return all(pool.checkedout() == 0 for pool in self._pools()) and not any(
            holder._in_use for pool in self._fast.values() for holder in pool._holders
        )

    def connections(self) -> Iterator[asyncpg.Connection]:
        """Give all that are open and idle."""
        for pool in self._pools():
            for record in list(pool._pool._queue._queue):
                if record.dbapi_connection is not None:
                    yield record.dbapi_connection._connection
        for fast in self._fast.values():
            for holder in fast._holders:
                if holder._con is not None:
                    yield holder._con
        yield from (*self.hot._idle, *self.credentials._idle)

    def _pools(self) -> list[Any]:
        pools = (*self._by_role.values(), self._patient)
        return [pool.engine.sync_engine.pool for pool in pools]


class Cleaner:
    """Empties one database: deletes the rows of all tables, sets back sequences and what the
    migrations wrote.
    """

    def __init__(self, connection: asyncpg.Connection, schema: list[int]) -> None:
        self._connection = connection
        self._schema = schema

    @classmethod
    async def of(cls, url: str) -> "Cleaner":
        """Learn what a migrated database is like; `url` is of an administrator."""
        # No trigger holds rows back. (Set once: each change of it has all plans made anew.)
        connection = await asyncpg.connect(
            url, server_settings={"session_replication_role": "replica"}
        )
        seeds, steps = [], []
        for (table,) in await connection.fetch(_TABLES):
            if not await connection.fetchval(f"select exists (select from {table})"):
                steps.append(f"delete from {table};")
                continue
            seed = f"seed_{len(seeds)}"
            seeds.append(f"create temp table {seed} as table {table};")
            steps.append(
                f"if exists (table {table} except table {seed})"
                f" or exists (table {seed} except table {table}) then"
                f" delete from {table}; insert into {table} table {seed}; end if;"
            )
        steps += [
            f"perform setval('{name}', {start}, false);"
            for name, start in await connection.fetch(_SEQUENCES)
        ]
        await connection.execute(
            f"{''.join(seeds)} create function pg_temp.clean() returns void language plpgsql"
            f" as $$ begin {' '.join(steps)} end $$"
        )
        return cls(connection, await connection.fetchval(_SCHEMA))

    async def clean(self, kept: set[int]) -> bool:
        """Empty the database; False where it or one of its `kept` sessions is not as it was."""
        until = time.monotonic() + _LEAVING_SECONDS_MAX
        while True:
            sessions = dict(await self._connection.fetch(_OTHERS))
            if sessions.keys() <= kept or time.monotonic() > until:
                break
            await asyncio.sleep(_POLL_S)
        if sessions.keys() != kept or not all(sessions.values()):
            return False
        if await self._connection.fetchval(_SCHEMA) != self._schema:
            return False
        await self._connection.execute("select pg_temp.clean()")
        return True

    async def sessions(self) -> set[int]:
        """Give the server's processes of the others' sessions in this database."""
        return {pid for pid, _ in await self._connection.fetch(_OTHERS)}

    async def close(self) -> None:
        await self._connection.close()


class Kept:
    """The one database that a test process keeps, and the pools on it."""

    def __init__(self, servers: TestServers) -> None:
        self._servers = servers
        self._name: str | None = None
        self._cleaner: Cleaner | None = None
        self._pools: KeptDatabase | None = None
        self._uses = 0

    async def database(self) -> str:
        """Give the name of a database that is migrated and empty."""
        if self._name is not None and not await self._is_there():
            await self.give_up()
        if self._name is None:
            self._name = f"kept_{os.getpid()}_{secrets.token_hex(4)}"
            await asyncio.to_thread(self._servers.clone, self._name)
            self._cleaner = await Cleaner.of(self._servers.administrator_url(self._name))
            self._uses = 0
        self._uses += 1
        return self._name

    @contextmanager
    def lent(self, settings: Settings) -> Iterator[None]:
        """Let the platform made within take the kept pools, where `settings` name the database."""

        def database(of: Settings) -> Database:
            if self._pools is None:
                self._pools = KeptDatabase(of)
            return self._pools

        with pytest.MonkeyPatch.context() as patch:
            if self._name and settings.database_url == self._servers.database_url(self._name):
                patch.setattr("marketplace.platform.core.Database", database)
            yield

    async def take_back(self) -> None:
        """Empty the database for the next test, or give it up."""
        if self._uses >= USES_MAX or not await self._is_there() or not await self._cleaned():
            await self.give_up()

    async def _is_there(self) -> bool:
        """Tell whether nobody, such as a test that ends all sessions, ended one of the kept."""
        pools = self._pools
        pids = {c.get_server_pid() for c in pools.connections()} if pools is not None else set()
        try:
            return self._cleaner is not None and await self._cleaner.sessions() >= pids
        except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError):
            return False

    async def _cleaned(self) -> bool:
        if self._cleaner is None:
            return False
        if self._pools is None:
            return await self._cleaner.clean(set())
        if not self._pools.is_at_rest():
            return False
        pids = {connection.get_server_pid() for connection in self._pools.connections()}
        return await self._cleaner.clean(pids)

    async def give_up(self) -> None:
        """Close all connections and drop the database."""
        pools, self._pools = self._pools, None
        cleaner, self._cleaner = self._cleaner, None
        name, self._name = self._name, None
        if pools is not None:
            await pools.close_for_good()
        if cleaner is not None:
            await cleaner.close()
        if name is not None:
            await asyncio.to_thread(self._servers.drop, name)
