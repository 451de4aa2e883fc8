"""The servers of one test process, and databases cloned from the migrated one."""

import asyncio
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from marketplace.devservices import DevServices
from marketplace.platform.settings import Environment, Secrets, Settings


class TestServers:
    """Clones, drops and names databases.

    Its connections last as long as it does, on a loop of its own: thousands of tests ask for a
    database. Where a loop is running already, its methods are called in a thread.
    """

    __test__ = False

    def __init__(self, services: DevServices) -> None:
        self.services = services
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._administrator = self._runner.run(self._connected())
        self._redis = Redis.from_url(self.redis_url)

    def close(self) -> None:
        self._runner.run(self._administrator.close())
        self._runner.run(self._redis.aclose())
        self._runner.close()

    @property
    def redis_url(self) -> str:
        return self.services.redis_url

    def database_url(self, name: str) -> str:
        return _with_database(self.services.database_url, name)

    def owner_url(self, name: str) -> str:
        return _with_database(self.services.owner_url, name)

    def administrator_url(self, name: str) -> str:
        """For who stands above row-level security: the superuser of the server."""
        parts = urlsplit(self.owner_url(name))
        return urlunsplit(parts._replace(netloc="postgres@"))

    def administrator_of(self, settings: Settings) -> str:
        """The same for the database of `settings`."""
        return self.administrator_url(urlsplit(settings.database_url).path.removeprefix("/"))

    def settings(self, database: str, directory: Path, **more: Any) -> Settings:
        """Give the settings of a process on one of the databases, its files in `directory`."""
        usual: dict[str, Any] = {
            "secrets": Secrets("only-for-tests-" + secrets.token_hex(16)),
            "environment": Environment.TEST,
            # A moved clock passes deadlines by nothing: tests that wait for bids say so.
            "settle_seconds": 0.0,
            "api_connections": 24,
            "fast_connections": 16,
            "engine_connections": 8,
        }
        return Settings(
            database_url=self.database_url(database),
            owner_url=self.owner_url(database),
            redis_url=self.redis_url,
            data_directory=directory,
            **usual | more,
        )

    def clone(self, name: str) -> None:
        """Make a database that is migrated and empty."""
        create = f'create database "{name}" template marketplace strategy file_copy'
        self._runner.run(self._administer(create))

    def drop(self, name: str) -> None:
        self._runner.run(self._dropped(name))

    async def _dropped(self, name: str) -> None:
        """Drop a database without force; Postgres waits five seconds for its sessions to close."""
        for last_try in (*(False,) * 5, True):
            try:
                await self._administer(f'drop database if exists "{name}"')
            except asyncpg.ObjectInUseError:
                if last_try:
                    raise
            else:
                return

    async def _connected(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.owner_url("postgres"))

    async def _administer(self, statement: str) -> None:
        try:
            await self._administrator.execute(statement)
        except (asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError, OSError):
            # A test may end all sessions there are.
            self._administrator = await self._connected()
            await self._administrator.execute(statement)

    def flush_redis(self) -> None:
        self._runner.run(self._flushed())

    async def _flushed(self) -> None:
        await self._redis.flushall()


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
