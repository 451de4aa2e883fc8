"""The notices that drafts were made of.

Revision ID: 0047
Revises: 0046
"""

from alembic import op

from migrations.security import own_rows, protect

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

CHANGES = """
create table procedure_notices (
    procedure_id uuid not null,
    buyer_id uuid not null,
    sha256 bytea not null,
    size_bytes bigint not null,
    report jsonb not null,
    imported_by uuid not null,
    imported_at timestamptz not null,
    constraint pk_procedure_notices primary key (procedure_id),
    constraint fk_procedure_notices_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_notices_buyer_id on procedure_notices (buyer_id)
"""


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect("procedure_notices")
    own_rows("procedure_notices", "select", "insert", column="buyer_id")


def downgrade() -> None:
    op.execute("drop table procedure_notices")
