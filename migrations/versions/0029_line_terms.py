"""Terms of delivery and payment, line by line: agreed in contracts, copied to orders.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLES = ("contract_prices", "procedure_lines")
ORDERS = ("order_lines", "supplier_order_lines")


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"alter table {table} add column terms jsonb")
    for table in ORDERS:
        op.execute(f"alter table {table} add column agreed_terms jsonb")
    op.execute(
        "create index ix_contract_prices_terms on contract_prices (contract_id)"
        " where terms is not null"
    )


def downgrade() -> None:
    op.execute("drop index ix_contract_prices_terms")
    for table in ORDERS:
        op.execute(f"alter table {table} drop column agreed_terms")
    for table in TABLES:
        op.execute(f"alter table {table} drop column terms")
