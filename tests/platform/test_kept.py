"""A kept database is empty for the next test, or given up: by rows, clock, numbers and schema."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from marketplace.app import assemble
from marketplace.platform.database import Role, transaction
from marketplace.platform.settings import Settings
from tests.support.kept import Kept
from tests.support.servers import TestServers
from tests.support.world import World


@pytest.fixture
async def own(servers: TestServers) -> AsyncIterator[Kept]:
    made = Kept(servers)
    yield made
    await made.give_up()


@pytest.fixture
def settings_on(servers: TestServers, tmp_path: Path) -> Callable[[str], Settings]:
    return lambda name: servers.settings(name, tmp_path)


async def test_the_next_test_finds_its_connections_and_nothing_of_what_was_written(
    own: Kept, settings_on: Callable[[str], Settings], servers: TestServers
) -> None:
    name = await own.database()
    settings = settings_on(name)
    sessions = []
    for _ in range(2):
        with own.lent(settings):
            platform = assemble(settings).platform
        buyer = await World(platform).buyer()
        async with transaction(platform, buyer.caller) as tx:
            sessions.append(await tx.scalar(text("select pg_backend_pid()")))
        await platform.close()
        owner = await asyncpg.connect(servers.administrator_url(name))
        assert await owner.fetchval("select count(*) from organizations") == 1
        assert await owner.fetchval("select nextval('outbox_id_seq')") < 20
        await owner.execute("update clock_offset set ahead = ahead + $1", timedelta(hours=1))
        assert await owner.fetchval("select ahead from clock_offset") == timedelta(hours=1)
        await owner.close()
        await own.take_back()
        assert await own.database() == name
    assert sessions[0] == sessions[1]


@pytest.mark.parametrize(
    "change",
    [
        "alter table organizations no force row level security",
        "create table more (id int)",
        "drop policy if exists {policy} on organizations",
        "analyze organizations",
    ],
)
async def test_a_database_whose_schema_was_changed_is_given_up(
    own: Kept, servers: TestServers, change: str
) -> None:
    name = await own.database()
    owner = await asyncpg.connect(servers.administrator_url(name))
    policy = "select policyname from pg_policies where tablename = 'organizations' limit 1"
    await owner.execute(change.format(policy=await owner.fetchval(policy)))
    await owner.close()
    await own.take_back()
    assert await own.database() != name


async def test_where_the_server_ended_a_connection_all_are_given_up(
    own: Kept, settings_on: Callable[[str], Settings], servers: TestServers
) -> None:
    name = await own.database()
    settings = settings_on(name)
    with own.lent(settings):
        platform = assemble(settings).platform
    async with platform.database.engine(Role.API).connect() as connection:
        pid = await connection.scalar(text("select pg_backend_pid()"))
    await platform.close()
    owner = await asyncpg.connect(servers.administrator_url(name))
    assert await owner.fetchval("select pg_terminate_backend($1)", pid)
    await owner.close()
    await own.take_back()
    assert await own.database() != name
