"""States of lots kept now and then, to begin folding from.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

from migrations.security import ENGINE, all_rows, protect

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLE = """
create table auction_checkpoints (
    lot_id uuid not null,
    seq bigint not null,
    form bytea not null,
    state bytea not null,
    constraint pk_auction_checkpoints primary key (lot_id)
)
"""


def upgrade() -> None:
    op.execute(TABLE)
    protect("auction_checkpoints")
    all_rows("auction_checkpoints", ENGINE, "select", "insert", "update")


def downgrade() -> None:
    op.execute("drop table auction_checkpoints")
