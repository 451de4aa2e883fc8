"""Results of an auction's lots may come back to their procedure lot by lot.

Revision ID: 0054
Revises: 0053
"""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table lot_auctions add column per_lot boolean not null default false")


def downgrade() -> None:
    op.execute("alter table lot_auctions drop column per_lot")
