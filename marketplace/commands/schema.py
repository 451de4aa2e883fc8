"""The schema in the database: `marketplace migrate`."""

import asyncio
import os
import tempfile
from pathlib import Path

import asyncpg
import click

from marketplace import development
from marketplace.commands.terminal import says_what_is_wrong, terminal
from marketplace.devservices import DevServices
from marketplace.platform.settings import SettingsError


@click.command()
@click.option("--to", "revision", default="head", show_default=True)
@click.option(
    "--check", is_flag=True, help="Compare the migrations with the code, on a scratch database."
)
@says_what_is_wrong
def migrate(revision: str, check: bool) -> None:
    """Bring the schema up to date."""
    from marketplace.platform.schema import newest_revision, upgrade

    if check:
        _check_migrations()
        return
    environ = development.found_environment(os.environ)
    if revision == "head":
        bring_up_to_date(environ)
        terminal().print("The schema is at", newest_revision())
        return
    upgrade(environ["MARKETPLACE_OWNER_URL"], revision)
    terminal().print("The schema is at", revision)


def _check_migrations() -> None:
    from marketplace.platform.schema import drift, upgrade

    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        with DevServices(Path(scratch) / "services", durable=False) as services:
            upgrade(services.owner_url)
            difference = drift(services.owner_url)
    if difference is not None:
        raise SettingsError(difference)
    terminal().print("The migrations make what the code declares.")


def bring_up_to_date(
    environ: development.Environ, meanwhile: development.Child | None = None
) -> None:
    """Bring the schema to the newest revision, and have `meanwhile` running after it.

    Where there is a schema already, that child runs before it is known to be the newest: that is
    likely, and the child takes a while.
    """
    from marketplace.platform.schema import newest_revision, upgrade

    url = environ.get("MARKETPLACE_OWNER_URL")
    if not url:
        raise SettingsError("MARKETPLACE_OWNER_URL is not set: the login that owns the schema.")
    before = asyncio.run(_revision(url))
    if meanwhile is not None and before is not None and not meanwhile.running:
        meanwhile.start()
    newest = newest_revision()
    if before != newest:
        if meanwhile is not None:
            meanwhile.stop()
        with terminal().status(
            "Making the schema" if before is None else f"Migrating from {before}"
        ):
            upgrade(url)
        terminal().print(f"Schema: {before or 'new'} → {newest}")
    if meanwhile is not None and not meanwhile.running:
        meanwhile.start()


async def _revision(owner_url: str) -> str | None:
    from marketplace.platform.schema import revision_of

    connection = await asyncpg.connect(owner_url)
    try:
        return await revision_of(connection)
    finally:
        await connection.close()
