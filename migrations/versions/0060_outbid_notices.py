"""Of which bid a bidder was told that another is ahead of it.

Revision ID: 0060
Revises: 0059
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table auction_participants add outbid_bid_id uuid")


def downgrade() -> None:
    op.execute("alter table auction_participants drop outbid_bid_id")
