"""Procedures and sealed bids.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, own_rows, policy, protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
create table procedures (
    id uuid not null,
    buyer_id uuid not null,
    unit_id uuid not null,
    version integer not null default 1,
    kind text not null,
    openness text not null,
    status text not null,
    title text not null,
    description text not null,
    currency text not null,
    deadline_at timestamptz not null,
    minimum_bids integer not null,
    audience uuid[] not null,
    sealing_key bytea,
    bids_root bytea,
    bids_blinding bytea,
    bid_leaves text[],
    cancelled_because text,
    created_by uuid not null,
    created_at timestamptz not null,
    published_at timestamptz,
    closed_at timestamptz,
    opened_at timestamptz,
    constraint pk_procedures primary key (id)
);
create index ix_procedures_buyer_id_id on procedures (buyer_id, id);

create table procedure_invitations (
    procedure_id uuid not null,
    supplier_id uuid not null,
    buyer_id uuid not null,
    invited_at timestamptz not null,
    constraint pk_procedure_invitations primary key (procedure_id, supplier_id),
    constraint fk_procedure_invitations_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_invitations_buyer_id on procedure_invitations (buyer_id);
create index ix_procedure_invitations_supplier_id on procedure_invitations (supplier_id);

create table procedure_lots (
    id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    position integer not null,
    title text not null,
    status text not null,
    constraint pk_procedure_lots primary key (id),
    constraint uq_procedure_lots_procedure_id_position unique (procedure_id, position),
    constraint fk_procedure_lots_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_lots_buyer_id on procedure_lots (buyer_id);

create table procedure_lines (
    id uuid not null,
    procedure_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    position integer not null,
    quantity numeric(24, 6) not null,
    unit text not null,
    description text not null,
    sku text,
    constraint pk_procedure_lines primary key (id),
    constraint uq_procedure_lines_lot_id_position unique (lot_id, position),
    constraint fk_procedure_lines_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id)
);
create index ix_procedure_lines_procedure_id on procedure_lines (procedure_id);
create index ix_procedure_lines_buyer_id on procedure_lines (buyer_id);

create table sealed_bids (
    id uuid not null,
    version integer not null,
    procedure_id uuid not null,
    bidder_id uuid not null,
    status text not null,
    submitted_at timestamptz not null,
    changed_at timestamptz,
    commitment bytea not null,
    ephemeral_key bytea not null,
    wrapped_key bytea not null,
    ciphertext bytea not null,
    constraint pk_sealed_bids primary key (id, version),
    constraint uq_sealed_bids_procedure_id_bidder_id_version
        unique (procedure_id, bidder_id, version),
    constraint fk_sealed_bids_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_sealed_bids_bidder_id on sealed_bids (bidder_id);
create unique index uq_sealed_bids_live on sealed_bids (procedure_id, bidder_id)
    where status = 'live';

create table opened_bids (
    id uuid not null,
    version integer not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    submitted_at timestamptz not null,
    commitment bytea not null,
    nonce bytea,
    content text,
    invalid_reason text,
    constraint pk_opened_bids primary key (id),
    constraint uq_opened_bids_procedure_id_bidder_id unique (procedure_id, bidder_id),
    constraint fk_opened_bids_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_opened_bids_buyer_id on opened_bids (buyer_id);
create index ix_opened_bids_bidder_id on opened_bids (bidder_id);

create table lot_auctions (
    lot_id uuid not null,
    auction_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    status text not null,
    opened_at timestamptz not null,
    ended_at timestamptz,
    ledger_head bytea,
    constraint pk_lot_auctions primary key (lot_id),
    constraint uq_lot_auctions_auction_id unique (auction_id),
    constraint fk_lot_auctions_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id)
);
create index ix_lot_auctions_procedure_id on lot_auctions (procedure_id);
create index ix_lot_auctions_buyer_id on lot_auctions (buyer_id);

create table lot_results (
    lot_id uuid not null,
    bidder_id uuid not null,
    buyer_id uuid not null,
    rank integer not null,
    amount numeric(24, 6) not null,
    bid_id uuid not null,
    entry_hash bytea not null,
    bid_at timestamptz not null,
    constraint pk_lot_results primary key (lot_id, bidder_id),
    constraint fk_lot_results_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id)
);
create index ix_lot_results_buyer_id on lot_results (buyer_id);
create index ix_lot_results_bidder_id on lot_results (bidder_id);

create table lot_breakdowns (
    lot_id uuid not null,
    bidder_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    total numeric(24, 6) not null,
    unit_amounts jsonb not null,
    sent_at timestamptz not null,
    constraint pk_lot_breakdowns primary key (lot_id, bidder_id),
    constraint fk_lot_breakdowns_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id)
);
create index ix_lot_breakdowns_buyer_id on lot_breakdowns (buyer_id);
create index ix_lot_breakdowns_bidder_id on lot_breakdowns (bidder_id);

create table awards (
    id uuid not null,
    procedure_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    bid_id uuid not null,
    rank integer not null,
    reason text not null,
    total numeric(24, 6) not null,
    currency text not null,
    contract_id uuid not null,
    content_hash bytea not null,
    provenance jsonb not null,
    awarded_by uuid not null,
    awarded_at timestamptz not null,
    constraint pk_awards primary key (id),
    constraint uq_awards_lot_id unique (lot_id),
    constraint fk_awards_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_awards_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id),
    constraint fk_awards_bid_id_opened_bids foreign key (bid_id) references opened_bids (id)
);
create index ix_awards_procedure_id on awards (procedure_id);
create index ix_awards_buyer_id_id on awards (buyer_id, id);
create index ix_awards_supplier_id_id on awards (supplier_id, id);

create table award_lines (
    award_id uuid not null,
    line_id uuid not null,
    position integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    sku text not null,
    unit_amount numeric(24, 6) not null,
    basis numeric(24, 6) not null,
    amount numeric(24, 6) not null,
    constraint pk_award_lines primary key (award_id, line_id),
    constraint fk_award_lines_award_id_awards foreign key (award_id) references awards (id),
    constraint fk_award_lines_line_id_procedure_lines
        foreign key (line_id) references procedure_lines (id)
);
create index ix_award_lines_buyer_id on award_lines (buyer_id);
create index ix_award_lines_supplier_id on award_lines (supplier_id)
"""

