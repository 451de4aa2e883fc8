"""Transactions, roles and tenants."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import Insert, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Compiled,
    HotRead,
    Role,
    fast_read,
    hot_rows,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.settings import Settings
from marketplace.platform.tables import IdempotencyRow
from tests.conftest import MoveClock
from tests.support.servers import TestServers
from tests.support.waiting import GIVE_UP_S


def caller() -> Caller:
    company = new_id()
    return Caller(company, company, (company,), new_id(), frozenset(), frozenset())


def kept(owner: Caller, key: str = "k") -> Insert:
    return insert(IdempotencyRow).values(
        organization_id=owner.organization_id,
        operation="make",
        key=key,
        fingerprint=b"",
        answer=b"",
    )


async def make_row(platform: Platform, who: Caller) -> None:
    async with transaction(platform, who) as tx:
        await tx.execute(kept(who))


ROWS = select(IdempotencyRow.organization_id)
PID = select(func.pg_backend_pid())
Break = Callable[[int], Awaitable[None]]


async def test_a_company_sees_its_own_rows_and_no_others(platform: Platform) -> None:
    one, other = caller(), caller()
    await make_row(platform, one)
    async with transaction(platform, one) as tx:
        assert [row.organization_id for row in await tx.all(ROWS)] == [one.organization_id]
    async with transaction(platform, other) as tx:
        assert await tx.all(ROWS) == []


async def test_no_row_can_be_written_for_another_company(platform: Platform) -> None:
    one, other = caller(), caller()
    with pytest.raises(DBAPIError, match="row-level security"):
        async with transaction(platform, one) as tx:
            await tx.execute(kept(other))


async def test_without_a_company_there_are_no_rows(platform: Platform) -> None:
    await make_row(platform, caller())
    async with system_transaction(platform, Role.API) as tx:
        assert await tx.all(ROWS) == []


async def test_the_tenant_of_a_transaction_does_not_stay_on_its_connection(
    platform: Platform,
) -> None:
    one = caller()
    await make_row(platform, one)
    async with fast_read(platform, one) as connection:
        assert len(await connection.fetch(Compiled(ROWS).sql)) == 1
    pool = await platform.database.fast(Role.API)
    async with pool.acquire() as connection:
        assert await connection.fetch(Compiled(ROWS).sql) == []


async def test_a_thousand_interleaved_reads_on_few_connections_see_no_foreign_row(
    platform: Platform,
) -> None:
    companies = [caller() for _ in range(8)]
    for company in companies:
        await make_row(platform, company)

    async def read(who: Caller) -> None:
        async with fast_read(platform, who) as connection:
            rows = await connection.fetch(Compiled(ROWS).sql)
            assert [row["organization_id"] for row in rows] == [who.organization_id]

    await asyncio.gather(*(read(companies[n % 8]) for n in range(1_000)))


READ = HotRead(ROWS)


async def test_a_hot_read_takes_its_tenant_along_and_leaves_nothing_of_it(
    settings: Settings,
) -> None:
    platform = Platform(replace(settings, fast_connections=1))
    one, other = caller(), caller()
    await make_row(platform, one)
    assert len(await hot_rows(platform, one, READ, {})) == 1
    pool = await platform.database.fast(Role.API)
    assert await pool.fetch(Compiled(ROWS).sql) == []
    assert await pool.fetchval("select coalesce(current_setting('app.org', true), '')") == ""
    assert await hot_rows(platform, other, READ, {}) == []
    await platform.close()


async def test_a_thousand_interleaved_hot_reads_see_no_foreign_row(platform: Platform) -> None:
    companies = [caller() for _ in range(8)]
    for company in companies:
        await make_row(platform, company)

    async def read(who: Caller) -> None:
        (row,) = await hot_rows(platform, who, READ, {})
        assert row["organization_id"] == who.organization_id

    await asyncio.gather(*(read(companies[n % 8]) for n in range(1_000)))


async def test_a_hot_read_that_fails_or_is_given_up_leaves_no_tenant(settings: Settings) -> None:
    platform = Platform(replace(settings, fast_connections=1))
    one = caller()
    await make_row(platform, one)
    fails = HotRead(select(IdempotencyRow.organization_id, 1 / func.length("")))
    sleeps = HotRead(select(IdempotencyRow.organization_id, func.pg_sleep(60)))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await hot_rows(platform, one, fails, {})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(hot_rows(platform, one, sleeps, {}), 0.1)
    pool = await platform.database.fast(Role.API)
    assert await pool.fetch(Compiled(ROWS).sql) == []
    assert len(await hot_rows(platform, one, READ, {})) == 1
    await platform.close()


async def test_a_read_that_is_given_up_does_not_go_on_in_the_server(
    platform: Platform, settings: Settings
) -> None:
    watching = await asyncpg.connect(settings.database_url)
    try:

        async def runs() -> bool:
            found: bool = await watching.fetchval(
                "select exists (select from pg_stat_activity"
                " where state = 'active' and query = 'select pg_sleep(100)'"
                " and datname = current_database())"
            )
            return found

        async with asyncio.timeout(60):
            reading = asyncio.create_task(platform.database.hot.fetch("select pg_sleep(100)"))
            while not await runs():
                await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            while await runs():
                await asyncio.sleep(0.05)
    finally:
        await watching.close()


async def test_a_read_under_way_when_the_process_closes_is_answered_and_its_connection_closed(
    settings: Settings,
) -> None:
    platform = Platform(settings)
    waits = HotRead(select(IdempotencyRow.organization_id, func.pg_advisory_xact_lock(1)))
    await make_row(platform, one := caller())
    owner = await asyncpg.connect(settings.owner_url)
    await owner.execute("select pg_advisory_lock(1)")
    reading = asyncio.create_task(hot_rows(platform, one, waits, {}))
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    async with asyncio.timeout(GIVE_UP_S):
        while not await owner.fetchval(waiting):
            await asyncio.sleep(0.01)
        await platform.close()
    await owner.execute("select pg_advisory_unlock(1)")
    assert len(await reading) == 1
    with pytest.raises(asyncpg.InterfaceError):
        await platform.database.fast(Role.API)
    others = "select count(*) - 1 from pg_stat_activity where datname = current_database()"
    async with asyncio.timeout(GIVE_UP_S):
        while await owner.fetchval(others):
            await asyncio.sleep(0.01)
    await owner.close()


async def test_a_tenant_set_too_late_sees_nothing(platform: Platform) -> None:
    """What a hot read would do if Postgres asked for rows first: show none."""
    one = caller()
    await make_row(platform, one)
    pool = await platform.database.fast(Role.API)
    late = f"select set_config('app.org', '{one.organization_id}', true) from idempotency_keys"
    assert await pool.fetch(late) == []


async def test_bare_connections_of_companies_cannot_write(platform: Platform) -> None:
    writes = HotRead(select(func.nextval("event_consumers")))
    pool = await platform.database.fast(Role.API)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await pool.execute("delete from timers")
    with pytest.raises(asyncpg.PostgresError):
        await hot_rows(platform, caller(), writes, {})


async def test_a_hot_read_cannot_write(platform: Platform) -> None:
    async with fast_read(platform, caller()) as connection:
        with pytest.raises(Exception, match="read-only"):
            await connection.execute("delete from timers")


async def test_where_a_statement_may_take_minutes_it_is_planned_whenever_it_runs(
    platform: Platform,
) -> None:
    plans = text(
        "select generic_plans, custom_plans from pg_prepared_statements where statement ~ 'k[e]y ='"
    )
    row = ROWS.where(IdempotencyRow.key == "k")
    for patient in (False, True):
        async with transaction(platform, caller(), patient=patient) as tx:
            for _ in range(8):
                await tx.all(row)
            kept_plans, made_anew = await tx.one(plans)
        assert (kept_plans > 0, made_anew > 0) == (not patient, patient)


async def test_the_clock_goes_on_inside_of_a_transaction(
    platform: Platform, move_clock: MoveClock
) -> None:
    async with system_transaction(platform, Role.WORKER) as tx:
        first = await tx.clock()
        await asyncio.sleep(0.01)
        assert await tx.clock() > first
        await move_clock(timedelta(days=2))
        assert await tx.clock() - first > timedelta(days=1)


async def test_a_serialization_failure_runs_the_whole_verb_again(platform: Platform) -> None:
    who = caller()
    runs = 0
    all_have_read = asyncio.Event()

    @retries_conflicts
    async def number_the_next_row() -> None:
        nonlocal runs
        async with transaction(platform, who, serializable=True) as tx:
            rows = await tx.all(select(IdempotencyRow.key))
            runs += 1
            if runs == 3:
                all_have_read.set()
            await all_have_read.wait()
            await tx.execute(kept(who, str(len(rows))))

    await asyncio.gather(*(number_the_next_row() for _ in range(3)))
    async with transaction(platform, who) as tx:
        keys = sorted(row.key for row in await tx.all(select(IdempotencyRow.key)))
    assert keys == ["0", "1", "2"]
    assert runs > 3


async def test_a_database_that_went_away_is_unavailable_and_comes_back(
    platform: Platform, servers: TestServers
) -> None:
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.clock()
    servers.services.postgres.kill()
    with pytest.raises(Unavailable):
        async with system_transaction(platform, Role.WORKER) as tx:
            await tx.clock()
    servers.services.postgres.start()
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.clock()


async def ordinary(platform: Platform, break_: Break) -> None:
    async with transaction(platform, caller()) as tx:
        await break_(await tx.scalar(PID))
        await tx.clock()


async def below_sqlalchemy(platform: Platform, break_: Break) -> None:
    async with transaction(platform, caller()) as tx:
        await break_(await tx.scalar(PID))
        await (await tx.raw()).fetch("select 1")


async def bare_read(platform: Platform, break_: Break) -> None:
    async with fast_read(platform, caller()) as connection:
        await break_(await connection.fetchval("select pg_backend_pid()"))
        await connection.fetch("select 1")


@pytest.mark.parametrize("work", [ordinary, below_sqlalchemy, bare_read])
async def test_whoever_meets_a_crash_of_the_database_is_told_that_it_is_away(
    platform: Platform, work: Callable[[Platform, Break], Awaitable[None]]
) -> None:
    """Postgres ends all sessions when one crashes, and takes none while it recovers."""

    async def crash(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    async def keep(_pid: int) -> None:
        return

    with pytest.raises(Unavailable):
        await work(platform, crash)
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            done = await asyncio.gather(
                *(work(platform, keep) for _ in range(8)), return_exceptions=True
            )
            assert {type(one) for one in done} <= {Unavailable, type(None)}
            if all(one is None for one in done):
                break
            await asyncio.sleep(0.02)


async def test_a_read_that_finds_nothing_keeps_its_connection(platform: Platform) -> None:
    async def not_found() -> int:
        pid = 0
        with pytest.raises(NotFound):
            async with fast_read(platform, caller()) as connection:
                pid = await connection.fetchval("select pg_backend_pid()")
                raise NotFound("nothing")
        return pid

    assert await not_found() == await not_found()


async def test_who_waits_for_a_connection_gets_it_in_the_order_he_came(settings: Settings) -> None:
    narrow = Platform(replace(settings, engine_connections=1))
    served: list[int] = []

    async def one(number: int) -> None:
        for _ in range(2):  # who was served asks again, and stands behind all who wait
            async with system_transaction(narrow, Role.ENGINE):
                served.append(number)

    try:
        await asyncio.gather(*(one(number) for number in range(5)))
    finally:
        await narrow.close()
    assert served == [*range(5), *range(5)]


async def test_no_company_has_all_connections_for_reads(settings: Settings) -> None:
    narrow = Platform(replace(settings, fast_connections=2))
    busy, other = caller(), caller()
    served: list[Caller] = []

    async def read(who: Caller) -> None:
        async with fast_read(narrow, who) as connection:
            await connection.fetchval("select 1")
            served.append(who)

    try:
        async with fast_read(narrow, busy):
            waiting = asyncio.create_task(read(busy))
            await asyncio.sleep(0)
            await read(other)
            assert served == [other]
        await waiting
    finally:
        await narrow.close()
    assert served == [other, busy]
