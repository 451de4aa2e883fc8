"""Stock by location, and its reservations.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, grant, own_rows, policy, protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
create table stock_settings (
    supplier_id uuid not null,
    shown text not null default 'level',
    low_below numeric(24, 6) not null default 10,
    policy text not null default 'backorder',
    version integer not null default 1,
    updated_at timestamptz not null default clock(),
    constraint pk_stock_settings primary key (supplier_id),
    constraint ck_stock_settings_shown check (shown in ('exact', 'level', 'nothing')),
    constraint ck_stock_settings_policy check (policy in ('refuse', 'backorder')),
    constraint ck_stock_settings_low_below check (low_below >= 0)
);

create table stock_locations (
    id uuid not null,
    supplier_id uuid not null,
    code text not null,
    name text not null,
    country text not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_stock_locations primary key (id),
    constraint uq_stock_locations_supplier_id_code unique (supplier_id, code)
);

create table stock_levels (
    offer_id uuid not null,
    location_id uuid not null,
    supplier_id uuid not null,
    reported numeric(24, 6) not null,
    source_version bigint not null,
    on_hand numeric(24, 6) not null,
    reserved numeric(24, 6) not null default 0,
    version bigint not null default 1,
    updated_at timestamptz not null default clock(),
    constraint pk_stock_levels primary key (offer_id, location_id),
    constraint fk_stock_levels_offer_id_offers foreign key (offer_id) references offers (id),
    constraint fk_stock_levels_location_id_stock_locations foreign key (location_id)
        references stock_locations (id),
    constraint ck_stock_levels_on_hand check (on_hand >= 0 and reported >= 0),
    constraint ck_stock_levels_reserved check (reserved >= 0)
);
create index ix_stock_levels_supplier_id on stock_levels (supplier_id, offer_id, location_id);

create table stock_reservations (
    supplier_order_id uuid not null,
    line integer not null,
    location_id uuid not null,
    offer_id uuid not null,
    supplier_id uuid not null,
    buyer_id uuid not null,
    quantity numeric(24, 6) not null,
    consumed numeric(24, 6) not null default 0,
    released numeric(24, 6) not null default 0,
    factor_numerator bigint not null,
    factor_denominator bigint not null,
    created_at timestamptz not null default clock(),
    constraint pk_stock_reservations primary key (supplier_order_id, line, location_id),
    constraint fk_stock_reservations_supplier_order_id_supplier_orders
        foreign key (supplier_order_id) references supplier_orders (id),
    constraint ck_stock_reservations_parts check (
        consumed >= 0 and released >= 0 and consumed + released <= quantity
    )
);
create index ix_stock_reservations_offer_id on stock_reservations (offer_id, location_id);

create unlogged table staged_stock (
    batch_id uuid not null,
    line bigint not null,
    organization_id uuid not null,
    sku text not null,
    location text not null,
    on_hand numeric(24, 6) not null,
    source_version bigint not null,
    outcome text,
    constraint pk_staged_stock primary key (batch_id, line)
);
create index ix_staged_stock_batch_id_sku on staged_stock (batch_id, sku)
"""

NAMES = (
    "stock_settings",
    "stock_locations",
    "stock_levels",
    "stock_reservations",
    "staged_stock",
)

