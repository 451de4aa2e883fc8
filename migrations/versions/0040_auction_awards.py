"""Awards of auctions that nothing else asked for.

Revision ID: 0040
Revises: 0039
"""

from alembic import op

from migrations.security import API, grant, own_rows, policy, protect

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLE = "auction_awards"
CHANGES = """
create table auction_awards (
    id uuid not null,
    auction_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    bid_id uuid not null,
    rank integer not null,
    reason text not null,
    price numeric(24, 6) not null,
    currency text not null,
    agreed jsonb not null,
    provenance jsonb not null,
    content_hash bytea not null,
    state text not null,
    approval_id uuid,
    contract_id uuid,
    asked_at timestamptz not null,
    decided_at timestamptz,
    constraint pk_auction_awards primary key (id),
    constraint fk_auction_awards_auction_id_auctions
        foreign key (auction_id) references auctions (id),
    constraint fk_auction_awards_lot_id_auction_lots
        foreign key (lot_id) references auction_lots (id),
    constraint ck_auction_awards_state check (state in ('waiting', 'awarded', 'rejected'))
);
create unique index uq_auction_awards_lot_id on auction_awards (lot_id)
    where state <> 'rejected';
create index ix_auction_awards_buyer_id on auction_awards (buyer_id, auction_id);
create index ix_auction_awards_supplier_id on auction_awards (supplier_id, auction_id);
create index ix_auction_awards_auction_id on auction_awards (auction_id, id)
"""


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(TABLE)
    own_rows(TABLE, "select", "insert", "update", column="buyer_id")
    grant(TABLE, API, "select")
    # A supplier learns of an award when it is one: what waits, or was rejected, is the buyer's.
    policy(
        TABLE,
        API,
        f"{TABLE}_supplier",
        "supplier_id = app_org() and state = 'awarded'",
        verb="select",
    )


def downgrade() -> None:
    op.execute(f"drop table {TABLE}")
