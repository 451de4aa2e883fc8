"""The schema of the database: where its migrations are, what the newest is, and going there."""
# ruff: noqa: PLC0415 - Alembic takes a quarter of a second to import; most starts do not need it.

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from marketplace.platform.settings import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def migrations(owner_url: str = "") -> "Config":
    """Give Alembic's configuration, for a database whose owner logs in with `owner_url`."""
    from alembic.config import Config

    if not _PROJECT.exists():
        raise SettingsError(f"The migrations are run from a checkout; there is none at {_PROJECT}.")
    config = Config(toml_file=_PROJECT, stdout=StringIO())
    config.attributes["owner_url"] = owner_url
    return config


def newest_revision() -> str:
    """Give the revision a database has after all migrations: their files are named by them.

    Alembic would import all of them, and itself, into a process that then serves: 15 MB of it.
    """
    files = _PROJECT.parent / "migrations" / "versions"
    revisions = [path.name.partition("_")[0] for path in files.glob("[0-9]*_*.py")]
    if not revisions:
        raise SettingsError(f"The migrations are run from a checkout; there are none in {files}.")
    return max(revisions)


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Run the migrations a database lacks. Not for inside of an event loop: it runs its own."""
    from alembic import command

    command.upgrade(migrations(owner_url), revision)


def drift(owner_url: str) -> str | None:
    """Say how the tables of a migrated database differ from those the code declares, or None."""
    from alembic import command
    from alembic.util import CommandError

    try:
        command.check(migrations(owner_url))
    except CommandError as error:
        return str(error)
    return None


async def revision_of(connection: asyncpg.Connection) -> str | None:
    """Give the revision a database is at; None before its first migration."""
    if not await connection.fetchval("SELECT to_regclass('public.alembic_version') IS NOT NULL"):
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    return found