# A buyer's order must move numbers he may not read. These functions are the only door: they run
# with the rights of the tables' owner, take no condition from outside, and who calls them reads
# nothing but what lies of the articles he names.
FUNCTIONS = (
    """
    create function stock_of(offer_ids uuid[]) returns table (
        offer_id uuid, on_hand numeric, reserved numeric, shown text, low_below numeric,
        policy text
    ) language sql stable security definer set search_path = public, pg_temp as
    $$
        select l.offer_id, sum(l.on_hand), sum(l.reserved), coalesce(min(s.shown), 'level'),
               coalesce(min(s.low_below), 10), coalesce(min(s.policy), 'backorder')
        from stock_levels l left join stock_settings s on s.supplier_id = l.supplier_id
        where l.offer_id = any (offer_ids)
        group by l.offer_id
    $$
    """,
    # Locks the levels of these articles in one order for everybody, and gives them as they are now.
    """
    create function lock_stock(supplier_ids uuid[], skus text[]) returns table (
        supplier_id uuid, sku text, offer_id uuid, unit text, content_numerator bigint,
        content_denominator bigint, content_unit text, location_id uuid, code text,
        on_hand numeric, reserved numeric, shown text, policy text
    ) language sql volatile security definer set search_path = public, pg_temp as
    $$
        with locked as materialized (
            select l.offer_id, l.location_id, l.on_hand, l.reserved
            from stock_levels l
            where l.offer_id in (
                select o.id from unnest(supplier_ids, skus) as given (supplier_id, sku)
                join offers o on o.supplier_id = given.supplier_id and o.sku = given.sku
            )
            order by l.offer_id, l.location_id
            for no key update
        )
        select o.supplier_id, o.sku, o.id, o.unit, o.content_numerator, o.content_denominator,
               o.content_unit, p.id, p.code, locked.on_hand, locked.reserved,
               coalesce(s.shown, 'level'), coalesce(s.policy, 'backorder')
        from locked
        join offers o on o.id = locked.offer_id
        join stock_locations p on p.id = locked.location_id
        left join stock_settings s on s.supplier_id = o.supplier_id
        order by o.supplier_id, o.sku, p.code
    $$
    """,
    # Locks the levels behind the reservations of a supplier order of the caller's, as its buyer or
    # its supplier, and gives these.
    """
    create function lock_reservations(order_ids uuid[]) returns table (
        supplier_order_id uuid, line integer, location_id uuid, offer_id uuid, supplier_id uuid,
        buyer_id uuid, quantity numeric, consumed numeric, released numeric,
        factor_numerator bigint, factor_denominator bigint
    ) language sql volatile security definer set search_path = public, pg_temp as
    $$
        with own as materialized (
            select r.* from stock_reservations r
            where r.supplier_order_id = any (order_ids)
              and (r.buyer_id = app_org() or r.supplier_id = app_org())
        ), locked as materialized (
            select l.offer_id from stock_levels l
            where (l.offer_id, l.location_id) in (select own.offer_id, own.location_id from own)
            order by l.offer_id, l.location_id
            for no key update
        )
        select own.supplier_order_id, own.line, own.location_id, own.offer_id, own.supplier_id,
               own.buyer_id, own.quantity, own.consumed, own.released, own.factor_numerator,
               own.factor_denominator
        from own where (select count(*) from locked) >= 0
        order by own.supplier_order_id, own.line, own.location_id
    $$
    """,
    # Writes reservations whole, by their key, and moves the levels by what differs. Nobody's stock
    # leaves but by its supplier's own doing.
    """
    create function write_reservations(rows jsonb) returns void
    language sql volatile security definer set search_path = public, pg_temp as
    $$
        with given as materialized (
            select g.*, coalesce(r.quantity - r.consumed - r.released, 0) as held_before,
                   coalesce(r.consumed, 0) as consumed_before
            from jsonb_populate_recordset(null::stock_reservations, rows) as g
            left join stock_reservations r
              on r.supplier_order_id = g.supplier_order_id and r.line = g.line
             and r.location_id = g.location_id
            where g.supplier_id = app_org() or g.buyer_id = app_org()
        ), moved as (
            select offer_id, location_id,
                   sum(quantity - consumed - released - held_before) as held,
                   sum(consumed - consumed_before) filter (where supplier_id = app_org()) as gone
            from given group by offer_id, location_id
        ), levels as (
            update stock_levels l
            set reserved = l.reserved + moved.held,
                on_hand = greatest(0, l.on_hand - coalesce(moved.gone, 0)),
                version = l.version + 1,
                updated_at = clock()
            from moved
            where l.offer_id = moved.offer_id and l.location_id = moved.location_id
        )
        insert into stock_reservations (
            supplier_order_id, line, location_id, offer_id, supplier_id, buyer_id, quantity,
            consumed, released, factor_numerator, factor_denominator
        )
        select supplier_order_id, line, location_id, offer_id, supplier_id, buyer_id, quantity,
               consumed, released, factor_numerator, factor_denominator
        from given
        on conflict (supplier_order_id, line, location_id) do update
        set consumed = excluded.consumed, released = excluded.released
    $$
    """,
)
DROPPED = (
    "write_reservations(jsonb)",
    "lock_reservations(uuid[])",
    "lock_stock(uuid[], text[])",
    "stock_of(uuid[])",
)
OWNERS = {
    "offers": ("select",),
    "stock_settings": ("select",),
    "stock_locations": ("select",),
    "stock_levels": ("select", "update"),
    "stock_reservations": ("select", "insert", "update"),
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)
    own_rows("stock_settings", "select", "insert", "update", column="supplier_id")
    own_rows("stock_locations", "select", "insert", "update", column="supplier_id")
    own_rows("stock_levels", "select", "insert", "update", column="supplier_id")
    grant("stock_reservations", API, "select")
    policy(
        "stock_reservations",
        API,
        "stock_reservations_own",
        "supplier_id = (select app_org())",
        verb="select",
    )
    own_rows("staged_stock")
    for table in NAMES[:-1]:
        all_rows(table, WORKER, "select")
        all_rows(table, ENGINE, "select")
    for table, verbs in OWNERS.items():
        for verb in verbs:
            condition = "with check (true)" if verb == "insert" else "using (true)"
            op.execute(
                f"create policy {table}_owner_{verb} on {table} for {verb} to current_user "
                f"{condition}"
            )
    for function in FUNCTIONS:
        op.execute(function)
    for name in DROPPED:
        op.execute(f"revoke execute on function {name} from public")
        op.execute(f"grant execute on function {name} to {API}")


def downgrade() -> None:
    for name in DROPPED:
        op.execute(f"drop function {name}")
    op.execute("drop policy offers_owner_select on offers")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
