"""Strict procedures: public keys of the buyer and an auditor.

Revision ID: 0042
Revises: 0041
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table procedures add column buyer_key bytea, add column auditor_key bytea")


def downgrade() -> None:
    op.execute("alter table procedures drop column buyer_key, drop column auditor_key")
