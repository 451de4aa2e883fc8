"""What a bid says beside prices: questionnaires and validity; and budgets, shown or hidden.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, own_rows, policy, protect

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

BUDGETS = """
create table procedure_budgets (
    procedure_id uuid not null,
    buyer_id uuid not null,
    amount numeric(24, 6) not null,
    shown boolean not null,
    constraint pk_procedure_budgets primary key (procedure_id),
    constraint fk_procedure_budgets_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_budgets_buyer_id on procedure_budgets (buyer_id);
create index ix_procedures_receiving on procedures (deadline_at, id)
    where status = 'published' and openness = 'open'
"""
TABLE = "procedure_budgets"


def upgrade() -> None:
    op.execute("alter table procedures add column offering jsonb not null default '{}'")
    for statement in BUDGETS.split(";\n"):
        op.execute(statement)
    protect(TABLE)
    own_rows(TABLE, "select", "insert", "delete", column="buyer_id")
    # The procedure's own policies filter the subquery: who sees it, and no hidden budget.
    visible = "shown and procedure_id in (select id from procedures)"
    policy(TABLE, API, f"{TABLE}_audience", visible, verb="select")
    all_rows(TABLE, ENGINE, "select")


def downgrade() -> None:
    op.execute("drop index ix_procedures_receiving")
    op.execute(f"drop table {TABLE}")
    op.execute("alter table procedures drop column offering")
