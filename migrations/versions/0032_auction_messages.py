"""Messages to all of an auction are found without reading its log; companies may have auditors.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create index ix_auction_ledger_announced on auction_ledger (lot_id, seq) "
        "where kind = 'announced'"
    )


def downgrade() -> None:
    op.execute("drop index ix_auction_ledger_announced")
