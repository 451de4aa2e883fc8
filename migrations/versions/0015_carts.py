"""Carts and requisition lists.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

from migrations.security import WORKER, all_rows, own_rows, protect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
create table carts (
    id uuid not null,
    company_id uuid not null,
    unit_id uuid not null,
    owner_id uuid not null,
    name text not null,
    currency text not null,
    shared boolean not null,
    state text not null,
    order_id uuid,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_carts primary key (id),
    constraint ck_carts_state check (state in ('open', 'ordered')),
    constraint ck_carts_order check ((state = 'ordered') = (order_id is not null))
);
create index ix_carts_unit_id on carts (company_id, unit_id, id);
create unique index uq_carts_name on carts (unit_id, owner_id, name) where state = 'open';

create table cart_lines (
    id uuid not null,
    cart_id uuid not null,
    company_id uuid not null,
    position integer not null,
    supplier_id uuid not null,
    sku text not null,
    unit text not null,
    quantity numeric(24, 6) not null,
    requested_on date,
    cost_centre text not null,
    shown_amount numeric(24, 6),
    shown_basis numeric(24, 6),
    added_at timestamptz not null default clock(),
    constraint pk_cart_lines primary key (id),
    constraint fk_cart_lines_cart_id_carts foreign key (cart_id) references carts (id)
        on delete cascade
);
create index ix_cart_lines_cart_id on cart_lines (cart_id, position, id);

create table requisition_lists (
    id uuid not null,
    company_id uuid not null,
    unit_id uuid not null,
    name text not null,
    lines jsonb not null,
    version integer not null default 1,
    created_by uuid not null,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_requisition_lists primary key (id)
);
create unique index uq_requisition_lists_name on requisition_lists (unit_id, name);
create index ix_requisition_lists_unit_id on requisition_lists (company_id, unit_id, id)
"""
NAMES = ("carts", "cart_lines", "requisition_lists")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)
    for table in NAMES:
        own_rows(table, column="company_id")
        all_rows(table, WORKER, "select")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
