"""Approvals, contracts, orders, billing.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, own_rows, policy, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
create table approvals (
    id uuid not null,
    organization_id uuid not null,
    unit_path uuid[] not null,
    subject_kind text not null,
    subject_id uuid not null,
    title text not null,
    rule jsonb not null,
    requester_id uuid not null,
    amount numeric(24, 6) not null,
    currency text not null,
    content_hash bytea not null,
    state text not null,
    version integer not null default 1,
    created_at timestamptz not null,
    decided_at timestamptz,
    constraint pk_approvals primary key (id)
);
create index ix_approvals_organization_id_id on approvals (organization_id, id);
create index ix_approvals_organization_id_state_id on approvals (organization_id, state, id);
create unique index uq_approvals_pending_subject
    on approvals (organization_id, subject_kind, subject_id)
    where state = 'pending';

create table approval_decisions (
    approval_id uuid not null,
    member_id uuid not null,
    organization_id uuid not null,
    roles text[] not null,
    verdict text not null,
    comment text not null,
    decided_at timestamptz not null,
    constraint pk_approval_decisions primary key (approval_id, member_id),
    constraint fk_approval_decisions_approval_id_approvals foreign key (approval_id)
        references approvals (id)
);

create table contracts (
    id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    unit_ids uuid[] not null,
    title text not null,
    currency text not null,
    time_zone text not null,
    first_day date not null,
    last_day date not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    state text not null,
    version integer not null default 1,
    priority integer not null,
    provenance jsonb not null,
    content_hash bytea not null,
    concluded_at timestamptz,
    constraint pk_contracts primary key (id),
    constraint uq_contracts_buyer_id_supplier_id_priority unique (buyer_id, supplier_id, priority)
);
create index ix_contracts_buyer_id_id on contracts (buyer_id, id);
create index ix_contracts_supplier_id_id on contracts (supplier_id, id);

create table contract_prices (
    id uuid not null,
    contract_id uuid not null,
    contract_version integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    unit_ids uuid[] not null,
    sku text not null,
    description text not null,
    unit text not null,
    currency text not null,
    basis numeric(24, 6) not null,
    tiers jsonb not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    state text not null,
    priority integer not null,
    constraint pk_contract_prices primary key (id),
    constraint fk_contract_prices_contract_id_contracts foreign key (contract_id)
        references contracts (id)
);
create index ix_contract_prices_buyer_id_supplier_id_sku
    on contract_prices (buyer_id, supplier_id, sku);
create index ix_contract_prices_contract_id on contract_prices (contract_id);

create table orders (
    id uuid not null,
    buyer_id uuid not null,
    unit_id uuid not null,
    unit_path uuid[] not null,
    requester_id uuid not null,
    external_system text,
    external_id text,
    request_hash bytea not null,
    content_hash bytea not null,
    state text not null,
    version integer not null default 1,
    currency text not null,
    total numeric(24, 6) not null,
    line_count integer not null,
    terms jsonb not null,
    note text not null,
    approval_id uuid,
    backdated boolean not null default false,
    ordered_at timestamptz not null,
    submitted_at timestamptz not null,
    placed_at timestamptz,
    constraint pk_orders primary key (id),
    constraint uq_orders_buyer_id_external_system_external_id
        unique (buyer_id, external_system, external_id)
);
create index ix_orders_buyer_id_id on orders (buyer_id, id);
create index ix_orders_buyer_id_state_id on orders (buyer_id, state, id);

create table order_lines (
    order_id uuid not null,
    line integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    sku text not null,
    description text not null,
    unit text not null,
    quantity numeric(24, 6) not null,
    amount numeric(24, 6) not null,
    basis numeric(24, 6) not null,
    tier_minimum numeric(24, 6) not null,
    line_amount numeric(24, 6) not null,
    price_level text not null,
    source_kind text not null,
    source_id uuid not null,
    source_version integer not null,
    provenance jsonb not null,
    tax_category text not null,
    requested_on date,
    cost_centre text not null,
    supplier_order_id uuid,
    supplier_line integer,
    constraint pk_order_lines primary key (order_id, line),
    constraint fk_order_lines_order_id_orders foreign key (order_id) references orders (id)
);

create table supplier_orders (
    id uuid not null,
    order_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    state text not null,
    version integer not null default 1,
    buyer_reference text,
    supplier_reference text,
    currency text not null,
    total numeric(24, 6) not null,
    terms jsonb not null,
    ordered_at timestamptz not null,
    placed_at timestamptz not null,
    constraint pk_supplier_orders primary key (id),
    constraint fk_supplier_orders_order_id_orders foreign key (order_id)
        references orders (id)
);
create index ix_supplier_orders_buyer_id_order_id on supplier_orders (buyer_id, order_id);
create index ix_supplier_orders_supplier_id_id on supplier_orders (supplier_id, id);
create index ix_supplier_orders_supplier_id_state_id on supplier_orders (supplier_id, state, id);

create table supplier_order_lines (
    supplier_order_id uuid not null,
    line integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    sku text not null,
    description text not null,
    unit text not null,
    quantity numeric(24, 6) not null,
    amount numeric(24, 6) not null,
    basis numeric(24, 6) not null,
    line_amount numeric(24, 6) not null,
    tax_category text not null,
    requested_on date,
    confirmed_quantity numeric(24, 6),
    promised_on date,
    reason text not null default '',
    despatched_quantity numeric(24, 6) not null default 0,
    constraint pk_supplier_order_lines primary key (supplier_order_id, line),
    constraint fk_supplier_order_lines_supplier_order_id_supplier_orders
        foreign key (supplier_order_id)
        references supplier_orders (id)
);

create table order_confirmations (
    id uuid not null,
    supplier_order_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    supplier_reference text,
    lines jsonb not null,
    confirmed_at timestamptz not null,
    constraint pk_order_confirmations primary key (id),
    constraint fk_order_confirmations_supplier_order_id_supplier_orders
        foreign key (supplier_order_id)
        references supplier_orders (id)
);
create index ix_order_confirmations_supplier_order_id on order_confirmations (supplier_order_id);

create table despatches (
    id uuid not null,
    supplier_order_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    carrier text not null,
    tracking_number text not null,
    expected_on date,
    lines jsonb not null,
    despatched_at timestamptz not null,
    constraint pk_despatches primary key (id),
    constraint fk_despatches_supplier_order_id_supplier_orders foreign key (supplier_order_id)
        references supplier_orders (id)
);
create index ix_despatches_supplier_order_id on despatches (supplier_order_id);

create table invoice_counters (
    issuer_id uuid not null,
    series text not null,
    last bigint not null,
    constraint pk_invoice_counters primary key (issuer_id, series)
);

create table invoices (
    id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    series text not null,
    sequence bigint not null,
    number text not null,
    supplier_order_id uuid not null,
    buyer_reference text,
    state text not null,
    version integer not null default 1,
    currency text not null,
    net numeric(24, 6) not null,
    tax numeric(24, 6) not null,
    gross numeric(24, 6) not null,
    breakdown jsonb not null,
    issued_on date not null,
    due_on date not null,
    issued_at timestamptz not null,
    constraint pk_invoices primary key (id),
    constraint uq_invoices_supplier_id_series_sequence unique (supplier_id, series, sequence),
    constraint fk_invoices_supplier_order_id_supplier_orders foreign key (supplier_order_id)
        references supplier_orders (id)
);
create index ix_invoices_buyer_id_id on invoices (buyer_id, id);
create index ix_invoices_supplier_id_id on invoices (supplier_id, id);
create index ix_invoices_supplier_order_id on invoices (supplier_order_id);

create table invoice_lines (
    invoice_id uuid not null,
    line integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    supplier_order_id uuid not null,
    supplier_line integer not null,
    sku text not null,
    description text not null,
    unit text not null,
    quantity numeric(24, 6) not null,
    amount numeric(24, 6) not null,
    basis numeric(24, 6) not null,
    net numeric(24, 6) not null,
    tax_category text not null,
    tax_rate numeric(7, 4) not null,
    constraint pk_invoice_lines primary key (invoice_id, line),
    constraint fk_invoice_lines_invoice_id_invoices foreign key (invoice_id)
        references invoices (id)
);
create index ix_invoice_lines_supplier_order_id
    on invoice_lines (supplier_order_id, supplier_line);
"""

