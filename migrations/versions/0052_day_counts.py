"""How a procedure counts days: in calendar or working days, and which are not worked.

Revision ID: 0052
Revises: 0051
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table procedures add column calendar jsonb")


def downgrade() -> None:
    op.execute("alter table procedures drop column calendar")
