"""Products, offers, price lists, imports.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from migrations.security import (
    API,
    ENGINE,
    ROLES,
    WORKER,
    all_rows,
    grant,
    own_rows,
    policy,
    protect,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
create table products (
    id uuid not null,
    name text not null,
    description text not null,
    maker text,
    maker_number text,
    maker_key text,
    maker_number_key text,
    gtin text,
    state text not null,
    proposed_by uuid not null,
    search_text text not null generated always as (
        lower(name || ' ' || coalesce(maker, '') || ' ' || coalesce(maker_number, '') || ' ' ||
              coalesce(gtin, '') || ' ' || description)
    ) stored,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    constraint pk_products primary key (id),
    constraint ck_products_state check (state in ('proposed', 'active', 'discontinued'))
);
create unique index uq_products_gtin on products (gtin) where gtin is not null;
create unique index uq_products_maker on products (maker_key, maker_number_key)
    where maker_number_key is not null;
create index ix_products_name_id on products (name, id);
create index ix_products_search_text on products using gin (search_text gin_trgm_ops);

create table offers (
    id uuid not null,
    supplier_id uuid not null,
    sku text not null,
    sku_key text not null generated always as (lower(sku)) stored,
    product_id uuid,
    name text not null,
    description text not null,
    unit text not null,
    content_numerator bigint not null,
    content_denominator bigint not null,
    content_unit text not null,
    minimum_quantity numeric(24, 6) not null,
    multiple numeric(24, 6),
    maximum_quantity numeric(24, 6),
    lead_time_days integer,
    tax_category text not null,
    audience_id uuid,
    origin text not null,
    state text not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_offers primary key (id),
    constraint uq_offers_supplier_id_sku unique (supplier_id, sku),
    constraint fk_offers_product_id_products foreign key (product_id) references products (id),
    constraint ck_offers_state check (state in ('active', 'withdrawn')),
    constraint ck_offers_origin check (origin in ('supplier', 'award')),
    constraint ck_offers_public_offer_has_product check (
        product_id is not null
        or audience_id is distinct from '00000000-0000-0000-0000-000000000000'::uuid
    )
);
create index ix_offers_product_id on offers (product_id, supplier_id, sku);
create index ix_offers_sku_key on offers (sku_key);
create index ix_offers_private on offers (audience_id, name, id) where product_id is null;

create table price_lists (
    id uuid not null,
    supplier_id uuid not null,
    name text not null,
    level text not null,
    currency text not null,
    priority integer not null,
    mode text not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    published_version integer not null,
    published_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    constraint pk_price_lists primary key (id),
    constraint ck_price_lists_level check (level in ('organization', 'segment', 'base')),
    constraint ck_price_lists_mode check (mode in ('exclusive', 'fill_gaps'))
);
create index ix_price_lists_supplier_id_id on price_lists (supplier_id, id);

create table price_list_assignments (
    list_id uuid not null,
    scope_id uuid not null,
    supplier_id uuid not null,
    company_id uuid not null,
    level text not null,
    priority integer not null,
    mode text not null,
    currency text not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    title text not null,
    published_version integer not null,
    created_at timestamptz not null default clock(),
    constraint pk_price_list_assignments primary key (list_id, scope_id),
    constraint uq_price_list_assignments_rank unique (supplier_id, scope_id, level, priority),
    constraint fk_price_list_assignments_list_id_price_lists foreign key (list_id)
        references price_lists (id)
);
create unique index uq_price_list_assignments_segment_rank
    on price_list_assignments (supplier_id, priority) where level = 'segment';

create table price_ladders (
    list_id uuid not null,
    offer_id uuid not null,
    unit text not null,
    valid_from timestamptz not null,
    from_version integer not null,
    until_version integer not null,
    supplier_id uuid not null,
    valid_until timestamptz not null,
    basis numeric(24, 6) not null,
    volume_mode text not null,
    tiers jsonb not null,
    constraint pk_price_ladders primary key (list_id, offer_id, unit, valid_from, from_version),
    constraint fk_price_ladders_list_id_price_lists foreign key (list_id)
        references price_lists (id),
    constraint fk_price_ladders_offer_id_offers foreign key (offer_id) references offers (id),
    constraint ck_price_ladders_validity check (valid_from < valid_until),
    constraint ck_price_ladders_versions check (from_version < until_version),
    constraint ck_price_ladders_volume_mode check (volume_mode in ('volume', 'graduated'))
);
create index ix_price_ladders_draft on price_ladders (list_id, from_version);
create index ix_price_ladders_closed on price_ladders (list_id, until_version)
    where until_version < 2147483647;

create table imports (
    id uuid not null,
    organization_id uuid not null,
    kind text not null,
    on_error text not null,
    price_list_id uuid,
    publish boolean not null,
    file_key text not null,
    status text not null,
    done bigint not null,
    total bigint not null,
    error_count bigint not null default 0,
    result jsonb,
    created_at timestamptz not null default clock(),
    finished_at timestamptz,
    constraint pk_imports primary key (id),
    constraint ck_imports_kind check (kind in ('offers', 'prices')),
    constraint ck_imports_on_error check (on_error in ('refuse_all', 'skip_row')),
    constraint ck_imports_status check (status in ('queued', 'running', 'done', 'failed'))
);
create index ix_imports_organization_id_id on imports (organization_id, id);

create table import_errors (
    import_id uuid not null,
    number integer not null,
    organization_id uuid not null,
    line bigint not null,
    column_name text not null,
    code text not null,
    detail text not null,
    value text not null,
    constraint pk_import_errors primary key (import_id, number),
    constraint fk_import_errors_import_id_imports foreign key (import_id) references imports (id)
);

create table catalog_changes (
    id bigint generated always as identity,
    changes bigint not null,
    constraint pk_catalog_changes primary key (id)
);

create unlogged table staged_offers (
    batch_id uuid not null,
    line bigint not null,
    organization_id uuid not null,
    sku text not null,
    name text not null,
    description text not null,
    maker text,
    maker_number text,
    maker_key text,
    maker_number_key text,
    gtin text,
    unit text not null,
    content_numerator bigint not null,
    content_denominator bigint not null,
    content_unit text not null,
    minimum_quantity numeric(24, 6) not null,
    multiple numeric(24, 6),
    maximum_quantity numeric(24, 6),
    lead_time_days integer,
    tax_category text not null,
    audience_id uuid,
    state text not null,
    offer_id uuid not null,
    new_product_id uuid not null,
    product_id uuid,
    constraint pk_staged_offers primary key (batch_id, line)
);
create index ix_staged_offers_batch_id_sku on staged_offers (batch_id, sku);

create unlogged table staged_prices (
    batch_id uuid not null,
    line bigint not null,
    tier integer not null,
    organization_id uuid not null,
    sku text not null,
    unit text not null,
    minimum_quantity numeric(24, 6) not null,
    amount numeric(24, 6) not null,
    basis numeric(24, 6) not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    constraint pk_staged_prices primary key (batch_id, line, tier)
);
create index ix_staged_prices_batch_id_sku on staged_prices (batch_id, sku);
"""

