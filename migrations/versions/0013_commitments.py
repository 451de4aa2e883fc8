"""Commitments of contracts' prices, and percentages off named lists.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, grant, policy, protect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DISCOUNTS = """
create table price_discounts (
    list_id uuid not null,
    offer_id uuid not null,
    valid_from timestamptz not null,
    from_version integer not null,
    until_version integer not null,
    supplier_id uuid not null,
    valid_until timestamptz not null,
    percent_off numeric(24, 6) not null,
    of_list_id uuid not null,
    constraint pk_price_discounts primary key (list_id, offer_id, valid_from, from_version),
    constraint fk_price_discounts_list_id_price_lists foreign key (list_id)
        references price_lists (id),
    constraint fk_price_discounts_of_list_id_price_lists foreign key (of_list_id)
        references price_lists (id),
    constraint ck_price_discounts_validity check (valid_from < valid_until),
    constraint ck_price_discounts_versions check (from_version < until_version),
    constraint ck_price_discounts_percent_off check (percent_off > 0 and percent_off <= 100)
);
create index ix_price_discounts_of_list_id on price_discounts (of_list_id)
"""
PUBLIC = "'00000000-0000-0000-0000-000000000000'::uuid"
SCOPES = "(select app_scopes())::uuid[]"
PARTY = "(buyer_id = app_org() or supplier_id = app_org())"


def upgrade() -> None:
    op.execute("alter table contract_prices add column commitment jsonb")
    op.execute("alter table contract_prices add column drawn numeric(24, 6) not null default 0")
    op.execute(
        "alter table contract_prices add constraint ck_contract_prices_drawn "
        "check (drawn between 0 and (commitment ->> 'cap')::numeric)"
    )
    # Who orders draws; who cancels, refuses or delivers less gives back. Nothing else is changed.
    grant("contract_prices", API, "update (drawn)")
    policy("contract_prices", API, "contract_prices_draw", PARTY, verb="update")

    op.execute(
        "alter table price_list_assignments add column discounts boolean not null default false"
    )
    for statement in DISCOUNTS.split(";\n"):
        op.execute(statement)
    protect("price_discounts")
    grant("price_discounts", API, "select", "insert", "update", "delete")
    policy("price_discounts", API, "price_discounts_own", "supplier_id = (select app_org())")
    policy(
        "price_discounts",
        API,
        "price_discounts_published",
        "exists (select from price_list_assignments a where a.list_id = price_discounts.list_id "
        "and price_discounts.from_version <= a.published_version "
        f"and (a.scope_id = {PUBLIC} or a.scope_id = any ({SCOPES})))",
        verb="select",
    )
    all_rows("price_discounts", WORKER, "select")
    all_rows("price_discounts", ENGINE, "select")


def downgrade() -> None:
    op.execute("drop table price_discounts")
    op.execute("alter table price_list_assignments drop column discounts")
    op.execute("drop policy contract_prices_draw on contract_prices")
    op.execute(f"revoke update on contract_prices from {API}")
    op.execute("alter table contract_prices drop constraint ck_contract_prices_drawn")
    op.execute("alter table contract_prices drop column drawn")
    op.execute("alter table contract_prices drop column commitment")
