"""What is laid down for one bidder of an auction: his currency, and what counts beside his price.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table auction_participants add currency text, add adjustment jsonb")


def downgrade() -> None:
    op.execute("alter table auction_participants drop currency, drop adjustment")
