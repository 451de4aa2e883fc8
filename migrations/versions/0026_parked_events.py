"""Events that a consumer could not take, passed over and kept to be retried.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

from migrations.security import ENGINE, WORKER, grant

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLE = """
create table parked_events (
    consumer text not null,
    number bigint not null,
    error text not null,
    parked_at timestamptz not null default clock(),
    constraint pk_parked_events primary key (consumer, number)
)
"""


def upgrade() -> None:
    op.execute("alter table event_consumers add column attempts integer not null default 0")
    op.execute(TABLE)
    for role in (WORKER, ENGINE):
        grant("parked_events", role, "select", "insert", "delete")


def downgrade() -> None:
    op.execute("drop table parked_events")
    op.execute("alter table event_consumers drop column attempts")
