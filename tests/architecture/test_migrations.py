"""Migrations run up, down and up again, and end where the tables of the code are."""

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from marketplace.platform.schema import migrations, newest_revision
from marketplace.platform.settings import Settings
from tests.conftest import REPOSITORY


def test_the_file_of_the_newest_migration_is_named_by_its_revision() -> None:
    assert newest_revision() == ScriptDirectory.from_config(migrations()).get_current_head()


def test_the_schema_goes_up_down_and_up_again(settings: Settings) -> None:
    config = Config(toml_file=REPOSITORY / "pyproject.toml")
    config.attributes["owner_url"] = settings.owner_url
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    command.check(config)


async def test_nothing_is_left_when_all_is_undone(settings: Settings) -> None:
    import asyncio  # noqa: PLC0415 - Alembic runs a loop of its own, in another thread

    config = Config(toml_file=REPOSITORY / "pyproject.toml")
    config.attributes["owner_url"] = settings.owner_url
    await asyncio.to_thread(command.downgrade, config, "base")
    connection = await asyncpg.connect(settings.owner_url)
    try:
        tables = await connection.fetch(
            "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('public', 'jobs') and relkind in ('r', 'v', 'S')"
        )
        functions = await connection.fetch(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()
    assert [row["relname"] for row in tables] == ["alembic_version"]
    assert functions == []
