"""Logs tell what went wrong, never with which values."""

import re
import traceback

import asyncpg
import httpx
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.outbox import number_events
from marketplace.platform.telemetry import serve_metrics, without_values


async def test_a_worker_that_is_asked_to_tells_how_it_is(platform: Platform) -> None:
    port = serve_metrics("127.0.0.1", 0)
    who = (new_id(),)
    async with system_transaction(platform, Role.ENGINE) as tx:
        tx.emit(Event("thing.happened", "thing", new_id(), 1, frozenset(who), {}))
    async with httpx.AsyncClient() as client:
        told: list[float] = []
        for _ in range(2):
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            (line,) = re.findall(r"^events_numbered_total (.*)$", text, re.MULTILINE)
            told.append(float(line))
            await number_events(platform)
    assert told[1] == told[0] + 1


SECRET = "4711.50 for Mrs. Miller\nof Acme"


def text_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


async def test_an_argument_that_postgres_cannot_take_is_not_told(platform: Platform) -> None:
    pool = await platform.database.fast(Role.AUTH)
    with pytest.raises(asyncpg.DataError) as caught:
        await pool.fetchval("select $1::int", SECRET)
    assert "4711.50" in text_of(caught.value)
    told = without_values(text_of(caught.value))
    assert "4711.50" not in told
    assert "Miller" not in told
    assert "invalid input for query argument $1: (withheld)" in told


async def test_a_row_that_postgres_refuses_is_not_told(platform: Platform) -> None:
    company = {"id": new_id(), "company_id": new_id(), "name": SECRET, "parent_id": new_id()}
    with pytest.raises(DBAPIError) as caught:
        async with system_transaction(platform, Role.AUTH) as tx:
            await tx.execute(insert(OrganizationRow).values(**company))
    assert "DETAIL" in text_of(caught.value)
    told = without_values(text_of(caught.value))
    for value in company.values():
        assert str(value) not in told
    assert "[SQL: INSERT INTO organizations" in told
