"""Customers, segments, assortments: who sees which restricted offer and which segment's prices.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, grant, policy, protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
create table customers (
    supplier_id uuid not null,
    buyer_id uuid not null,
    price_policy text not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_customers primary key (supplier_id, buyer_id),
    constraint fk_customers_buyer_id_organizations foreign key (buyer_id)
        references organizations (id),
    constraint ck_customers_price_policy check (price_policy in ('priority', 'best_price'))
);

create table segments (
    id uuid not null,
    supplier_id uuid not null,
    name text not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_segments primary key (id),
    constraint uq_segments_supplier_id_name unique (supplier_id, name),
    constraint uq_segments_supplier_id_id unique (supplier_id, id)
);

create table segment_members (
    segment_id uuid not null,
    company_id uuid not null,
    supplier_id uuid not null,
    created_at timestamptz not null default clock(),
    constraint pk_segment_members primary key (segment_id, company_id),
    constraint fk_segment_members_segment foreign key (supplier_id, segment_id)
        references segments (supplier_id, id),
    constraint fk_segment_members_company_id_organizations foreign key (company_id)
        references organizations (id)
);
create index ix_segment_members_company_id
    on segment_members (company_id, supplier_id, segment_id);

create table assortments (
    id uuid not null,
    supplier_id uuid not null,
    name text not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_assortments primary key (id),
    constraint uq_assortments_supplier_id_name unique (supplier_id, name),
    constraint uq_assortments_supplier_id_id unique (supplier_id, id)
);

create table assortment_offers (
    offer_id uuid not null,
    assortment_id uuid not null,
    supplier_id uuid not null,
    name text,
    created_at timestamptz not null default clock(),
    constraint pk_assortment_offers primary key (offer_id, assortment_id),
    constraint fk_assortment_offers_offer_id_offers foreign key (offer_id) references offers (id),
    constraint fk_assortment_offers_assortment foreign key (supplier_id, assortment_id)
        references assortments (supplier_id, id)
);
create index ix_assortment_offers_assortment_id on assortment_offers (assortment_id);
create index ix_assortment_offers_by_itself
    on assortment_offers (assortment_id, name, offer_id) where name is not null;

create table assortment_grants (
    assortment_id uuid not null,
    scope_id uuid not null,
    supplier_id uuid not null,
    kind text not null,
    created_at timestamptz not null default clock(),
    constraint pk_assortment_grants primary key (assortment_id, scope_id),
    constraint fk_assortment_grants_assortment foreign key (supplier_id, assortment_id)
        references assortments (supplier_id, id),
    constraint ck_assortment_grants_kind check (kind in ('organization', 'segment'))
);
create index ix_assortment_grants_scope_id on assortment_grants (scope_id, assortment_id);
"""
NAMES = (
    "customers",
    "segments",
    "segment_members",
    "assortments",
    "assortment_offers",
    "assortment_grants",
)

PUBLIC = "'00000000-0000-0000-0000-000000000000'::uuid"
RESTRICTED = "'00000000-0000-0000-0000-000000000001'::uuid"
SCOPES = "(select app_scopes())::uuid[]"
GRANTED = "(select app_assortments())::uuid[]"
MINE = "supplier_id = (select app_org())"

