"""What HTTP does not show: rows of others, memory of callers, audit, events, the first operator."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from marketplace.app import assemble
from marketplace.kernel.errors import NotAuthenticated, NotPermitted
from marketplace.kernel.money import Money
from marketplace.organizations import authentication, keys, service
from marketplace.organizations.authentication import KeyAuthenticator
from marketplace.organizations.members import order_limit_of
from marketplace.organizations.schemas import ApiKeyInput, UnitInput
from marketplace.organizations.tables import (
    ApiKeyRow,
    MemberRow,
    MembershipRow,
    OrganizationRow,
    PersonalDataRow,
    SessionRow,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, connect, transaction
from marketplace.platform.http.access import Authenticator, Credentials
from marketplace.platform.settings import Settings
from marketplace.platform.tables import EventRow
from marketplace.worker import Worker
from tests.conftest import MoveClock, StopClock
from tests.support.waiting import GIVE_UP_S
from tests.support.world import World, fresh_key


def credentials(key: str, unit_id: UUID | None = None) -> Credentials:
    return Credentials(
        bearer=key,
        session=None,
        unit_id=unit_id,
        address="192.0.2.1",
        request_id="r",
        origin=None,
        safe_method=True,
    )


@asynccontextmanager
async def another_process(settings: Settings) -> AsyncIterator[tuple[Platform, KeyAuthenticator]]:
    """A platform of its own on the same database, with its listener, as a second process has."""
    platform = assemble(settings).platform
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        authenticator = platform.get(Authenticator)  # type: ignore[type-abstract]
        assert isinstance(authenticator, KeyAuthenticator)
        await stack.enter_async_context(authenticator.listening())
        async with asyncio.timeout(GIVE_UP_S):
            while not authenticator.hears:
                await asyncio.sleep(0.005)
        yield platform, authenticator


async def until_refused(authenticator: KeyAuthenticator, key: str) -> None:
    """Wait for what a notification brings about; by itself a memory lives ten times as long."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            try:
                await authenticator.caller_of(credentials(key))
            except NotAuthenticated:
                return
            await asyncio.sleep(0.001)


# Rows of others


async def test_a_company_s_transaction_holds_no_row_of_another(
    platform: Platform, world: World
) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    supplier = await world.supplier()
    for company in (one, other, supplier):
        await keys.start_session(platform, company.caller)
    operator = await world.operator()
    for table in (MemberRow, PersonalDataRow, MembershipRow, ApiKeyRow, SessionRow):
        for caller in (one.caller, operator.caller):
            async with transaction(platform, caller) as tx:
                seen = await tx.all(select(table.company_id))
            assert {row.company_id for row in seen} <= {caller.organization_id}
    async with transaction(platform, one.caller) as tx:
        names = await tx.all(select(OrganizationRow.name))
    assert {row.name for row in names} == {"One", "Supplier"}


async def test_without_a_company_there_are_no_rows_and_no_role_reads_fingerprints(
    settings: Settings, world: World
) -> None:
    await world.buyer()
    connection = await connect(settings.database_url, Role.API)
    try:
        for table in ("organizations", "members", "personal_data", "memberships"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select fingerprint from api_keys")
    finally:
        await connection.close()


async def test_a_company_cannot_write_into_another(platform: Platform, world: World) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    async with transaction(platform, one.caller) as tx:
        touched = await tx.execute(text("update organizations set name = 'x' where name = 'Other'"))
        assert touched == 0
    for statement in (
        f"insert into members (id, company_id, kind) values ('{uuid4()}', '{other.id}', 'person')",
        f"insert into operators values ('{one.id}')",
    ):
        with pytest.raises(Exception, match=r"row-level security|permission denied"):
            async with transaction(platform, one.caller) as tx:
                await tx.execute(text(statement))


async def test_no_secret_is_stored(settings: Settings, platform: Platform, world: World) -> None:
    buyer = await world.buyer()
    _, cookie = await keys.start_session(platform, buyer.caller)
    connection = await asyncpg.connect(settings.owner_url)
    try:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public'"
        )
        dump = ""
        for (table,) in tables:
            await connection.execute(f"alter table {table} no force row level security")
            dump += str(await connection.fetch(f"select t::text from {table} t"))
    finally:
        await connection.close()
    assert str(buyer.id) in dump
    for secret in (buyer.administrator.key[26:], cookie[26:]):
        assert secret not in dump


# Memory of callers


async def test_revoking_takes_effect_in_another_process_within_moments(
    settings: Settings, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "viewer")
    async with another_process(settings) as (_, there):
        await there.caller_of(credentials(member.key))
        await keys.revoke_key(platform, buyer.caller, buyer.id, member.key_id)
        await until_refused(there, member.key)


