"""Imports of more kinds and formats, with dry run and phases; price rows are staged by COPY.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from migrations.security import API

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = """
alter table imports
    add column dry_run boolean not null default false,
    add column decimal_mark text not null default 'auto',
    add column format text,
    add column phase text not null default 'waiting',
    add column rows_read bigint not null default 0,
    drop constraint ck_imports_kind,
    add constraint ck_imports_kind check (kind in ('offers', 'products', 'prices', 'stock')),
    add constraint ck_imports_decimal_mark check (decimal_mark in ('auto', 'comma', 'point')),
    add constraint ck_imports_format check (format in ('csv', 'xlsx', 'ndjson', 'bmecat')),
    add constraint ck_imports_phase
        check (phase in ('waiting', 'reading', 'checking', 'writing', 'publishing', 'finished'))
"""

# A table of the session's own, gone with its transaction: nobody else can see it, so it needs no
# row security, which COPY would refuse. The role gets this one table, not the right to make others.
OPEN_STAGING = """
create function open_price_import() returns void language plpgsql security definer
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
    grant select, insert, update, delete on pg_temp.import_prices to marketplace_api;
end
$$
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(OPEN_STAGING)
    op.execute("revoke execute on function open_price_import() from public")
    op.execute(f"grant execute on function open_price_import() to {API}")
    # Every writer takes both from the rows themselves, and no role may delete either: what the keys
    # would find out, row by row, took five times as long as the rows.
    op.execute("alter table price_ladders drop constraint fk_price_ladders_list_id_price_lists")
    op.execute("alter table price_ladders drop constraint fk_price_ladders_offer_id_offers")


def downgrade() -> None:
    op.execute(
        "alter table price_ladders add constraint fk_price_ladders_offer_id_offers "
        "foreign key (offer_id) references offers (id)"
    )
    op.execute(
        "alter table price_ladders add constraint fk_price_ladders_list_id_price_lists "
        "foreign key (list_id) references price_lists (id)"
    )
    op.execute("drop function open_price_import()")
    op.execute(
        "delete from import_errors where import_id in "
        "(select id from imports where kind in ('products', 'stock'))"
    )
    op.execute("delete from imports where kind in ('products', 'stock')")
    op.execute("""
        alter table imports
            drop constraint ck_imports_kind,
            add constraint ck_imports_kind check (kind in ('offers', 'prices')),
            drop column dry_run, drop column decimal_mark, drop column format,
            drop column phase, drop column rows_read
    """)
