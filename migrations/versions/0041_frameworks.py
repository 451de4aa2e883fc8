"""Framework agreements.

Revision ID: 0041
Revises: 0040
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, policy, protect

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = """
create table frameworks (
    id uuid not null,
    buyer_id uuid not null,
    title text not null,
    currency text not null,
    ceiling numeric(24, 6),
    drawn numeric(24, 6) not null default 0,
    made_at timestamptz not null,
    constraint pk_frameworks primary key (id),
    constraint ck_frameworks_drawn
        check (drawn >= 0 and (ceiling is null or drawn <= ceiling))
);
create index ix_frameworks_buyer_id_id on frameworks (buyer_id, id);

create table framework_members (
    contract_id uuid not null,
    framework_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    call_off boolean not null default false,
    constraint pk_framework_members primary key (contract_id),
    constraint fk_framework_members_contract_id_contracts
        foreign key (contract_id) references contracts (id),
    constraint fk_framework_members_framework_id_frameworks
        foreign key (framework_id) references frameworks (id)
);
create unique index uq_framework_members_supplier on framework_members (framework_id, supplier_id)
    where not call_off;
create index ix_framework_members_buyer_id on framework_members (buyer_id);
create index ix_framework_members_supplier_id on framework_members (supplier_id)
"""
NAMES = ("frameworks", "framework_members")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    grant("framework_members", API, "select", "insert")
    policy(
        "framework_members",
        API,
        "framework_members_sides",
        "buyer_id = app_org() or supplier_id = app_org()",
        verb="select",
    )
    # A buyer's own contracts under his own framework, and nobody else's.
    policy(
        "framework_members",
        API,
        "framework_members_own",
        "buyer_id = app_org()"
        " and (contract_id, supplier_id, buyer_id) in (select id, supplier_id, buyer_id"
        " from contracts)"
        " and framework_id in (select id from frameworks)",
        verb="insert",
    )
    member = "id in (select framework_id from framework_members)"
    sides = f"buyer_id = app_org() or {member}"
    grant("frameworks", API, "select", "insert", "update (drawn)")
    policy("frameworks", API, "frameworks_sides", sides, verb="select")
    policy("frameworks", API, "frameworks_own", "buyer_id = app_org()", verb="insert")
    # Who orders draws; a supplier who refuses or delivers less gives back.
    policy("frameworks", API, "frameworks_draw", sides, verb="update")
    for table in NAMES:
        all_rows(table, ENGINE, "select")


def downgrade() -> None:
    # Each of the two tables is named in policies of the other.
    for name in ("frameworks_sides", "frameworks_draw"):
        op.execute(f"drop policy {name} on frameworks")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
