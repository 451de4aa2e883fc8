"""Requests to bidders to let their bids bind longer.

Revision ID: 0056
Revises: 0055
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, policy, protect

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

CHANGES = """
create table bid_extensions (
    id uuid not null,
    version integer default 1 not null,
    request_id uuid not null,
    procedure_id uuid not null,
    bid_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    status text not null,
    bound_until timestamptz not null,
    until timestamptz not null,
    reason text not null,
    requested_at timestamptz not null,
    answered_at timestamptz,
    constraint pk_bid_extensions primary key (id),
    constraint uq_bid_extensions_request_id_bid_id unique (request_id, bid_id),
    constraint fk_bid_extensions_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_bid_extensions_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id)
);
create index ix_bid_extensions_procedure_id_id on bid_extensions (procedure_id, id);
create index ix_bid_extensions_bid_id on bid_extensions (bid_id);
create index ix_bid_extensions_buyer_id on bid_extensions (buyer_id);
create index ix_bid_extensions_bidder_id on bid_extensions (bidder_id)
"""
TABLE = "bid_extensions"


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(TABLE)
    grant(TABLE, API, "select", "insert", "update (status, version, answered_at)")
    policy(
        TABLE,
        API,
        f"{TABLE}_sides",
        "buyer_id = app_org() or bidder_id = app_org()",
        verb="select",
    )
    # A buyer asks, and cannot answer for his bidder, nor make a row that is answered already.
    policy(
        TABLE,
        API,
        f"{TABLE}_ask",
        "buyer_id = app_org() and status = 'asked' and answered_at is null",
        verb="insert",
    )
    policy(
        TABLE,
        API,
        f"{TABLE}_answer",
        "bidder_id = app_org() and status = 'asked'",
        verb="update",
        check="bidder_id = app_org() and status in ('extended', 'refused')",
    )
    # The opening reads bids as everybody does, with how long they bind.
    all_rows(TABLE, ENGINE, "select")


def downgrade() -> None:
    op.execute(f"drop table {TABLE}")
