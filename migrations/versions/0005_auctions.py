"""Auctions and their ledger.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, own_rows, policy, protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
create table auctions (
    id uuid not null,
    buyer_id uuid not null,
    unit_id uuid not null,
    title text not null,
    currency text not null,
    status text not null,
    origin_kind text,
    origin_id uuid,
    cancelled_because text,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_auctions primary key (id),
    constraint uq_auctions_buyer_id_id unique (buyer_id, id),
    constraint uq_auctions_origin unique (origin_kind, origin_id),
    constraint fk_auctions_buyer_id_organizations foreign key (buyer_id)
        references organizations (id),
    constraint ck_auctions_origin check ((origin_kind is null) = (origin_id is null)),
    constraint ck_auctions_status
        check (status in ('draft', 'scheduled', 'open', 'closed', 'cancelled'))
);

create table auction_lots (
    id uuid not null,
    auction_id uuid not null,
    buyer_id uuid not null,
    place integer not null,
    title text not null,
    terms jsonb not null,
    phase text not null,
    epoch bigint not null default 1,
    seq bigint not null default 0,
    hash bytea not null,
    decided_at timestamptz,
    starts_at timestamptz not null,
    closes_at timestamptz not null,
    extensions integer not null default 0,
    constraint pk_auction_lots primary key (id),
    constraint uq_auction_lots_place unique (auction_id, place),
    constraint fk_auction_lots_auction foreign key (buyer_id, auction_id)
        references auctions (buyer_id, id),
    constraint ck_auction_lots_phase
        check (phase in ('draft', 'scheduled', 'open', 'closed', 'cancelled'))
) with (fillfactor = 50);
create index ix_auction_lots_buyer_id on auction_lots (buyer_id, auction_id);
create index ix_auction_lots_running on auction_lots (id)
    where phase in ('scheduled', 'open');
create index ix_auction_lots_closes_at on auction_lots (closes_at);

create table auction_participants (
    lot_id uuid not null,
    organization_id uuid not null,
    auction_id uuid not null,
    buyer_id uuid not null,
    place integer not null,
    alias text not null,
    opening_amount numeric(24, 6),
    bid_id uuid not null,
    constraint pk_auction_participants primary key (lot_id, organization_id),
    constraint uq_auction_participants_alias unique (lot_id, alias),
    constraint fk_auction_participants_lot_id_auction_lots foreign key (lot_id)
        references auction_lots (id),
    constraint fk_auction_participants_organization_id_organizations
        foreign key (organization_id) references organizations (id),
    constraint fk_auction_participants_auction_id_auctions foreign key (auction_id)
        references auctions (id)
);
create index ix_auction_participants_organization_id
    on auction_participants (organization_id, auction_id);
create index ix_auction_participants_buyer_id on auction_participants (buyer_id);

create table auction_ledger (
    lot_id uuid not null,
    seq bigint not null,
    epoch bigint not null,
    at timestamptz not null,
    kind text not null,
    bidder_id uuid,
    bid_id uuid,
    client_bid_id text,
    amount numeric(24, 6),
    rank integer,
    code text,
    bound numeric(24, 6),
    body jsonb,
    salt bytea not null,
    hash bytea not null,
    constraint pk_auction_ledger primary key (lot_id, seq)
);
create unique index uq_auction_ledger_key
    on auction_ledger (lot_id, bidder_id, client_bid_id) where client_bid_id is not null;
"""

# A lot's log begins when suppliers are invited; of a draft that was called off they never hear.
INVITED = "exists (select from auction_lots l where l.auction_id = auctions.id and l.seq > 0)"
LOOKED_UP = (
    "lot_id, seq, at, kind, bidder_id, bid_id, client_bid_id, amount, rank, code, bound, body"
)
INVITED_TO_LOT = """
seq > 0 and exists (
    select from auction_participants p
    where p.lot_id = auction_lots.id and p.organization_id = app_org()
)
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect("auctions", "auction_lots", "auction_participants", "auction_ledger")

    own_rows("auctions", "select", "insert", "update", column="buyer_id")
    # The subquery sees the lots that the policies of their own table show.
    policy("auctions", API, "auctions_invited", INVITED, verb="select")
    own_rows("auction_lots", "select", "insert", "update", column="buyer_id")
    policy("auction_lots", API, "auction_lots_invited", INVITED_TO_LOT, verb="select")
    # A bidder sees his own row and nobody else's: who takes part is the buyer's to know.
    own_rows("auction_participants", "select", "insert", "delete", column="buyer_id")
    policy(
        "auction_participants",
        API,
        "auction_participants_invited",
        "organization_id = app_org()",
        verb="select",
    )
    # The log of a running auction is the engine's; a bidder may look up what he sent himself, and
    # never a hash with its salt, from which prices of others can be tried.
    op.execute(f"grant select ({LOOKED_UP}) on auction_ledger to {API}")
    policy("auction_ledger", API, "auction_ledger_bidder", "bidder_id = app_org()", verb="select")

    for table in ("auctions", "auction_lots", "auction_participants"):
        all_rows(table, ENGINE, "select", "insert", "update")
    # Nobody changes or removes an entry.
    all_rows("auction_ledger", ENGINE, "select", "insert")


def downgrade() -> None:
    # In one statement: the policies of two tables look into a third.
    op.execute("drop table auction_ledger, auction_participants, auction_lots, auctions")
