"""Negotiations between a buyer and one bidder.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, policy, protect

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = """
create table negotiations (
    id uuid not null,
    version integer not null default 1,
    procedure_id uuid not null,
    lot_id uuid not null,
    bid_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    status text not null,
    rounds integer not null,
    answer_by timestamptz not null,
    agreed_offer integer,
    ended_because text,
    begun_at timestamptz not null,
    changed_at timestamptz not null,
    constraint pk_negotiations primary key (id),
    constraint fk_negotiations_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_negotiations_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id),
    constraint fk_negotiations_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id)
);
create unique index uq_negotiations_going on negotiations (lot_id, bidder_id)
    where status in ('with_bidder', 'with_buyer', 'agreed');
create index ix_negotiations_procedure_id_id on negotiations (procedure_id, id);
create index ix_negotiations_buyer_id on negotiations (buyer_id);
create index ix_negotiations_bidder_id on negotiations (bidder_id);

create table negotiation_offers (
    negotiation_id uuid not null,
    number integer not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    side text not null,
    lines jsonb not null,
    note text not null,
    total numeric(24, 6) not null,
    currency text not null,
    content_hash bytea not null,
    answer_by timestamptz not null,
    offered_at timestamptz not null,
    constraint pk_negotiation_offers primary key (negotiation_id, number),
    constraint fk_negotiation_offers_negotiation_id_negotiations
        foreign key (negotiation_id) references negotiations (id)
);
create index ix_negotiation_offers_buyer_id on negotiation_offers (buyer_id);
create index ix_negotiation_offers_bidder_id on negotiation_offers (bidder_id);

create table negotiation_messages (
    id uuid not null,
    negotiation_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    side text not null,
    message text not null,
    sent_at timestamptz not null,
    constraint pk_negotiation_messages primary key (id),
    constraint fk_negotiation_messages_negotiation_id_negotiations
        foreign key (negotiation_id) references negotiations (id)
);
create index ix_negotiation_messages_negotiation_id_id
    on negotiation_messages (negotiation_id, id);
create index ix_negotiation_messages_buyer_id on negotiation_messages (buyer_id);
create index ix_negotiation_messages_bidder_id on negotiation_messages (bidder_id)
"""
NAMES = ("negotiations", "negotiation_offers", "negotiation_messages")
SIDES = "(buyer_id = app_org() or bidder_id = app_org())"
OWN_HAND = (
    "((buyer_id = app_org() and side = 'buyer') or (bidder_id = app_org() and side = 'bidder'))"
    " and (negotiation_id, buyer_id, bidder_id) in (select id, buyer_id, bidder_id"
    " from negotiations)"
)


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    changing = "status, version, rounds, answer_by, agreed_offer, ended_because, changed_at"
    grant("negotiations", API, "select", "insert", f"update ({changing})")
    policy("negotiations", API, "negotiations_sides", SIDES, verb="select")
    policy("negotiations", API, "negotiations_begun", "buyer_id = app_org()", verb="insert")
    policy("negotiations", API, "negotiations_buyer", "buyer_id = app_org()", verb="update")
    # The bidder's hand moves it in his turn alone, and never to what the clock or an award decide.
    policy(
        "negotiations",
        API,
        "negotiations_bidder",
        "bidder_id = app_org() and status = 'with_bidder'",
        verb="update",
        check="bidder_id = app_org() and status in ('with_buyer', 'agreed', 'ended')",
    )
    for table in ("negotiation_offers", "negotiation_messages"):
        grant(table, API, "select", "insert")
        policy(table, API, f"{table}_sides", SIDES, verb="select")
        policy(table, API, f"{table}_own_hand", OWN_HAND, verb="insert")
    all_rows("negotiations", ENGINE, "select", "update")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
