"""Questions and answers, amendments and later deadlines of procedures.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, own_rows, policy, protect

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CHANGES = """
alter table procedures
    add column terms_version integer not null default 1,
    add column questions_until timestamptz,
    add column answer_hours integer,
    add column amendment_notice_hours integer not null default 0;

alter table sealed_bids add column terms_version integer not null default 1;

create table procedure_questions (
    id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    status text not null,
    version integer not null default 1,
    question text not null,
    published_question text,
    answer text,
    asked_at timestamptz not null,
    answered_at timestamptz,
    constraint pk_procedure_questions primary key (id),
    constraint fk_procedure_questions_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_questions_procedure_id_id on procedure_questions (procedure_id, id);
create index ix_procedure_questions_buyer_id on procedure_questions (buyer_id);

create table procedure_question_askers (
    question_id uuid not null,
    asker_id uuid not null,
    procedure_id uuid not null,
    constraint pk_procedure_question_askers primary key (question_id),
    constraint fk_procedure_question_askers_question_id_procedure_questions
        foreign key (question_id) references procedure_questions (id)
);
create index ix_procedure_question_askers_asker_id
    on procedure_question_askers (asker_id, procedure_id);

create table procedure_amendments (
    procedure_id uuid not null,
    number integer not null,
    buyer_id uuid not null,
    summary text not null,
    changes jsonb not null,
    lines_changed boolean not null,
    terms_before jsonb not null,
    deadline_before timestamptz not null,
    deadline_after timestamptz not null,
    amended_by uuid not null,
    amended_at timestamptz not null,
    constraint pk_procedure_amendments primary key (procedure_id, number),
    constraint fk_procedure_amendments_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_amendments_buyer_id on procedure_amendments (buyer_id)
"""
NAMES = ("procedure_questions", "procedure_question_askers", "procedure_amendments")
VISIBLE = "procedure_id in (select id from procedures)"


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    _questions()
    own_rows("procedure_amendments", "select", "insert", column="buyer_id")
    policy("procedure_amendments", API, "procedure_amendments_audience", VISIBLE, verb="select")
    # An amendment writes lots and lines anew; only their buyer's policy lets rows go.
    grant("procedure_lots", API, "delete")
    grant("procedure_lines", API, "delete")
    op.execute(f"grant select (terms_version) on sealed_bids to {API}")
    op.execute(f"grant update (terms_version) on sealed_bids to {API}")


def _questions() -> None:
    table = "procedure_questions"
    own_rows(table, "select", "update", column="buyer_id")
    grant(table, API, "insert")
    of_its_buyer = "(procedure_id, buyer_id) in (select id, buyer_id from procedures)"
    policy(table, API, f"{table}_asked", of_its_buyer, verb="insert")
    # Whose it is stands in a table of which everybody sees his own rows alone.
    own = "id in (select question_id from procedure_question_askers)"
    policy(table, API, f"{table}_asker", own, verb="select")
    answered = f"status = 'answered' and {VISIBLE}"
    policy(table, API, f"{table}_audience", answered, verb="select")
    all_rows(table, ENGINE, "select")
    own_rows("procedure_question_askers", "select", "insert", column="asker_id")


def downgrade() -> None:
    op.execute("drop policy procedure_questions_asker on procedure_questions")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute(f"revoke delete on procedure_lots, procedure_lines from {API}")
    op.execute("alter table sealed_bids drop column terms_version")
    op.execute(
        "alter table procedures drop column terms_version, drop column questions_until,"
        " drop column answer_hours, drop column amendment_notice_hours"
    )
