"""Criteria, qualification, and panels with their scores.

Revision ID: 0044
Revises: 0043
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows, grant, own_rows, policy, protect

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

CHANGES = """
create function app_member() returns uuid language sql stable parallel safe as
    $$ select nullif(current_setting('app.member', true), '')::uuid $$;

alter table procedures
    add column judging jsonb,
    add column requirements jsonb,
    add column scores_locked_at timestamptz;

create table judged_bids (
    bid_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    submitted_at timestamptz not null,
    lot_ids uuid[] not null,
    note text not null,
    answers jsonb not null,
    constraint pk_judged_bids primary key (bid_id),
    constraint fk_judged_bids_bid_id_opened_bids foreign key (bid_id) references opened_bids (id),
    constraint fk_judged_bids_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_judged_bids_procedure_id on judged_bids (procedure_id);
create index ix_judged_bids_buyer_id on judged_bids (buyer_id);

create table procedure_evaluators (
    procedure_id uuid not null,
    member_id uuid not null,
    buyer_id uuid not null,
    status text not null,
    declaration text,
    left_because text,
    named_at timestamptz not null,
    declared_at timestamptz,
    handed_in_at timestamptz,
    agreed_at timestamptz,
    constraint pk_procedure_evaluators primary key (procedure_id, member_id),
    constraint fk_procedure_evaluators_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_procedure_evaluators_buyer_id on procedure_evaluators (buyer_id);

create table bid_scores (
    procedure_id uuid not null,
    evaluator_id uuid not null,
    bid_id uuid not null,
    lot_id uuid not null,
    criterion_id uuid not null,
    buyer_id uuid not null,
    score numeric(24, 6) not null,
    comment text not null,
    given_at timestamptz not null,
    constraint pk_bid_scores
        primary key (procedure_id, evaluator_id, bid_id, lot_id, criterion_id),
    constraint fk_bid_scores_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_bid_scores_bid_id_judged_bids
        foreign key (bid_id) references judged_bids (bid_id)
);
create index ix_bid_scores_buyer_id on bid_scores (buyer_id);

create table agreed_scores (
    procedure_id uuid not null,
    bid_id uuid not null,
    lot_id uuid not null,
    criterion_id uuid not null,
    buyer_id uuid not null,
    score numeric(24, 6) not null,
    comment text not null,
    proposed_by uuid not null,
    proposed_at timestamptz not null,
    constraint pk_agreed_scores primary key (procedure_id, bid_id, lot_id, criterion_id),
    constraint fk_agreed_scores_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_agreed_scores_bid_id_judged_bids
        foreign key (bid_id) references judged_bids (bid_id)
);
create index ix_agreed_scores_buyer_id on agreed_scores (buyer_id);

create table bidder_decisions (
    procedure_id uuid not null,
    bidder_id uuid not null,
    buyer_id uuid not null,
    outcome text not null,
    findings jsonb not null,
    decided_by uuid not null,
    decided_at timestamptz not null,
    constraint pk_bidder_decisions primary key (procedure_id, bidder_id),
    constraint fk_bidder_decisions_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_bidder_decisions_buyer_id on bidder_decisions (buyer_id);
create index ix_bidder_decisions_bidder_id on bidder_decisions (bidder_id);

create table supplier_qualifications (
    buyer_id uuid not null,
    supplier_id uuid not null,
    code text not null,
    title text not null,
    valid_until timestamptz not null,
    constraint pk_supplier_qualifications primary key (buyer_id, supplier_id, code)
);
create index ix_supplier_qualifications_supplier_id on supplier_qualifications (supplier_id)
"""
NAMES = (
    "judged_bids",
    "procedure_evaluators",
    "bid_scores",
    "agreed_scores",
    "bidder_decisions",
    "supplier_qualifications",
)
HIDDEN = "('qualification', 'evaluation', 'consensus')"
KNOWN = f"select id from procedures where status not in {HIDDEN}"  # noqa: S608 - no values
JUDGING = "select procedure_id, member_id from procedure_evaluators where status = 'judging'"


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    _scores()
    _qualification()
    _prices(f"bidder_id = app_org() or buyer_id = app_org() and procedure_id in ({KNOWN})")


def _prices(who: str) -> None:
    op.execute("drop policy opened_bids_party on opened_bids")
    policy("opened_bids", API, "opened_bids_party", who, verb="select")


def _scores() -> None:
    own_rows("judged_bids", "select", column="buyer_id")
    all_rows("judged_bids", ENGINE, "select", "insert")
    for table in ("procedure_evaluators", "agreed_scores"):
        own_rows(table, "select", "insert", "update", column="buyer_id")
    # A colleague's score is no row of mine before the scores are locked, nor one to write ever.
    grant("bid_scores", API, "select", "insert", "update")
    own = "buyer_id = app_org() and evaluator_id = app_member()"
    policy("bid_scores", API, "bid_scores_own", own, verb="select")
    locked = (
        "buyer_id = app_org() and procedure_id in "
        "(select id from procedures where scores_locked_at is not null)"
    )
    policy("bid_scores", API, "bid_scores_locked", locked, verb="select")
    judging = f"{own} and (procedure_id, evaluator_id) in ({JUDGING})"
    for verb in ("insert", "update"):
        policy("bid_scores", API, f"bid_scores_{verb}", judging, verb=verb)


def _qualification() -> None:
    own_rows("bidder_decisions", "select", "insert", "update", column="buyer_id")
    # A bidder reads why he is excluded once all are decided on.
    decided = (
        "bidder_id = app_org() and procedure_id in "
        "(select id from procedures where status <> 'qualification')"
    )
    policy("bidder_decisions", API, "bidder_decisions_bidder", decided, verb="select")
    own_rows("supplier_qualifications", "select", "insert", "update", column="buyer_id")
    policy(
        "supplier_qualifications",
        API,
        "supplier_qualifications_supplier",
        "supplier_id = app_org()",
        verb="select",
    )


def downgrade() -> None:
    _prices("buyer_id = app_org() or bidder_id = app_org()")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute(
        "alter table procedures drop column judging, drop column requirements,"
        " drop column scores_locked_at"
    )
    op.execute("drop function app_member()")
