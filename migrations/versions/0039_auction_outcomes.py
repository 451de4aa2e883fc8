"""Procedures take over what a lot's auction ended with: the winner's price, or why nobody won.

Revision ID: 0039
Revises: 0038
"""

from alembic import op

from migrations.security import all_rows_seen

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table lot_auctions add column no_winner text")
    op.execute("alter table lot_results add column price numeric(24, 6)")
    with all_rows_seen("lot_results"):
        op.execute("update lot_results set price = amount")
    op.execute("alter table lot_results alter column price set not null")


def downgrade() -> None:
    op.execute("alter table lot_results drop column price")
    op.execute("alter table lot_auctions drop column no_winner")
