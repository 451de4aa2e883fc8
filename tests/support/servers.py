"""The servers of one test process, and databases cloned from the migrated one."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from marketplace.devservices import DevServices
from marketplace.platform.settings import Environment, Secrets, Settings


class TestServers:
    """Clones, drops and names databases."""

    __test__ = False

    def __init__(self, services: DevServices) -> None:
        self.services = services

    @property
    def redis_url(self) -> str:
        return self.services.redis_url

    def database_url(self, name: str) -> str:
        return _with_database(self.services.database_url, name)

    def owner_url(self, name: str) -> str:
        return _with_database(self.services.owner_url, name)

    def settings(self, database: str, directory: Path, **more: Any) -> Settings:
        """Give the settings of a process on one of the databases, its files in `directory`."""
        usual: dict[str, Any] = {
            "secrets": Secrets("only-for-tests-" + secrets.token_hex(16)),
            "environment": Environment.TEST,
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

    async def clone(self, name: str) -> None:
        connection = await asyncpg.connect(self.owner_url("postgres"))
        try:
            await connection.execute(
                f'create database "{name}" template marketplace strategy file_copy'
            )
        finally:
            await connection.close()

    async def drop(self, name: str) -> None:
        connection = await asyncpg.connect(self.owner_url("postgres"))
        try:
            # Without force: Postgres waits five seconds for sessions that are still closing.
            await connection.execute(f'drop database if exists "{name}"')
        finally:
            await connection.close()

    async def flush_redis(self) -> None:
        redis = Redis.from_url(self.redis_url)
        await redis.flushall()
        await redis.aclose()


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
