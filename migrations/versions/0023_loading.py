"""Loading many prices: the loader may count what it has loaded.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BODY = """
create or replace function open_price_import() returns void language plpgsql security definer
set search_path = public, pg_temp as
$$
begin
    drop table if exists pg_temp.import_prices;
    create temporary table import_prices (
        line bigint not null,
        tier integer not null default 0,
        sku text not null,
        unit text,
        minimum_quantity numeric(24, 6),
        amount numeric(24, 6) not null,
        basis numeric(24, 6),
        valid_from timestamptz,
        valid_until timestamptz,
        volume_mode text
    ) on commit drop;
    grant RIGHTS on pg_temp.import_prices to marketplace_api;
end
$$
"""


def upgrade() -> None:
    # To analyze a table takes the right to maintain it; a plan that takes a million rows for a
    # hundred looks up each offer by itself.
    op.execute(BODY.replace("RIGHTS", "select, insert, update, delete, maintain"))


def downgrade() -> None:
    op.execute(BODY.replace("RIGHTS", "select, insert, update, delete"))
