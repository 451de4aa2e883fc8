"""External ids, and where the feed begins.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from migrations.security import API, WORKER, all_rows, grant, own_rows, protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
create table external_ids (
    organization_id uuid not null,
    system text not null,
    kind text not null,
    external_id text not null,
    id uuid not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_external_ids primary key (organization_id, system, kind, external_id)
);
create index ix_external_ids_id on external_ids (organization_id, id);

create table feed_floor (
    singleton boolean not null default true,
    number bigint not null default 0,
    forgotten_at timestamptz,
    constraint pk_feed_floor primary key (singleton),
    constraint ck_feed_floor_singleton check (singleton)
);
insert into feed_floor default values;
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect("external_ids", "feed_floor")
    own_rows("external_ids", "select", "insert", "update")
    all_rows("feed_floor", API, "select")
    all_rows("feed_floor", WORKER, "select", "update")
    for table in ("events", "event_audience"):
        grant(table, WORKER, "delete")


def downgrade() -> None:
    for table in ("events", "event_audience"):
        op.execute(f"revoke delete on {table} from {WORKER}")
    op.execute("drop table feed_floor")
    op.execute("drop table external_ids")
