"""Documents of procedures and sealed attachments of bids.

Revision ID: 0034
Revises: 0033
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, own_rows, policy, protect

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

TABLES = """
create table procedure_documents (
    id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    name text not null,
    kind text not null,
    size_bytes bigint not null,
    digest bytea not null,
    scan text not null,
    added_by uuid not null,
    added_at timestamptz not null,
    constraint pk_procedure_documents primary key (id),
    constraint uq_procedure_documents_procedure_id_digest unique (procedure_id, digest),
    constraint fk_procedure_documents_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_documents_buyer_id on procedure_documents (buyer_id);

create table sealed_attachments (
    id uuid not null,
    procedure_id uuid not null,
    bidder_id uuid not null,
    address bytea not null,
    stored_digest bytea not null,
    stored_bytes bigint not null,
    ephemeral_key bytea not null,
    wrapped_slip bytea not null,
    scan text not null,
    uploaded_at timestamptz not null,
    constraint pk_sealed_attachments primary key (id),
    constraint uq_sealed_attachments_procedure_id_bidder_id_address
        unique (procedure_id, bidder_id, address),
    constraint fk_sealed_attachments_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_sealed_attachments_bidder_id on sealed_attachments (bidder_id);

create table opened_attachments (
    bid_id uuid not null,
    id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    name text not null,
    kind text,
    size_bytes bigint,
    digest bytea not null,
    stored_digest bytea,
    file_key bytea,
    scan text not null,
    invalid_reason text,
    constraint pk_opened_attachments primary key (bid_id, id),
    constraint fk_opened_attachments_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_opened_attachments_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id)
);
create index ix_opened_attachments_procedure_id_id on opened_attachments (procedure_id, id);
create index ix_opened_attachments_buyer_id on opened_attachments (buyer_id);
create index ix_opened_attachments_bidder_id on opened_attachments (bidder_id)
"""
NAMES = ("procedure_documents", "sealed_attachments", "opened_attachments")
UPLOAD = "id, procedure_id, bidder_id, address, stored_bytes, scan, uploaded_at"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    own_rows("procedure_documents", "select", "insert", "delete", column="buyer_id")
    visible = "procedure_id in (select id from procedures)"
    policy("procedure_documents", API, "procedure_documents_audience", visible, verb="select")
    grant("procedure_documents", ENGINE, "select")
    op.execute(f"grant update (scan) on procedure_documents to {ENGINE}")
    policy("procedure_documents", ENGINE, "procedure_documents_engine", "true")

    # As with bids: who uploads reads that he did, and not what is in it.
    op.execute(f"grant select ({UPLOAD}) on sealed_attachments to {API}")
    grant("sealed_attachments", API, "insert")
    policy("sealed_attachments", API, "sealed_attachments_bidder", "bidder_id = app_org()")
    closed = "procedure_id in (select id from procedures where closed_at is not null)"
    grant("sealed_attachments", ENGINE, "select")
    policy("sealed_attachments", ENGINE, "sealed_attachments_closed", closed, verb="select")

    grant("opened_attachments", API, "select")
    parties = "buyer_id = app_org() or bidder_id = app_org()"
    policy("opened_attachments", API, "opened_attachments_party", parties, verb="select")
    all_rows("opened_attachments", ENGINE, "select", "insert")
    op.execute(f"grant update (scan) on opened_attachments to {ENGINE}")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