async def test_a_remembered_caller_costs_no_query(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = await world.buyer()
    async with another_process(settings) as (_, there):
        first = await there.caller_of(credentials(buyer.administrator.key))

        async def no_query(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr(there, "_look_up", no_query)
        again = await there.caller_of(credentials(buyer.administrator.key))
        assert again == first
        with pytest.raises(AssertionError):  # another unit is another caller
            await there.caller_of(credentials(buyer.administrator.key, buyer.id))


async def test_nothing_is_remembered_while_changes_cannot_be_heard(
    settings: Settings, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "viewer")
    async with another_process(settings) as (_, there):
        await there.caller_of(credentials(member.key))
        connection = await asyncpg.connect(settings.database_url)
        try:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database()"
                " and (query ilike 'listen%' or query = 'select 1')"
            )
        finally:
            await connection.close()
        async with asyncio.timeout(GIVE_UP_S):
            while there.hears:
                await asyncio.sleep(0.001)
        assert not there._known
        await keys.revoke_key(platform, buyer.caller, buyer.id, member.key_id)
        with pytest.raises(NotAuthenticated):
            await there.caller_of(credentials(member.key))
        async with asyncio.timeout(GIVE_UP_S):
            while not there.hears:  # and it listens again
                await asyncio.sleep(0.01)


async def test_that_changes_cannot_be_heard_is_noted_once_and_once_when_they_can_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "RETRY_S", 0.001)
    monkeypatch.setattr(authentication, "RETRY_S_MAX", 0.016)
    platform = assemble(replace(settings, database_url="postgresql:///none?host=/nowhere")).platform
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        there = platform.get(Authenticator)  # type: ignore[type-abstract]
        assert isinstance(there, KeyAuthenticator)
        logs = stack.enter_context(capture_logs())
        await stack.enter_async_context(there.listening())
        async with asyncio.timeout(GIVE_UP_S):
            while there._pause_s < 0.016:  # the fifth attempt has failed
                await asyncio.sleep(0.001)
            platform.database._url = settings.database_url
            while not there.hears:
                await asyncio.sleep(0.001)
        assert [each["event"] for each in logs] == ["callers_unheard", "callers_heard_again"]


async def test_a_change_during_a_look_up_is_not_remembered_wrongly(
    settings: Settings, platform: Platform, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "viewer")
    async with another_process(settings) as (_, there):
        look_up = there._look_up

        async def slow(*arguments: object) -> object:
            found = await look_up(*arguments)  # type: ignore[arg-type]
            generation = there._generation
            await keys.revoke_key(platform, buyer.caller, buyer.id, member.key_id)
            async with asyncio.timeout(GIVE_UP_S):
                while there._generation == generation:
                    await asyncio.sleep(0.001)
            return found

        monkeypatch.setattr(there, "_look_up", slow)
        await there.caller_of(credentials(member.key))  # asked before the revocation
        monkeypatch.undo()
        with pytest.raises(NotAuthenticated):
            await there.caller_of(credentials(member.key))


