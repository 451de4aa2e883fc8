"""Every table has its policies: read from the database itself, since migrations cannot tell."""

import asyncpg
import pytest

from marketplace.platform.database import Role
from marketplace.platform.settings import Settings

WITHOUT_OWNER = {
    "alembic_version": "the schema's own version; no role is granted anything",
    "clock_offset": "one row; roles may only read it",
    "event_counter": "one row; the sequencer's",
    "event_consumers": "places of readers inside the product",
    "parked_events": "names of such readers and numbers; no content of any company",
    "timers": "kinds, identifiers and instants; no content of any company",
}


@pytest.fixture
async def owner(settings: Settings) -> asyncpg.Connection:
    connection = await asyncpg.connect(settings.owner_url)
    yield connection
    await connection.close()


async def test_every_table_with_an_owner_has_forced_row_security(
    owner: asyncpg.Connection,
) -> None:
    open_tables = await owner.fetch("""
        select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
          and not (relrowsecurity and relforcerowsecurity)
    """)
    assert {row["relname"] for row in open_tables} <= set(WITHOUT_OWNER)


async def test_what_a_role_is_granted_a_policy_bounds(owner: asyncpg.Connection) -> None:
    """A grant without a policy is dead; it would come alive with the next careless policy."""
    rows = await owner.fetch("""
        select g.table_name, g.grantee, g.privilege_type
        from information_schema.role_table_grants g
        join pg_class c on c.oid = format('public.%I', g.table_name)::regclass
        where g.table_schema = 'public' and g.grantee like 'marketplace\\_%'
          and g.grantee <> 'marketplace_owner' and c.relrowsecurity
          and not exists (
              select from pg_policies p
              where p.tablename = g.table_name and g.grantee = any (p.roles::text[])
                and p.cmd in ('ALL', g.privilege_type))
    """)
    assert [tuple(row) for row in rows] == []


async def test_views_run_with_the_rights_of_who_asks(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("""
        select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')
          and not coalesce(reloptions::text, '') like '%security_invoker=true%'
    """)
    assert [row["relname"] for row in rows] == []


async def test_no_role_is_powerful_and_the_login_has_no_right_of_its_own(
    owner: asyncpg.Connection,
) -> None:
    names = [role.value for role in Role]
    rows = await owner.fetch(
        "select rolname, rolsuper, rolbypassrls, rolcanlogin from pg_roles"
        " where rolname = any ($1)",
        names,
    )
    assert len(rows) == len(names)
    assert not any(row["rolsuper"] or row["rolbypassrls"] or row["rolcanlogin"] for row in rows)
    login = await owner.fetchrow(
        "select rolsuper, rolbypassrls, rolinherit from pg_roles where rolname = 'marketplace_app'"
    )
    assert login is not None
    assert tuple(login) == (False, False, False)
    granted = await owner.fetchval(
        "select count(*) from information_schema.role_table_grants"
        " where grantee in ('marketplace_app', 'PUBLIC') and table_schema = 'public'"
    )
    assert granted == 0


async def test_functions_with_their_owners_rights_fix_their_search_path(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch("""
        select proname from pg_proc
        where pronamespace = 'public'::regnamespace and prosecdef
          and not coalesce(proconfig::text, '') like '%search_path%'
    """)
    assert [row["proname"] for row in rows] == []


CHANGED_BY_THE_PARTIES = {
    "supplier_orders": {"state", "version", "supplier_reference"},
    "supplier_order_lines": {
        "confirmed_quantity",
        "promised_on",
        "reason",
        "despatched_quantity",
    },
    "contracts": set(),
    "contract_prices": {"drawn"},
    "order_confirmations": set(),
    "despatches": set(),
    "invoices": set(),
    "invoice_lines": set(),
    "quotes": {
        "state",
        "version",
        "sent_at",
        "answered_by",
        "answered_at",
        "reason",
        "contract_id",
    },
    "credit_notes": set(),
    "credit_note_lines": set(),
}


@pytest.mark.parametrize("table", CHANGED_BY_THE_PARTIES)
async def test_of_what_two_companies_share_neither_changes_what_was_agreed(
    owner: asyncpg.Connection, table: str
) -> None:
    rows = await owner.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0"
        " and has_column_privilege('marketplace_api', attrelid, attnum, 'update')",
        table,
    )
    assert {row["attname"] for row in rows} == CHANGED_BY_THE_PARTIES[table]


async def test_who_acts_for_a_company_cannot_read_what_a_job_of_another_is_about(
    owner: asyncpg.Connection,
) -> None:
    for role in ("marketplace_api", "marketplace_engine"):
        assert not await owner.fetchval(
            "select has_column_privilege($1, 'jobs.pgqueuer', 'payload', 'select')", role
        )
