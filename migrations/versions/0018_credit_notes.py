"""Credit notes.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

from migrations.security import API, grant, policy, protect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = """
create table credit_notes (
    id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    invoice_id uuid not null,
    invoice_number text not null,
    series text not null,
    sequence bigint not null,
    number text not null,
    reason text not null,
    version integer not null default 1,
    currency text not null,
    net numeric(24, 6) not null,
    tax numeric(24, 6) not null,
    gross numeric(24, 6) not null,
    breakdown jsonb not null,
    issued_on date not null,
    issued_at timestamptz not null,
    constraint pk_credit_notes primary key (id),
    constraint uq_credit_notes_supplier_id_series_sequence
        unique (supplier_id, series, sequence),
    constraint fk_credit_notes_invoice_id_invoices foreign key (invoice_id)
        references invoices (id)
);
create index ix_credit_notes_buyer_id_id on credit_notes (buyer_id, id);
create index ix_credit_notes_supplier_id_id on credit_notes (supplier_id, id);
create index ix_credit_notes_invoice_id on credit_notes (invoice_id);

create table credit_note_lines (
    credit_note_id uuid not null,
    line integer not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    invoice_id uuid not null,
    invoice_line integer not null,
    sku text not null,
    description text not null,
    unit text not null,
    quantity numeric(24, 6),
    net numeric(24, 6) not null,
    tax_category text not null,
    tax_rate numeric(7, 4) not null,
    constraint pk_credit_note_lines primary key (credit_note_id, line),
    constraint fk_credit_note_lines_credit_note_id_credit_notes foreign key (credit_note_id)
        references credit_notes (id)
);
create index ix_credit_note_lines_invoice_id on credit_note_lines (invoice_id, invoice_line)
"""
NAMES = ("credit_notes", "credit_note_lines")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)
    for table in NAMES:
        # Both parties read, the issuer writes, and nobody changes what is written.
        grant(table, API, "select", "insert")
        either = "(buyer_id = app_org() or supplier_id = app_org())"
        policy(table, API, f"{table}_read", either, verb="select")
        policy(table, API, f"{table}_write", "supplier_id = app_org()", verb="insert")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
