"""What keeps a server from starting in production."""

import asyncio
import dataclasses
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.devservices import DevServices
from marketplace.platform.safety import (
    DatabaseFacts,
    UnsafeSettings,
    is_placeholder,
    refusals,
    refuse_unsafe,
)
from marketplace.platform.schema import newest_revision, upgrade
from marketplace.platform.settings import Environment, Secrets, Settings

NEWEST = "0007"
RANDOM = "3f9c0a7be41d58265ac8f1d07b3e9264"
SAFE = DatabaseFacts(revision=NEWEST)


def test_a_safe_place_is_not_refused() -> None:
    assert refusals(SAFE, NEWEST, RANDOM) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fsync": False}, "fsync off"),
        ({"full_page_writes": False}, "full_page_writes off"),
        ({"synchronous_commit": "off"}, "synchronous_commit off"),
        ({"powers": (("root", "is a superuser"),)}, "act as root, which is a superuser"),
        ({"revision": "0006"}, "at 0006 and the code needs 0007; run: marketplace migrate"),
        ({"revision": None}, "at nothing"),
        ({"clock_ahead": timedelta(days=1)}, "moved by 1 day"),
        ({"clock_ahead": timedelta(seconds=-1)}, "clock is moved"),
    ],
)
def test_each_danger_is_named(change: dict[str, object], reason: str) -> None:
    found = refusals(dataclasses.replace(SAFE, **change), NEWEST, RANDOM)  # type: ignore[arg-type]
    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize("weaker", ["local", "remote_write", "remote_apply", "on"])
def test_a_commit_that_reached_the_local_disk_is_enough(weaker: str) -> None:
    assert refusals(dataclasses.replace(SAFE, synchronous_commit=weaker), NEWEST, RANDOM) == []


def test_all_dangers_are_named_at_once() -> None:
    facts = DatabaseFacts(fsync=False, full_page_writes=False, synchronous_commit="off")
    assert len(refusals(facts, NEWEST, "0" * 32)) == 5


@pytest.mark.parametrize(
    "typed", ["change-me-change-me-change-me-please", "0" * 64, "abcabc" * 8, "MySecretKey" * 4]
)
def test_a_typed_secret_is_a_placeholder(typed: str) -> None:
    assert is_placeholder(typed)


@given(st.binary(min_size=32, max_size=32).filter(lambda raw: len(set(raw.hex())) > 7))
def test_a_random_secret_is_none(raw: bytes) -> None:
    assert not is_placeholder(raw.hex())


@pytest.fixture(scope="module")
def services() -> Iterator[DevServices]:
    """A durable database, migrated."""
    parent = Path(tempfile.mkdtemp(prefix="safety-"))
    parent.chmod(0o755)
    with DevServices(parent / "services") as started:
        upgrade(started.owner_url)
        yield started
    shutil.rmtree(parent)


def production(database_url: str, environment: Environment = Environment.PRODUCTION) -> Settings:
    return Settings(
        database_url, "unix:///unused", Secrets(secrets.token_hex(32)), environment=environment
    )


def refusal_of(settings: Settings) -> str:
    with pytest.raises(UnsafeSettings) as caught:
        asyncio.run(refuse_unsafe(settings))
    return str(caught.value)


def as_owner(services: DevServices, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(services.owner_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def test_the_application_login_on_a_durable_migrated_database_may_serve(
    services: DevServices,
) -> None:
    asyncio.run(refuse_unsafe(production(services.database_url)))


def test_the_superuser_may_not_serve(services: DevServices) -> None:
    url = services.database_url.replace("marketplace_app@", "postgres@")
    assert "act as postgres, which is a superuser" in refusal_of(production(url))


def test_the_owner_of_the_tables_may_not_serve(services: DevServices) -> None:
    as_owner(services, "GRANT marketplace_api TO marketplace_owner")
    refusal = refusal_of(production(services.owner_url))
    assert "act as marketplace_owner, which owns tables" in refusal
    assert "superuser" not in refusal


def test_a_moved_clock_is_found(services: DevServices) -> None:
    as_owner(services, "UPDATE clock_offset SET ahead = '1 hour'")
    try:
        assert "moved by 1:00:00" in refusal_of(production(services.database_url))
        asyncio.run(refuse_unsafe(production(services.database_url, Environment.SANDBOX)))
    finally:
        as_owner(services, "UPDATE clock_offset SET ahead = '0'")


def test_a_schema_behind_its_migrations_is_found(services: DevServices) -> None:
    as_owner(services, "UPDATE alembic_version SET version_num = '0001'")
    try:
        assert f"needs {newest_revision()}" in refusal_of(production(services.database_url))
    finally:
        newest = f"UPDATE alembic_version SET version_num = '{newest_revision()}'"
        as_owner(services, newest)


def test_an_empty_database_is_found(services: DevServices) -> None:
    as_owner(services, "CREATE DATABASE empty")
    url = services.database_url.replace("/marketplace?", "/empty?")
    assert "at nothing" in refusal_of(production(url))


def test_a_database_that_can_lose_what_it_confirmed_is_found(services: DevServices) -> None:
    # The login's own setting stands in for the server's: it is what its sessions would commit by.
    url = f"{services.database_url}&options=-c%20synchronous_commit%3Doff"
    assert "synchronous_commit off" in refusal_of(production(url))