NAMES = (
    "products",
    "offers",
    "price_lists",
    "price_list_assignments",
    "price_ladders",
    "imports",
    "import_errors",
    "staged_offers",
    "staged_prices",
    "catalog_changes",
)

PUBLIC = "'00000000-0000-0000-0000-000000000000'::uuid"
SCOPES = "(select app_scopes())::uuid[]"  # a sub-select: reckoned once, not for every row
MINE = "supplier_id = (select app_org())"


# Whatever the catalog shows is in these tables. A statement adds a row and waits for nobody; every
# hundredth or so folds what has gathered into one row, which leaves the sum as it was.
COUNT_CHANGES = """
create function count_catalog_change() returns trigger language plpgsql as
$$
begin
    insert into catalog_changes (changes) values (1);
    if random() < 0.01 then
        with gone as (
            delete from catalog_changes
            where id in (select id from catalog_changes order by id limit 1000
                         for update skip locked)
            returning changes
        )
        insert into catalog_changes (changes) select sum(changes) from gone having count(*) > 0;
    end if;
    return null;
end
$$
"""
SHOWN = {
    "products": "insert or update or delete",
    "offers": "insert or update or delete",
    "price_list_assignments": "insert or update or delete",
    "contract_prices": "insert or update or delete",
    "organizations": "update or delete",
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)
    _products()
    _offers()
    _price_lists()
    for table in ("imports", "import_errors"):
        own_rows(table, "select", "insert", "update")
        all_rows(table, WORKER, "select")
    for table in ("staged_offers", "staged_prices"):
        own_rows(table)
    for role in ROLES:
        all_rows("catalog_changes", role, "select", "insert", "update", "delete")
    # A migration that changes a table below, as the owner, is counted too.
    op.execute(
        "create policy catalog_changes_owner on catalog_changes to current_user "
        "using (true) with check (true)"
    )
    op.execute(COUNT_CHANGES)
    for table, verbs in SHOWN.items():
        op.execute(
            f"create trigger count_catalog_change after {verbs} on {table} "
            "for each statement execute function count_catalog_change()"
        )


