"""What sourcing is measured by: estimates of lots, first offers, who looked.

Revision ID: 0055
Revises: 0054
"""

from alembic import op

from migrations.security import API, grant, own_rows, policy, protect

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

CHANGES = """
create table lot_estimates (
    lot_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    version integer not null,
    estimate numeric(24, 6),
    baseline numeric(24, 6),
    set_by uuid not null,
    set_at timestamptz not null,
    constraint pk_lot_estimates primary key (lot_id),
    constraint fk_lot_estimates_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint ck_lot_estimates_estimate check (estimate > 0),
    constraint ck_lot_estimates_baseline check (baseline > 0)
);
create index ix_lot_estimates_procedure_id on lot_estimates (procedure_id);
create index ix_lot_estimates_buyer_id on lot_estimates (buyer_id);
create table procedure_readers (
    procedure_id uuid not null,
    supplier_id uuid not null,
    buyer_id uuid not null,
    first_read_at timestamptz not null,
    constraint pk_procedure_readers primary key (procedure_id, supplier_id),
    constraint fk_procedure_readers_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_readers_buyer_id on procedure_readers (buyer_id);
create index ix_procedure_readers_supplier_id on procedure_readers (supplier_id);
alter table award_proposals add column first_offer numeric(24, 6)
"""


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect("lot_estimates", "procedure_readers")
    own_rows("lot_estimates", "select", "insert", "delete", column="buyer_id")
    grant("procedure_readers", API, "select", "insert")
    # The procedures' own policies filter the subqueries: whoever is noted may read it.
    policy(
        "procedure_readers",
        API,
        "procedure_readers_own",
        "supplier_id = app_org() and buyer_id in "
        "(select p.buyer_id from procedures p where p.id = procedure_id)",
    )
    policy(
        "procedure_readers",
        API,
        "procedure_readers_buyer",
        "buyer_id = app_org() and procedure_id in "
        "(select p.id from procedures p where p.opened_at is not null)",
        verb="select",
    )


def downgrade() -> None:
    op.execute("alter table award_proposals drop column first_offer")
    op.execute("drop table procedure_readers, lot_estimates")
