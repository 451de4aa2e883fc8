"""Explanations of abnormally low offers.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

from migrations.security import API, grant, own_rows, policy, protect

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CHANGES = """
alter table procedures add column low_below_mean integer, add column low_below_next integer;

create table bid_explanations (
    id uuid not null,
    version integer not null default 1,
    procedure_id uuid not null,
    lot_id uuid not null,
    bid_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    status text not null,
    flag text not null,
    question text not null,
    explanation text,
    decision_reason text,
    requested_at timestamptz not null,
    explained_at timestamptz,
    decided_at timestamptz,
    constraint pk_bid_explanations primary key (id),
    constraint uq_bid_explanations_lot_id_bidder_id unique (lot_id, bidder_id),
    constraint fk_bid_explanations_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_bid_explanations_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id),
    constraint fk_bid_explanations_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id)
);
create index ix_bid_explanations_procedure_id_id on bid_explanations (procedure_id, id);
create index ix_bid_explanations_buyer_id on bid_explanations (buyer_id);
create index ix_bid_explanations_bidder_id on bid_explanations (bidder_id)
"""
TABLE = "bid_explanations"


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(TABLE)
    own_rows(TABLE, "select", "insert", "update", column="buyer_id")
    grant(TABLE, API, "select")
    policy(TABLE, API, f"{TABLE}_bidder", "bidder_id = app_org()", verb="select")
    # A bidder's hand moves it once, from asked to explained; what is decided is not his.
    policy(
        TABLE,
        API,
        f"{TABLE}_explain",
        "bidder_id = app_org() and status = 'requested'",
        verb="update",
        check="bidder_id = app_org() and status = 'explained'",
    )


def downgrade() -> None:
    op.execute(f"drop table {TABLE}")
    op.execute("alter table procedures drop column low_below_mean, drop column low_below_next")
