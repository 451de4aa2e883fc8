"""Ladders of a list's first version are found by the list: the index of drafts is for later ones.

Revision ID: 0059
Revises: 0058
"""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

DRAFTS = "create index ix_price_ladders_draft on price_ladders (list_id, from_version)"


def upgrade() -> None:
    op.execute("drop index ix_price_ladders_draft")
    op.execute(f"{DRAFTS} where from_version > 1")


def downgrade() -> None:
    op.execute("drop index ix_price_ladders_draft")
    op.execute(DRAFTS)
