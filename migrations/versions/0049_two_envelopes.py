"""Two envelopes, and what a member of a panel sees by his declaration of interests.

Revision ID: 0049
Revises: 0048
"""

from alembic import op

from migrations.security import API, ENGINE, grant, own_rows, policy, protect

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

CHANGES = """
alter table procedures add column prices_opened_at timestamptz;
alter table sealed_bids
    add column technical_commitment bytea,
    add column financial_commitment bytea;
alter table opened_bids
    add column technical_commitment bytea,
    add column financial_commitment bytea;
alter table sealed_attachments add column part text not null default 'whole';
alter table opened_attachments add column part text not null default 'whole';
create index ix_procedure_evaluators_member_id on procedure_evaluators (member_id);

create table sealed_prices (
    bid_id uuid not null,
    version integer not null,
    procedure_id uuid not null,
    bidder_id uuid not null,
    ephemeral_key bytea not null,
    wrapped_key bytea not null,
    ciphertext bytea not null,
    constraint pk_sealed_prices primary key (bid_id, version),
    constraint fk_sealed_prices_bid_id_sealed_bids
        foreign key (bid_id, version) references sealed_bids (id, version)
);
create index ix_sealed_prices_procedure_id on sealed_prices (procedure_id);
create index ix_sealed_prices_bidder_id on sealed_prices (bidder_id);

create table technical_results (
    bid_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    passed boolean not null,
    lot_ids uuid[] not null,
    reason text not null,
    constraint pk_technical_results primary key (bid_id),
    constraint fk_technical_results_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id),
    constraint fk_technical_results_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_technical_results_procedure_id on technical_results (procedure_id);
create index ix_technical_results_buyer_id on technical_results (buyer_id);
create index ix_technical_results_bidder_id on technical_results (bidder_id);

create table opened_prices (
    bid_id uuid not null,
    procedure_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    nonce bytea,
    content text,
    invalid_reason text,
    constraint pk_opened_prices primary key (bid_id),
    constraint fk_opened_prices_bid_id_opened_bids
        foreign key (bid_id) references opened_bids (id),
    constraint fk_opened_prices_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_opened_prices_procedure_id on opened_prices (procedure_id);
create index ix_opened_prices_buyer_id on opened_prices (buyer_id);
create index ix_opened_prices_bidder_id on opened_prices (bidder_id)
"""
NAMES = ("sealed_prices", "technical_results", "opened_prices")
PARTS = "technical_commitment, financial_commitment"
JUDGED = "'qualification', 'evaluation', 'consensus'"
HIDDEN = f"({JUDGED}, 'locked')"
KNOWN = f"select id from procedures where status not in {HIDDEN}"  # noqa: S608 - no values
# Who sits on a panel and has not declared, or has a conflict, sees nothing of what it judges.
BARRED = f"""
    select e.procedure_id from procedure_evaluators e join procedures p on p.id = e.procedure_id
    where e.member_id = app_member() and e.status in ('named', 'conflicted')
        and p.status in {HIDDEN}
"""  # noqa: S608 - no values
BUYER = "buyer_id = app_org()"


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    _sealed()
    _opened()
    op.execute("drop policy opened_bids_party on opened_bids")
    policy("opened_bids", API, "opened_bids_party", _party(KNOWN), verb="select")
    op.execute("drop policy opened_attachments_party on opened_attachments")
    technical = f"part = 'technical' and procedure_id not in ({BARRED})"
    shown = f"bidder_id = app_org() or {BUYER} and (procedure_id in ({KNOWN}) or {technical})"
    policy("opened_attachments", API, "opened_attachments_party", shown, verb="select")
    _panel()


def _party(known: str) -> str:
    return f"bidder_id = app_org() or {BUYER} and procedure_id in ({known})"


def _sealed() -> None:
    op.execute(f"grant select ({PARTS}) on sealed_bids to {API}")
    op.execute(f"grant select (part) on sealed_attachments to {API}")
    # The bidder writes it and nobody reads it, the engine only of who passed, and only then.
    grant("sealed_prices", API, "insert")
    policy("sealed_prices", API, "sealed_prices_bidder", "bidder_id = app_org()", verb="insert")
    grant("sealed_prices", ENGINE, "select")
    passed = (
        "procedure_id in (select id from procedures where status = 'locked')"
        " and bid_id in (select bid_id from technical_results where passed)"
    )
    policy("sealed_prices", ENGINE, "sealed_prices_passed", passed, verb="select")


def _opened() -> None:
    own_rows("technical_results", "select", "insert", column="buyer_id")
    bidder = "bidder_id = app_org()"
    policy("technical_results", API, "technical_results_bidder", bidder, verb="select")
    grant("technical_results", ENGINE, "select")
    policy("technical_results", ENGINE, "technical_results_engine", "true")
    grant("opened_prices", API, "select")
    policy("opened_prices", API, "opened_prices_party", _party(KNOWN), verb="select")
    grant("opened_prices", ENGINE, "select", "insert")
    policy("opened_prices", ENGINE, "opened_prices_engine", "true")


def _panel() -> None:
    free = f"{BUYER} and procedure_id not in ({BARRED})"
    op.execute("drop policy judged_bids_own on judged_bids")
    policy("judged_bids", API, "judged_bids_own", free, verb="select")
    op.execute("drop policy bid_scores_locked on bid_scores")
    locked = "procedure_id in (select id from procedures where scores_locked_at is not null)"
    policy("bid_scores", API, "bid_scores_locked", f"{free} and {locked}", verb="select")
    op.execute("drop policy agreed_scores_own on agreed_scores")
    policy("agreed_scores", API, "agreed_scores_own", free, verb="select")
    who = "select procedure_id, member_id from procedure_evaluators where status = 'handed_in'"
    judged = f"{BUYER} and (procedure_id, app_member()) in ({who})"
    for verb in ("insert", "update"):
        policy("agreed_scores", API, f"agreed_scores_{verb}", judged, verb=verb)


def downgrade() -> None:
    for verb in ("insert", "update"):
        op.execute(f"drop policy agreed_scores_{verb} on agreed_scores")
    known = f"select id from procedures where status not in ({JUDGED})"  # noqa: S608
    locked = "select id from procedures where scores_locked_at is not null"
    before = {
        ("agreed_scores", "agreed_scores_own", "all"): BUYER,
        ("bid_scores", "bid_scores_locked", "select"): f"{BUYER} and procedure_id in ({locked})",
        ("judged_bids", "judged_bids_own", "all"): BUYER,
        ("opened_attachments", "opened_attachments_party", "select"): (
            f"{BUYER} or bidder_id = app_org()"
        ),
        ("opened_bids", "opened_bids_party", "select"): _party(known),
    }
    for (table, name, verb), using in before.items():
        op.execute(f"drop policy {name} on {table}")
        policy(table, API, name, using, verb=verb)
    for table in NAMES:
        op.execute(f"drop table {table}")
    op.execute("drop index ix_procedure_evaluators_member_id")
    for table in ("opened_attachments", "sealed_attachments"):
        op.execute(f"alter table {table} drop column part")
    for table in ("opened_bids", "sealed_bids"):
        for column in PARTS.split(", "):
            op.execute(f"alter table {table} drop column {column}")
    op.execute("alter table procedures drop column prices_opened_at")
