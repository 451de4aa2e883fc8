"""What is laid down for one bidder of an auction: his currency, and what counts beside his price.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table auction_participants add currency text, add adjustment jsonb")


def downgrade() -> None:
    op.execute("alter table auction_participants drop currency, drop adjustment")
