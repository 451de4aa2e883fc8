"""A buyer and three suppliers on a database of the test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from tests.rfq.parties import BUYER_SCOPES, SUPPLIER_SCOPES, Parties, caller
from tests.support.servers import TestServers


@pytest.fixture
async def parties(platform: Platform) -> Parties:
    suppliers = [caller(SUPPLIER_SCOPES) for _ in range(3)]
    made = Parties(platform, caller(BUYER_SCOPES), *suppliers)
    await made.register()
    return made


@pytest.fixture
async def owner(settings: Settings, servers: TestServers) -> AsyncIterator[asyncpg.Connection]:
    """A database administrator, whom no row-level security holds."""
    connection = await asyncpg.connect(servers.administrator_of(settings))
    yield connection
    await connection.close()


@pytest.fixture
def database_text(owner: asyncpg.Connection) -> Callable[[], Awaitable[str]]:
    """All of the database as one text; bytes both as they are and in hexadecimal."""

    async def read() -> str:
        tables = await owner.fetch(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables"
            " where schemaname in ('public', 'jobs')"
        )
        parts = []
        for table in tables:
            for row in await owner.fetch(f"select * from {table['name']}"):
                for value in row.values():
                    if isinstance(value, bytes):
                        parts.append(value.decode("latin-1"))
                        parts.append(value.hex())
                    else:
                        parts.append(str(value))
        return "\n".join(parts)

    return read