def _products() -> None:
    grant("products", API, "select", "insert", "update")
    # `true` keeps the trigram index usable: `like` is not leakproof, so no policy with a condition
    # would let it be looked up before the policy.
    policy("products", API, "products_public", "true", verb="select")
    policy("products", API, "products_propose", "proposed_by = app_org()", verb="insert")
    policy("products", API, "products_operator", "(select app_is_operator())", verb="update")
    all_rows("products", WORKER, "select")
    all_rows("products", ENGINE, "select")


def _offers() -> None:
    grant("offers", API, "select", "insert", "update")
    policy(
        "offers",
        API,
        "offers_read",
        f"{MINE} or audience_id = {PUBLIC} or audience_id = any ({SCOPES})",
        verb="select",
    )
    # The second half: a buyer who awards a line without an SKU makes the winner's private offer.
    policy(
        "offers",
        API,
        "offers_insert",
        f"{MINE} or (origin = 'award' and audience_id = (select app_org()))",
        verb="insert",
    )
    policy("offers", API, "offers_update", MINE, verb="update")
    all_rows("offers", WORKER, "select")
    all_rows("offers", ENGINE, "select", "insert")


def _price_lists() -> None:
    _mine("price_lists", "select", "insert", "update")
    _mine("price_list_assignments", "select", "insert", "update", "delete")
    assigned = f"(scope_id = {PUBLIC} or scope_id = any ({SCOPES}))"
    policy(
        "price_list_assignments",
        API,
        "price_list_assignments_published",
        f"{assigned} and published_version > 0",
        verb="select",
    )
    _mine("price_ladders", "select", "insert", "update", "delete")
    # The buyer's own assignments bound what he sees, the draft of a list excluded.
    policy(
        "price_ladders",
        API,
        "price_ladders_published",
        "exists (select from price_list_assignments a where a.list_id = price_ladders.list_id "
        "and price_ladders.from_version <= a.published_version "
        f"and (a.scope_id = {PUBLIC} or a.scope_id = any ({SCOPES})))",
        verb="select",
    )
    for table in ("price_lists", "price_list_assignments", "price_ladders"):
        all_rows(table, WORKER, "select")
        all_rows(table, ENGINE, "select")


def _mine(table: str, *verbs: str) -> None:
    """Let a supplier see and write his rows; who he is is reckoned once, not for every row."""
    grant(table, API, *verbs)
    policy(table, API, f"{table}_own", MINE)


def downgrade() -> None:
    for table in SHOWN:
        op.execute(f"drop trigger count_catalog_change on {table}")
    op.execute("drop function count_catalog_change()")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