NAMES = (
    "procedures",
    "procedure_invitations",
    "procedure_lots",
    "procedure_lines",
    "sealed_bids",
    "opened_bids",
    "lot_auctions",
    "lot_results",
    "lot_breakdowns",
    "awards",
    "award_lines",
)
EVERYBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
RECEIPT = "id, version, procedure_id, bidder_id, status, submitted_at, changed_at, commitment"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    _procedures()
    _bids()
    _awards()


def _procedures() -> None:
    own_rows("procedures", "select", "insert", "update", column="buyer_id")
    audience = f"app_org() = any (audience) or {EVERYBODY} = any (audience)"
    policy("procedures", API, "procedures_audience", audience, verb="select")
    own_rows("procedure_invitations", "select", "insert", column="buyer_id")
    policy(
        "procedure_invitations",
        API,
        "procedure_invitations_invited",
        "supplier_id = app_org()",
        verb="select",
    )
    for table in ("procedure_lots", "procedure_lines"):
        own_rows(table, "select", "insert", "update", column="buyer_id")
        # Whoever sees the procedure sees what it asks for: its own policies filter the subquery.
        visible = "procedure_id in (select id from procedures)"
        policy(table, API, f"{table}_audience", visible, verb="select")
    all_rows("procedures", ENGINE, "select", "update")
    all_rows("procedure_lots", ENGINE, "select", "update")
    all_rows("procedure_lines", ENGINE, "select")


def _bids() -> None:
    # The bidder writes an envelope and reads a receipt: the envelope's columns are not his.
    op.execute(f"grant select ({RECEIPT}) on sealed_bids to {API}")
    op.execute(f"grant update (status, changed_at) on sealed_bids to {API}")
    grant("sealed_bids", API, "insert")
    policy("sealed_bids", API, "sealed_bids_bidder", "bidder_id = app_org()")
    # Nobody else sees a row of a procedure that has not closed, the engine included.
    closed = "procedure_id in (select id from procedures where closed_at is not null)"
    grant("sealed_bids", ENGINE, "select")
    op.execute(f"grant update (status, changed_at) on sealed_bids to {ENGINE}")
    policy("sealed_bids", ENGINE, "sealed_bids_closed", closed)

    grant("opened_bids", API, "select")
    parties = "buyer_id = app_org() or bidder_id = app_org()"
    policy("opened_bids", API, "opened_bids_party", parties, verb="select")
    all_rows("opened_bids", ENGINE, "select", "insert")


def _awards() -> None:
    own_rows("lot_auctions", "select", "insert", column="buyer_id")
    all_rows("lot_auctions", ENGINE, "select", "update")
    grant("lot_results", API, "select")
    parties = "buyer_id = app_org() or bidder_id = app_org()"
    policy("lot_results", API, "lot_results_party", parties, verb="select")
    all_rows("lot_results", ENGINE, "select", "insert")
    own_rows("lot_breakdowns", "select", "insert", "update", column="bidder_id")
    policy("lot_breakdowns", API, "lot_breakdowns_buyer", "buyer_id = app_org()", verb="select")
    for table in ("awards", "award_lines"):
        own_rows(table, "select", "insert", column="buyer_id")
        policy(table, API, f"{table}_supplier", "supplier_id = app_org()", verb="select")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
