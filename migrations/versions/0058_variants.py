"""Variants: several offers of one bidder, each sealed, opened, judged and decided by itself.

Revision ID: 0058
Revises: 0057
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, policy, protect

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

CHANGES = """
alter table sealed_bids add column variant integer not null default 0;
alter table sealed_bids drop constraint uq_sealed_bids_procedure_id_bidder_id_version;
alter table sealed_bids add constraint uq_sealed_bids_procedure_id_bidder_id_variant_version
    unique (procedure_id, bidder_id, variant, version);
drop index uq_sealed_bids_live;
create unique index uq_sealed_bids_live on sealed_bids (procedure_id, bidder_id, variant)
    where status = 'live';
alter table opened_bids add column variant integer not null default 0;
alter table opened_bids drop constraint uq_opened_bids_procedure_id_bidder_id;
alter table opened_bids add constraint uq_opened_bids_procedure_id_bidder_id_variant
    unique (procedure_id, bidder_id, variant);
alter table judged_bids add column variant jsonb;
alter table awards add column variant jsonb;
alter table bid_explanations drop constraint uq_bid_explanations_lot_id_bidder_id;
alter table bid_explanations add constraint uq_bid_explanations_lot_id_bid_id
    unique (lot_id, bid_id);
create table variant_decisions (
    bid_id uuid not null,
    version integer default 1 not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    meets boolean not null,
    unmet text[] not null,
    reason text not null,
    decided_by uuid not null,
    decided_at timestamptz not null,
    constraint pk_variant_decisions primary key (bid_id),
    constraint fk_variant_decisions_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id),
    constraint fk_variant_decisions_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_variant_decisions_procedure_id_bid_id on variant_decisions (procedure_id, bid_id);
create index ix_variant_decisions_buyer_id on variant_decisions (buyer_id);
create index ix_variant_decisions_bidder_id on variant_decisions (bidder_id)
"""
TABLE = "variant_decisions"
# The form before knows one offer of a bidder: where variants were sent its constraints cannot be
# met, and the migration refuses rather than lose bids.
BACK = """
drop table variant_decisions;
alter table bid_explanations drop constraint uq_bid_explanations_lot_id_bid_id;
alter table bid_explanations add constraint uq_bid_explanations_lot_id_bidder_id
    unique (lot_id, bidder_id);
alter table awards drop column variant;
alter table judged_bids drop column variant;
alter table opened_bids drop constraint uq_opened_bids_procedure_id_bidder_id_variant;
alter table opened_bids add constraint uq_opened_bids_procedure_id_bidder_id
    unique (procedure_id, bidder_id);
alter table opened_bids drop column variant;
drop index uq_sealed_bids_live;
alter table sealed_bids drop constraint uq_sealed_bids_procedure_id_bidder_id_variant_version;
alter table sealed_bids add constraint uq_sealed_bids_procedure_id_bidder_id_version
    unique (procedure_id, bidder_id, version);
create unique index uq_sealed_bids_live on sealed_bids (procedure_id, bidder_id)
    where status = 'live';
alter table sealed_bids drop column variant
"""


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    op.execute(f"grant select (variant) on sealed_bids to {API}")
    protect(TABLE)
    grant(TABLE, API, "select", "insert", "update (version, meets, unmet, reason)")
    op.execute(f"grant update (decided_by, decided_at) on {TABLE} to {API}")
    policy(TABLE, API, f"{TABLE}_buyer", "buyer_id = app_org()", verb="insert")
    policy(TABLE, API, f"{TABLE}_anew", "buyer_id = app_org()", verb="update")
    policy(
        TABLE,
        API,
        f"{TABLE}_sides",
        "buyer_id = app_org() or bidder_id = app_org()",
        verb="select",
    )
    # The opening reads bids as everybody does, with what became of them.
    all_rows(TABLE, ENGINE, "select")


def downgrade() -> None:
    for statement in BACK.split(";\n"):
        op.execute(statement)
