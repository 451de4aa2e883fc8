"""Award scenarios.

Revision ID: 0050
Revises: 0049
"""

from alembic import op

from migrations.security import own_rows, protect

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

TABLE = """
create table award_scenarios (
    id uuid not null,
    version integer not null default 1,
    procedure_id uuid not null,
    buyer_id uuid not null,
    name text not null,
    asked jsonb not null,
    currency text not null,
    status text not null,
    phase text not null,
    solutions_done integer not null default 0,
    solutions_total integer not null default 0,
    best numeric(24, 6),
    bound numeric(24, 6),
    problem_hash bytea,
    result jsonb,
    failure text,
    created_by uuid not null,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    proposed_by uuid,
    proposed_at timestamptz,
    constraint pk_award_scenarios primary key (id),
    constraint fk_award_scenarios_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint ck_award_scenarios_proposed check ((proposed_by is null) = (proposed_at is null))
);
create index ix_award_scenarios_procedure_id_id on award_scenarios (procedure_id, id);
create index ix_award_scenarios_buyer_id on award_scenarios (buyer_id)
"""


def upgrade() -> None:
    for statement in TABLE.split(";\n"):
        op.execute(statement)
    protect("award_scenarios")
    own_rows("award_scenarios", "select", "insert", "update", column="buyer_id")


def downgrade() -> None:
    op.execute("drop table award_scenarios")
