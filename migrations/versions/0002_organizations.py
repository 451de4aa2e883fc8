"""Companies, units, members, keys and sessions.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from migrations.security import (
    API,
    AUTH,
    ENGINE,
    WORKER,
    all_rows,
    grant,
    own_rows,
    policy,
    protect,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
create table organizations (
    id uuid not null,
    company_id uuid not null,
    parent_id uuid,
    name text not null,
    buyer boolean not null default false,
    supplier boolean not null default false,
    imports_history boolean not null default false,
    country text,
    tax_id text,
    active boolean not null default true,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_organizations primary key (id),
    constraint uq_organizations_company_id_id unique (company_id, id),
    constraint fk_organizations_parent foreign key (company_id, parent_id)
        references organizations (company_id, id),
    constraint ck_organizations_company_is_root check ((parent_id is null) = (id = company_id)),
    constraint ck_organizations_sides_of_companies
        check (parent_id is null or not (buyer or supplier))
);
create index ix_organizations_parent_id on organizations (company_id, parent_id);
create index ix_organizations_suppliers on organizations (id) where supplier;
create unique index uq_organizations_tax_id on organizations (country, tax_id)
    where tax_id is not null and parent_id is null;

create table operators (
    organization_id uuid not null,
    constraint pk_operators primary key (organization_id),
    constraint fk_operators_organization_id_organizations foreign key (organization_id)
        references organizations (id)
);

create table members (
    id uuid not null,
    company_id uuid not null,
    kind text not null,
    order_limit numeric(24, 6),
    order_limit_currency text,
    active boolean not null default true,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_members primary key (id),
    constraint uq_members_company_id_id unique (company_id, id),
    constraint fk_members_company_id_organizations foreign key (company_id)
        references organizations (id),
    constraint ck_members_kind check (kind in ('person', 'machine')),
    constraint ck_members_order_limit
        check ((order_limit is null) = (order_limit_currency is null))
);

create table personal_data (
    member_id uuid not null,
    company_id uuid not null,
    name text not null,
    email text,
    constraint pk_personal_data primary key (member_id),
    constraint fk_personal_data_member foreign key (company_id, member_id)
        references members (company_id, id)
);
create unique index uq_personal_data_email on personal_data (company_id, lower(email));

create table memberships (
    member_id uuid not null,
    unit_id uuid not null,
    company_id uuid not null,
    place integer not null,
    roles text[] not null,
    includes_subunits boolean not null,
    constraint pk_memberships primary key (member_id, unit_id),
    constraint uq_memberships_place unique (member_id, place),
    constraint fk_memberships_member foreign key (company_id, member_id)
        references members (company_id, id),
    constraint fk_memberships_unit foreign key (company_id, unit_id)
        references organizations (company_id, id)
);
create index ix_memberships_unit_id on memberships (company_id, unit_id);

create table api_keys (
    id uuid not null,
    company_id uuid not null,
    member_id uuid not null,
    name text not null,
    fingerprint bytea not null,
    scopes text[],
    allowed_addresses text[],
    created_at timestamptz not null default clock(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint pk_api_keys primary key (id),
    constraint uq_api_keys_company_id_id unique (company_id, id),
    constraint fk_api_keys_member foreign key (company_id, member_id)
        references members (company_id, id)
);
create index ix_api_keys_member_id on api_keys (company_id, member_id);

create table sessions (
    id uuid not null,
    company_id uuid not null,
    key_id uuid not null,
    unit_id uuid not null,
    fingerprint bytea not null,
    created_at timestamptz not null default clock(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint pk_sessions primary key (id),
    constraint fk_sessions_key foreign key (company_id, key_id)
        references api_keys (company_id, id),
    constraint fk_sessions_unit foreign key (company_id, unit_id)
        references organizations (company_id, id)
);
create index ix_sessions_key_id on sessions (company_id, key_id);
create index ix_sessions_expires_at on sessions (expires_at);
"""

COMPANY_TABLES = ("members", "personal_data", "memberships", "api_keys", "sessions")

# Whatever way a right is changed, a hand at psql included, every process that remembers callers of
# this company hears of it with the commit. (Payload: the company; empty means all of them.)
CALLERS_CHANGED = """
create function tell_callers_changed() returns trigger language plpgsql as
$$
begin
    if tg_op = 'INSERT' then
        perform pg_notify('callers_changed', new.company_id::text);
    else
        perform pg_notify('callers_changed', old.company_id::text);
    end if;
    return null;
end
$$
"""
CLOCK_MOVED = """
create function tell_clock_moved() returns trigger language plpgsql as
$$ begin perform pg_notify('callers_changed', ''); return null; end $$
"""
WATCHED = {
    "organizations": "update or delete",
    "members": "update or delete",
    "memberships": "insert or update or delete",
    "api_keys": "update or delete",
    "sessions": "update or delete",
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(
        "create function app_is_operator() returns boolean language sql stable parallel safe as "
        "$$ select exists (select from operators where organization_id = app_org()) $$"
    )
    _rights()
    op.execute(CALLERS_CHANGED)
    for table, verbs in WATCHED.items():
        op.execute(
            f"create trigger tell_callers_changed after {verbs} on {table} "
            "for each row execute function tell_callers_changed()"
        )
    op.execute(CLOCK_MOVED)
    op.execute(
        "create trigger tell_clock_moved after update on clock_offset "
        "for each statement execute function tell_clock_moved()"
    )


def _rights() -> None:
    protect("organizations", "operators", *COMPANY_TABLES)
    all_rows("organizations", AUTH, "select", "insert", "update")
    all_rows("operators", AUTH, "select", "insert")
    for table in COMPANY_TABLES:
        all_rows(table, AUTH, "select", "insert", "update", "delete")
    for role in (ENGINE, WORKER):
        all_rows("organizations", role, "select")

    # Who runs the marketplace is no secret, and policies of other tables ask for it.
    all_rows("operators", API, "select")
    # The sides a company stands on and its tax number stay; the rest the service decides.
    changing = "name, parent_id, active, imports_history, version, updated_at"
    own_rows("organizations", "select", "insert", f"update ({changing})", column="company_id")
    policy("organizations", API, "organizations_suppliers", "supplier", verb="select")
    policy("organizations", API, "organizations_operator", "(select app_is_operator())")

    for table in ("members", "personal_data", "memberships"):
        own_rows(table, "select", "insert", "update", "delete", column="company_id")
        # The operator makes a company's first administrator and his key, and sees neither again.
        policy(table, API, f"{table}_operator", "(select app_is_operator())", verb="insert")
    # Nobody who asks on behalf of a company reads a fingerprint.
    readable = "id, company_id, member_id, name, scopes, allowed_addresses, created_at"
    own_rows("api_keys", "insert", column="company_id")
    grant("api_keys", API, f"select ({readable}, expires_at, revoked_at)", "update (revoked_at)")
    policy("api_keys", API, "api_keys_operator", "(select app_is_operator())", verb="insert")
    own_rows("sessions", "insert", column="company_id")
    grant(
        "sessions",
        API,
        "select (id, company_id, key_id, unit_id, created_at, expires_at, revoked_at)",
        "update (revoked_at)",
    )


def downgrade() -> None:
    op.execute("drop trigger tell_clock_moved on clock_offset")
    op.execute("drop function tell_clock_moved()")
    for table in ("sessions", "api_keys", "memberships", "personal_data", "members"):
        op.execute(f"drop table {table}")
    op.execute("drop table operators, organizations cascade")
    op.execute("drop function tell_callers_changed()")
    op.execute("drop function app_is_operator()")
