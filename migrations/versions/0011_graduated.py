"""Graduated ladders from the import to the invoice: what explains an ordered line's amount.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Staged rows live inside one transaction: the table is empty.
    op.execute("alter table staged_prices add column volume_mode text not null")
    op.execute("alter table order_lines add column price_detail jsonb")
    op.execute("alter table supplier_order_lines add column price_detail jsonb")


def downgrade() -> None:
    op.execute("alter table supplier_order_lines drop column price_detail")
    op.execute("alter table order_lines drop column price_detail")
    op.execute("alter table staged_prices drop column volume_mode")