async def test_a_thousand_requests_after_a_change_ask_once(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = await world.buyer()
    asked = 0
    async with another_process(settings) as (_, there):
        look_up = there._look_up

        async def counted(*arguments: object) -> object:
            nonlocal asked
            asked += 1
            return await look_up(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(there, "_look_up", counted)
        given = credentials(buyer.administrator.key)
        await asyncio.gather(*(there.caller_of(given) for _ in range(1_000)))
        assert asked == 1
        assert not there._looking_up


async def test_memory_is_bounded(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "CALLERS_CACHED_MAX", 2)
    buyer = await world.buyer()
    actors = [await world.member(buyer, "viewer") for _ in range(4)]
    async with another_process(settings) as (_, there):
        for actor in actors:
            await there.caller_of(credentials(actor.key))
        assert len(there._known) == 2


async def test_an_expired_key_does_not_count_though_it_is_remembered(
    settings: Settings, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    buyer = await world.buyer()
    async with transaction(platform, buyer.caller) as tx:
        expires_at = await tx.clock() + timedelta(hours=1)
    body = ApiKeyInput(member_id=buyer.administrator.member_id, name="short", expires_at=expires_at)
    made = await keys.create_key(platform, buyer.caller, fresh_key(), buyer.id, body)
    assert made.key is not None
    async with another_process(settings) as (_, there):
        await there.caller_of(credentials(made.key))
        await move_clock(timedelta(minutes=59))
        await there.caller_of(credentials(made.key))
        await move_clock(timedelta(minutes=1))
        await until_refused(there, made.key)


async def test_a_remembered_key_ends_by_this_process_s_own_clock(
    settings: Settings, platform: Platform, world: World, stop_clock: StopClock
) -> None:
    buyer = await world.buyer()
    async with transaction(platform, buyer.caller) as tx:
        expires_at = await tx.clock() + timedelta(hours=1)
    body = ApiKeyInput(member_id=buyer.administrator.member_id, name="short", expires_at=expires_at)
    made = await keys.create_key(platform, buyer.caller, fresh_key(), buyer.id, body)
    assert made.key is not None
    async with another_process(settings) as (_, there):
        await stop_clock(expires_at - timedelta(seconds=0.1))
        await there.caller_of(credentials(made.key))
        await stop_clock(expires_at)  # of which nobody is told
        await until_refused(there, made.key)


async def test_a_hand_at_the_database_is_heard_too(settings: Settings, world: World) -> None:
    buyer = await world.buyer()
    async with another_process(settings) as (_, there):
        await there.caller_of(credentials(buyer.administrator.key))
        connection = await connect(settings.database_url, Role.AUTH)
        try:
            await connection.execute("update members set active = false")
        finally:
            await connection.close()
        await until_refused(there, buyer.administrator.key)


async def test_a_key_of_another_installation_does_not_count(
    platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    async with transaction(platform, buyer.caller) as tx:
        await tx.execute(
            text("update api_keys set revoked_at = null where id = :id").bindparams(
                id=buyer.administrator.key_id
            )
        )
    other = type(platform)(platform.settings)
    try:
        forger = KeyAuthenticator(other)
        forger._pepper = authentication.Pepper(platform)
        forger._pepper._keyed = hmac.new(b"x" * 32, digestmod="sha256")
        with pytest.raises(NotAuthenticated):
            await forger.caller_of(credentials(buyer.administrator.key))
    finally:
        await other.close()


# What other packages ask


async def test_an_order_limit_is_the_member_s(platform: Platform, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "purchaser", order_limit="500 EUR")
    async with transaction(platform, member.caller) as tx:
        limit = await order_limit_of(tx, member.member_id)
        assert limit is not None
        assert limit == Money(Decimal(500), "EUR")
        assert await order_limit_of(tx, buyer.administrator.member_id) is None


async def test_a_foreign_buyer_s_name_is_not_given(platform: Platform, world: World) -> None:
    one, other, supplier = (
        await world.buyer("One"),
        await world.buyer("Two"),
        await world.supplier(),
    )
    async with transaction(platform, one.caller) as tx:
        names = await service.names_of(tx, [one.id, other.id, supplier.id])
    assert names == {one.id: "One", supplier.id: "Supplier"}


# The operator, events, audit


async def test_the_operator_is_seeded_once_and_can_get_a_new_key(platform: Platform) -> None:
    first = await service.seed_operator(platform)
    again = await service.seed_operator(platform)
    assert first.key is not None
    assert (again.organization_id, again.key) == (first.organization_id, None)
    authenticator = platform.get(Authenticator)  # type: ignore[type-abstract]
    caller = await authenticator.caller_of(credentials(first.key))
    assert caller.is_operator
    newer = [(await service.seed_operator(platform, new_key=True)).key for _ in range(2)]
    for key in newer:
        await authenticator.caller_of(credentials(str(key)))
    with pytest.raises(NotAuthenticated):  # two count at most: the oldest went
        await authenticator.caller_of(credentials(first.key))


async def test_seeding_at_once_makes_one_operator(platform: Platform) -> None:
    seeded = await asyncio.gather(*(service.seed_operator(platform) for _ in range(4)))
    assert len({each.organization_id for each in seeded}) == 1
    assert sum(each.key is not None for each in seeded) == 1


async def test_changes_leave_events_for_the_company_and_a_trail_without_names(
    platform: Platform, world: World, worker: Worker, settings: Settings
) -> None:
    buyer = await world.buyer()
    north = await world.unit(buyer, "North")
    member = await world.member(buyer, "purchaser", unit_id=north, name="Piet Personal")
    await keys.revoke_key(platform, buyer.caller, buyer.id, member.key_id)
    await worker.run_until_idle()
    async with transaction(platform, buyer.caller) as tx:
        kinds = [row.kind for row in await tx.all(select(EventRow.kind).order_by(EventRow.number))]
    assert kinds == ["organization.unit_added", "api_key.revoked"]
    connection = await asyncpg.connect(settings.owner_url)
    try:
        await connection.execute("alter table audit_trail no force row level security")
        trail = str(await connection.fetch("select entry::text from audit_trail order by number"))
    finally:
        await connection.close()
    assert "organization.add_unit" in trail
    assert "api_key.revoke" in trail
    assert "Piet" not in trail


async def test_who_acts_for_a_unit_manages_nothing_above_it(
    platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    north = await world.unit(buyer, "North")
    below: Caller = (await world.actor(buyer.administrator.key, north)).caller
    assert below.path == (north, buyer.id)
    with pytest.raises(NotPermitted):
        await service.add_unit(platform, below, fresh_key(), buyer.id, UnitInput(name="South"))
