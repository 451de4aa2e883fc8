"""How a procedure counts days: in calendar or working days, and which are not worked.

Revision ID: 0053
Revises: 0052
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table procedures add column calendar jsonb")


def downgrade() -> None:
    op.execute("alter table procedures drop column calendar")
