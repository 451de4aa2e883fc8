"""Ceilings of frameworks by quantity and by member.

Revision ID: 0052
Revises: 0051
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, policy, protect

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

TABLE = """
create table framework_ceilings (
    id uuid not null,
    framework_id uuid not null,
    buyer_id uuid not null,
    position integer not null,
    title text not null,
    supplier_id uuid,
    unit text,
    articles jsonb not null,
    ceiling numeric(24, 6) not null,
    drawn numeric(24, 6) not null default 0,
    constraint pk_framework_ceilings primary key (id),
    constraint uq_framework_ceilings_framework_id_position unique (framework_id, position),
    constraint ck_framework_ceilings_drawn check (drawn >= 0 and drawn <= ceiling),
    constraint fk_framework_ceilings_framework_id_frameworks
        foreign key (framework_id) references frameworks (id)
);
create index ix_framework_ceilings_buyer_id on framework_ceilings (buyer_id);
create index ix_framework_ceilings_supplier_id on framework_ceilings (supplier_id)
"""


def upgrade() -> None:
    for statement in TABLE.split(";\n"):
        op.execute(statement)
    protect("framework_ceilings")
    # A member sees those over all and his own, not those of another member.
    sides = (
        "buyer_id = app_org() or ((supplier_id is null or supplier_id = app_org())"
        " and framework_id in (select framework_id from framework_members))"
    )
    grant("framework_ceilings", API, "select", "insert", "update (drawn)")
    policy("framework_ceilings", API, "framework_ceilings_sides", sides, verb="select")
    own = "buyer_id = app_org() and framework_id in (select id from frameworks)"
    policy("framework_ceilings", API, "framework_ceilings_own", own, verb="insert")
    # Who orders draws; a supplier who refuses or delivers less gives back.
    policy("framework_ceilings", API, "framework_ceilings_draw", sides, verb="update")
    all_rows("framework_ceilings", ENGINE, "select")


def downgrade() -> None:
    op.execute("drop table framework_ceilings")
