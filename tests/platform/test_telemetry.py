"""Logs tell what went wrong, never with which values."""

import traceback

import asyncpg
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.telemetry import without_values

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
