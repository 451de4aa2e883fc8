"""Reminders of deadlines.

Revision ID: 0051
Revises: 0050
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table procedures add column remind_days integer, add column reminded_for timestamptz"
    )


def downgrade() -> None:
    op.execute("alter table procedures drop column remind_days, drop column reminded_for")
