"""Results of an auction's lots may come back to their procedure lot by lot.

Revision ID: 0053
Revises: 0052
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table lot_auctions add column per_lot boolean not null default false")


def downgrade() -> None:
    op.execute("alter table lot_auctions drop column per_lot")
