"""Whether a buyer sees more than what is open is looked up by an index of what is not.

Revision ID: 0046
Revises: 0045
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create index ix_offers_audience_id on offers (audience_id) "
        "where audience_id <> '00000000-0000-0000-0000-000000000000'::uuid"
    )


def downgrade() -> None:
    op.execute("drop index ix_offers_audience_id")
