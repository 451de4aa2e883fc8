"""Auctions of several lots; what the buyer keeps to himself lies where he alone reads it.

Adjustments and reserves were in rows that a bidder's own role may read: they go into tables of
their own. Of the ledger a bidder's role reads his bids and proxies, no longer his admission, which
tells his adjustment as well. Several lots of a procedure may go into one auction.

Revision ID: 0037
Revises: 0036
"""

from alembic import op

from migrations.security import (
    API,
    ENGINE,
    all_rows,
    all_rows_seen,
    grant,
    own_rows,
    policy,
    protect,
)

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

ORDER = """
alter table auctions
    add lot_order text not null default 'parallel',
    add lot_interval_s integer,
    add constraint ck_auctions_lot_order
        check (lot_order in ('parallel', 'staggered', 'serial')) not valid;
alter table auctions validate constraint ck_auctions_lot_order
"""
SECRETS = """
create table auction_adjustments (
    lot_id uuid not null,
    organization_id uuid not null,
    buyer_id uuid not null,
    adjustment jsonb not null,
    constraint pk_auction_adjustments primary key (lot_id, organization_id),
    constraint fk_auction_adjustments_participant foreign key (lot_id, organization_id)
        references auction_participants (lot_id, organization_id) on delete cascade
);
create index ix_auction_adjustments_buyer_id on auction_adjustments (buyer_id);

create table auction_reserves (
    lot_id uuid not null,
    buyer_id uuid not null,
    amount numeric(24, 6) not null,
    constraint pk_auction_reserves primary key (lot_id),
    constraint fk_auction_reserves_lot_id_auction_lots foreign key (lot_id)
        references auction_lots (id) on delete cascade
);
create index ix_auction_reserves_buyer_id on auction_reserves (buyer_id)
"""
MOVE = """
insert into auction_adjustments (lot_id, organization_id, buyer_id, adjustment)
select lot_id, organization_id, buyer_id, adjustment from auction_participants
where adjustment is not null;
insert into auction_reserves (lot_id, buyer_id, amount)
select id, buyer_id, (terms->>'reserve')::numeric from auction_lots
where terms->>'reserve' is not null;
update auction_lots set terms = terms - 'reserve';
alter table auction_participants drop adjustment
"""
PUT_BACK = """
alter table auction_participants add adjustment jsonb;
update auction_participants p set adjustment = a.adjustment from auction_adjustments a
where a.lot_id = p.lot_id and a.organization_id = p.organization_id;
update auction_lots l set terms = l.terms || jsonb_build_object('reserve', r.amount::text)
from auction_reserves r where r.lot_id = l.id;
drop table auction_adjustments, auction_reserves;
alter table auctions drop lot_order, drop lot_interval_s
"""
LOT_AUCTIONS = """
alter table lot_auctions add auction_lot_id uuid;
update lot_auctions a set auction_lot_id = l.id from auction_lots l
where l.auction_id = a.auction_id;
alter table lot_auctions
    add constraint ck_lot_auctions_auction_lot_id check (auction_lot_id is not null) not valid;
alter table lot_auctions validate constraint ck_lot_auctions_auction_lot_id;
alter table lot_auctions alter auction_lot_id set not null;
alter table lot_auctions drop constraint ck_lot_auctions_auction_lot_id;
alter table lot_auctions drop constraint uq_lot_auctions_auction_id;
create unique index uq_lot_auctions_auction_lot_id on lot_auctions (auction_lot_id);
create index ix_lot_auctions_auction_id on lot_auctions (auction_id)
"""
BIDS = "('bid_accepted', 'bid_refused', 'proxy_set')"


def _run(statements: str) -> None:
    for statement in statements.split(";\n"):
        op.execute(statement)


def upgrade() -> None:
    _run(ORDER)
    _run(SECRETS)
    with all_rows_seen("auction_lots", "auction_participants", "lot_auctions"):
        _run(MOVE)
        _run(LOT_AUCTIONS)
    protect("auction_adjustments", "auction_reserves")
    for table in ("auction_adjustments", "auction_reserves"):
        own_rows(table, "select", "insert", "delete", column="buyer_id")
        all_rows(table, ENGINE, "select", "insert")
    # A draft's lots are laid down anew when it is changed; what was ever scheduled stays.
    grant("auction_lots", API, "delete")
    op.execute(
        f"create policy auction_lots_drafts on auction_lots as restrictive for delete to {API} "
        "using (seq = 0)"
    )
    op.execute("drop policy auction_ledger_bidder on auction_ledger")
    _bids_of_bidder(f"bidder_id = app_org() and kind in {BIDS}")


def _bids_of_bidder(condition: str) -> None:
    policy("auction_ledger", API, "auction_ledger_bidder", condition, verb="select")


def downgrade() -> None:
    op.execute("drop policy auction_ledger_bidder on auction_ledger")
    _bids_of_bidder("bidder_id = app_org()")
    op.execute("drop policy auction_lots_drafts on auction_lots")
    op.execute(f"revoke delete on auction_lots from {API}")
    with all_rows_seen("auction_lots", "auction_participants"):
        for table in ("auction_adjustments", "auction_reserves"):
            op.execute(f"alter table {table} no force row level security")
        _run(PUT_BACK)
    op.execute("drop index ix_lot_auctions_auction_id")
    op.execute("alter table lot_auctions drop auction_lot_id")
    op.execute(
        "alter table lot_auctions add constraint uq_lot_auctions_auction_id unique (auction_id)"
    )