NAMES = (
    "approvals",
    "approval_decisions",
    "contracts",
    "contract_prices",
    "orders",
    "order_lines",
    "supplier_orders",
    "supplier_order_lines",
    "order_confirmations",
    "despatches",
    "invoice_counters",
    "invoices",
    "invoice_lines",
)

BUYER = "buyer_id = app_org()"
SUPPLIER = "supplier_id = app_org()"
EITHER = f"({BUYER} or {SUPPLIER})"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)

    own_rows("approvals", "select", "insert", "update")
    own_rows("approval_decisions", "select", "insert")
    own_rows("orders", "select", "insert", "update", column="buyer_id")
    own_rows("order_lines", "select", "insert", "update", column="buyer_id")
    own_rows("invoice_counters", "select", "insert", "update", column="issuer_id")

    # Both parties read; who writes is the party whose act it is.
    _two_sided("contracts", insert=BUYER)
    _two_sided("contract_prices", insert=BUYER)
    # What was agreed at the placing nobody changes: neither price nor quantity nor party.
    _two_sided(
        "supplier_orders",
        insert=BUYER,
        update=EITHER,
        changing="state, version, supplier_reference",
    )
    _two_sided(
        "supplier_order_lines",
        insert=BUYER,
        update=SUPPLIER,
        changing="confirmed_quantity, promised_on, reason, despatched_quantity",
    )
    _two_sided("order_confirmations", insert=SUPPLIER)
    _two_sided("despatches", insert=SUPPLIER)
    _two_sided("invoices", insert=SUPPLIER)
    _two_sided("invoice_lines", insert=SUPPLIER)

    # An award concludes contracts on behalf of both parties.
    for table in ("contracts", "contract_prices"):
        all_rows(table, ENGINE, "select", "insert")


def _two_sided(table: str, *, insert: str, update: str | None = None, changing: str = "") -> None:
    """Let both parties read; `update` says who may change the columns `changing`."""
    grant(table, API, "select", "insert")
    policy(table, API, f"{table}_read", EITHER, verb="select")
    policy(table, API, f"{table}_write", insert, verb="insert")
    if update is not None:
        grant(table, API, f"update ({changing})")
        policy(table, API, f"{table}_change", update, verb="update")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