# A buyer reads neither who is in a segment nor to whom an assortment is granted; these two tell him
# identifiers, of his own alone. Both are asked several times in a statement (by each policy that
# needs them), so their answers are kept for the transaction, with the tenant they are of: scopes
# may change within it. (To keep something is not allowed in a parallel worker or beside one, so
# neither is parallel safe.)
FUNCTIONS = (
    """
    create function segments_of_tenant() returns uuid[] language plpgsql stable security definer
    set search_path = public, pg_temp as
    $$
    begin
        return array(select segment_id from segment_members where company_id = app_org());
    end
    $$
    """,
    """
    create function app_segments() returns uuid[] language plpgsql stable as
    $$
    declare
        tenant text := current_setting('app.org', true);
        kept text := current_setting('app.segments', true);
    begin
        if tenant is null or tenant = '' then
            return '{}';
        end if;
        if kept is null or not starts_with(kept, tenant) then
            kept := tenant || segments_of_tenant()::text;
            perform set_config('app.segments', kept, true);
        end if;
        return substr(kept, length(tenant) + 1)::uuid[];
    end
    $$
    """,
    """
    create or replace function app_scopes() returns uuid[] language sql stable as
    $$ select coalesce(nullif(current_setting('app.scopes', true), ''), '{}')::uuid[]
              || app_segments() $$
    """,
    """
    create function assortments_of(scopes uuid[]) returns uuid[] language plpgsql stable
    security definer set search_path = public, pg_temp as
    $$
    begin
        return array(select distinct g.assortment_id from assortment_grants g
                     where g.scope_id = any (scopes));
    end
    $$
    """,
    """
    create function app_assortments() returns uuid[] language plpgsql stable as
    $$
    declare
        tenant text := coalesce(current_setting('app.org', true), '')
                       || coalesce(current_setting('app.scopes', true), '') || ' ';
        kept text := current_setting('app.assortments', true);
    begin
        if kept is null or not starts_with(kept, tenant) then
            kept := tenant || assortments_of(app_scopes())::text;
            perform set_config('app.assortments', kept, true);
        end if;
        return substr(kept, length(tenant) + 1)::uuid[];
    end
    $$
    """,
    # What stands in a catalog by itself does so under its name; see AssortmentOfferRow.
    """
    create function name_by_itself(offer offers) returns text language sql immutable as
    $$ select offer.name where offer.product_id is null and offer.state = 'active'
       and offer.audience_id = '00000000-0000-0000-0000-000000000001'::uuid $$
    """,
    """
    create function keep_name_by_itself() returns trigger language plpgsql as
    $$
    begin
        update assortment_offers set name = name_by_itself(new)
        where offer_id = new.id and name is distinct from name_by_itself(new);
        return null;
    end
    $$
    """,
)
SHOWN = {
    "segment_members": "insert or update or delete",
    "assortment_offers": "insert or update or delete",
    "assortment_grants": "insert or update or delete",
    "customers": "insert or update or delete",
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for function in FUNCTIONS:
        op.execute(function)
    protect(*NAMES)
    for table in NAMES:
        grant(table, API, "select", "insert", "update", "delete")
        policy(table, API, f"{table}_own", MINE)
        all_rows(table, WORKER, "select")
        all_rows(table, ENGINE, "select")
    # How two prices are weighed is known to both it concerns.
    policy("customers", API, "customers_buyer", "buyer_id = (select app_org())", verb="select")
    policy(
        "assortment_offers",
        API,
        "assortment_offers_granted",
        f"assortment_id = any ({GRANTED})",
        verb="select",
    )
    # The engine moves offers from one product to another; then their names here may come or go.
    op.execute(f"grant update (name) on assortment_offers to {ENGINE}")
    policy("assortment_offers", ENGINE, "assortment_offers_name", "true", verb="update")
    # The functions above read as their owner, whom forced row security binds as it does all.
    for table in ("segment_members", "assortment_grants"):
        op.execute(
            f"create policy {table}_owner on {table} for select to current_user using (true)"
        )
    op.execute("drop policy offers_read on offers")
    # A scalar sub-select: looked up by key for a restricted offer, and never for another.
    in_granted = (
        "(select true from assortment_offers a where a.offer_id = offers.id "  # noqa: S608
        f"and a.supplier_id = offers.supplier_id and a.assortment_id = any ({GRANTED}) limit 1)"
    )
    policy(
        "offers",
        API,
        "offers_read",
        f"{MINE} or audience_id = {PUBLIC} or audience_id = any ({SCOPES}) "
        f"or (audience_id = {RESTRICTED} and {in_granted})",
        verb="select",
    )
    op.execute(
        "create trigger keep_name_by_itself after update on offers for each row "
        "when (name_by_itself(old) is distinct from name_by_itself(new)) "
        "execute function keep_name_by_itself()"
    )
    for table, verbs in SHOWN.items():
        op.execute(
            f"create trigger count_catalog_change after {verbs} on {table} "
            "for each statement execute function count_catalog_change()"
        )


def downgrade() -> None:
    op.execute("drop trigger keep_name_by_itself on offers")
    op.execute("drop policy offers_read on offers")
    policy(
        "offers",
        API,
        "offers_read",
        f"{MINE} or audience_id = {PUBLIC} or audience_id = any ({SCOPES})",
        verb="select",
    )
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute("drop function keep_name_by_itself()")
    op.execute("drop function name_by_itself(offers)")
    op.execute("drop function app_assortments()")
    op.execute("drop function assortments_of(uuid[])")
    op.execute(
        "create or replace function app_scopes() returns uuid[] language sql stable parallel safe "
        "as $$ select coalesce(nullif(current_setting('app.scopes', true), ''), '{}')::uuid[] $$"
    )
    op.execute("drop function app_segments()")
    op.execute("drop function segments_of_tenant()")
