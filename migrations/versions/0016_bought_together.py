"""Let the worker count what is bought together.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from migrations.security import WORKER, policy

# ruff: noqa: S608 - names of ours

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Which article was ordered by whom, when; not how many, nor at what price.
COLUMNS = {
    "orders": "id, placed_at",
    "order_lines": "order_id, buyer_id, supplier_id, sku",
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        op.execute(f"grant select ({columns}) on {table} to {WORKER}")
        policy(table, WORKER, f"{table}_bought_together", "true", verb="select")


def downgrade() -> None:
    for table, columns in COLUMNS.items():
        op.execute(f"drop policy {table}_bought_together on {table}")
        op.execute(f"revoke select ({columns}) on {table} from {WORKER}")
