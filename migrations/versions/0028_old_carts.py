"""Carts that nobody has touched for long are forgotten by the worker.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

from migrations.security import WORKER, grant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index ix_carts_updated_at on carts (updated_at)")
    # Its policy is for all verbs already. The lock that passes over busy carts takes a column.
    grant("carts", WORKER, "delete", "update (updated_at)")


def downgrade() -> None:
    op.execute(f"revoke delete, update (updated_at) on carts from {WORKER}")
    op.execute("drop index ix_carts_updated_at")
