"""Opening by two officers.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

from migrations.security import API, ENGINE, grant, own_rows, policy, protect

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

CHANGES = """
alter table procedures add column officer_ids uuid[] not null default '{}';

create table opening_codes (
    procedure_id uuid not null,
    officer_id uuid not null,
    buyer_id uuid not null,
    code_hash bytea not null,
    taken_at timestamptz not null,
    constraint pk_opening_codes primary key (procedure_id, officer_id),
    constraint fk_opening_codes_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_opening_codes_buyer_id on opening_codes (buyer_id);

create table opening_approvals (
    procedure_id uuid not null,
    envelope text not null,
    officer_id uuid not null,
    buyer_id uuid not null,
    approved_at timestamptz not null,
    constraint pk_opening_approvals primary key (procedure_id, envelope, officer_id),
    constraint fk_opening_approvals_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_opening_approvals_buyer_id on opening_approvals (buyer_id)
"""
NAMES = ("opening_codes", "opening_approvals")


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    own_rows("opening_codes", "select", "insert", "update", column="buyer_id")
    own_rows("opening_approvals", "select", "insert", column="buyer_id")
    # Who opened is told to all who see the procedure.
    visible = "procedure_id in (select id from procedures)"
    policy("opening_approvals", API, "opening_approvals_audience", visible, verb="select")
    grant("opening_approvals", ENGINE, "select", "insert")
    policy("opening_approvals", ENGINE, "opening_approvals_engine", "true")


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute("alter table procedures drop column officer_ids")
