"""Awards in steps: proposals, notices, complaints, policies; contracts that wait for signatures.

Revision ID: 0038
Revises: 0037
"""

from alembic import op

from migrations.security import (
    API,
    ENGINE,
    all_rows,
    all_rows_seen,
    grant,
    own_rows,
    policy,
    protect,
)

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TABLES = """
alter table procedures
    add column award_division text not null default 'lot',
    add column award_shares integer[] not null default '{}',
    add column standstill_days integer not null default 0,
    add column time_zone text not null default 'UTC',
    add column signatures boolean not null default false;

create table award_proposals (
    id uuid not null,
    version integer not null default 1,
    procedure_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    status text not null,
    reason text not null,
    total numeric(24, 6) not null,
    currency text not null,
    first_day date,
    last_day date not null,
    time_zone text not null,
    computation jsonb not null,
    approval_id uuid,
    standstill_until timestamptz,
    ended_because text,
    proposed_by uuid not null,
    proposed_at timestamptz not null,
    settled_at timestamptz,
    constraint pk_award_proposals primary key (id),
    constraint fk_award_proposals_procedure_id_procedures
        foreign key (procedure_id) references procedures (id),
    constraint fk_award_proposals_lot_id_procedure_lots
        foreign key (lot_id) references procedure_lots (id)
);
create index ix_award_proposals_procedure_id_id on award_proposals (procedure_id, id);
create index ix_award_proposals_buyer_id on award_proposals (buyer_id);
create unique index uq_award_proposals_lot_id_under_way on award_proposals (lot_id)
    where status in ('proposed', 'in_approval', 'standstill');

create table award_notices (
    proposal_id uuid not null,
    bidder_id uuid not null,
    procedure_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    won boolean not null,
    rank integer,
    reasons text[] not null,
    notified_at timestamptz not null,
    standstill_until timestamptz,
    withdrawn_at timestamptz,
    constraint pk_award_notices primary key (proposal_id, bidder_id),
    constraint fk_award_notices_proposal_id_award_proposals
        foreign key (proposal_id) references award_proposals (id)
);
create index ix_award_notices_procedure_id on award_notices (procedure_id);
create index ix_award_notices_buyer_id on award_notices (buyer_id);
create index ix_award_notices_bidder_id on award_notices (bidder_id);

create table award_complaints (
    id uuid not null,
    version integer not null default 1,
    proposal_id uuid not null,
    procedure_id uuid not null,
    lot_id uuid not null,
    buyer_id uuid not null,
    bidder_id uuid not null,
    status text not null,
    complaint text not null,
    answer text,
    filed_at timestamptz not null,
    answered_at timestamptz,
    constraint pk_award_complaints primary key (id),
    constraint uq_award_complaints_proposal_id_bidder_id unique (proposal_id, bidder_id),
    constraint fk_award_complaints_proposal_id_award_proposals
        foreign key (proposal_id) references award_proposals (id)
);
create index ix_award_complaints_procedure_id_id on award_complaints (procedure_id, id);
create index ix_award_complaints_buyer_id on award_complaints (buyer_id);
create index ix_award_complaints_bidder_id on award_complaints (bidder_id);

create table award_policies (
    organization_id uuid not null,
    version integer not null default 1,
    approval_above numeric(24, 6),
    currency text,
    changed_by uuid not null,
    changed_at timestamptz not null,
    constraint pk_award_policies primary key (organization_id),
    constraint ck_award_policies_threshold check ((approval_above is null) = (currency is null))
);

create table contract_signatures (
    contract_id uuid not null,
    organization_id uuid not null,
    buyer_id uuid not null,
    supplier_id uuid not null,
    member_id uuid not null,
    content_hash bytea not null,
    signed_at timestamptz not null,
    constraint pk_contract_signatures primary key (contract_id, organization_id),
    constraint fk_contract_signatures_contract_id_contracts
        foreign key (contract_id) references contracts (id)
);
create index ix_contract_signatures_buyer_id on contract_signatures (buyer_id);
create index ix_contract_signatures_supplier_id on contract_signatures (supplier_id)
"""

# What was awarded before was one decision with one winner, in force at once.
BEFORE = (
    """
insert into award_proposals (id, procedure_id, lot_id, buyer_id, status, reason, total, currency,
    first_day, last_day, time_zone, computation, proposed_by, proposed_at, settled_at)
select a.id, a.procedure_id, a.lot_id, a.buyer_id, 'awarded', a.reason, a.total, a.currency,
    c.first_day, c.last_day, c.time_zone, '{}', a.awarded_by, a.awarded_at, a.awarded_at
from awards a join contracts c on c.id = a.contract_id
""",
    """
insert into award_notices (proposal_id, bidder_id, procedure_id, lot_id, buyer_id, won, rank,
    reasons, notified_at)
select id, supplier_id, procedure_id, lot_id, buyer_id, true, rank, '{}', awarded_at from awards
""",
)
AWARDS = """
alter table awards
    add column proposal_id uuid,
    add column status text not null default 'awarded',
    add column share integer,
    add column cause text,
    add column ended_because text,
    add column ended_at timestamptz,
    add column released_at timestamptz;
update awards set proposal_id = id;
alter table awards
    alter column status drop default,
    alter column proposal_id set not null,
    alter column contract_id drop not null,
    alter column content_hash drop not null,
    alter column awarded_at drop not null,
    drop constraint uq_awards_lot_id,
    add constraint uq_awards_proposal_id_supplier_id unique (proposal_id, supplier_id),
    add constraint fk_awards_proposal_id_award_proposals
        foreign key (proposal_id) references award_proposals (id),
    add constraint ck_awards_contract
        check (awarded_at is null or (contract_id is not null and content_hash is not null));
create index ix_awards_lot_id on awards (lot_id);
alter table award_lines
    add column quantity numeric(24, 6),
    add column terms jsonb,
    alter column sku drop not null;
update award_lines set quantity = (
    select quantity from procedure_lines p where p.id = award_lines.line_id
);
alter table award_lines alter column quantity set not null
"""
# What moves a contract are these two columns and nothing else: signing is for both parties, ending
# for the buyer. Whether it may move at all is for the rules (marketplace.contracts.rules).
MOVE = """
create function move_contract(of_contract uuid, at_version integer, target text, at timestamptz)
returns integer language sql volatile security definer set search_path = public, pg_temp as
$$
    with moved as (
        update contracts c
        set state = target, version = c.version + 1,
            concluded_at = case target when 'active' then at else c.concluded_at end
        where c.id = of_contract and c.version = at_version
          and ((target = 'active' and c.state = 'signing'
                and app_org() in (c.buyer_id, c.supplier_id)
                and 2 = (select count(*) from contract_signatures s
                         where s.contract_id = c.id))
            or (target = 'terminated' and c.buyer_id = app_org()))
        returning c.id, c.version
    ), priced as (
        update contract_prices p set state = target from moved where p.contract_id = moved.id
    )
    select version from moved
$$
"""
NAMES = (
    "award_proposals",
    "award_notices",
    "award_complaints",
    "award_policies",
    "contract_signatures",
)
FORCED = ("awards", "award_lines", "contracts", "procedure_lines", "award_proposals")
PARTY = "(buyer_id = app_org() or supplier_id = app_org())"


def upgrade() -> None:
    _run(TABLES)
    with all_rows_seen(*FORCED):
        for statement in (*BEFORE, *AWARDS.split(";\n")):
            op.execute(statement)
    protect(*NAMES)
    own_rows("award_proposals", "select", "insert", "update", column="buyer_id")
    all_rows("award_proposals", ENGINE, "select")
    _awards()
    own_rows("award_notices", "select", "insert", "update", column="buyer_id")
    policy("award_notices", API, "award_notices_bidder", "bidder_id = app_org()", verb="select")
    grant("award_complaints", API, "select", "insert", "update")
    for verb in ("select", "update"):
        policy(
            "award_complaints", API, f"award_complaints_{verb}", "buyer_id = app_org()", verb=verb
        )
    policy("award_complaints", API, "award_complaints_own", "bidder_id = app_org()", verb="select")
    # Who was told may complain: the notice is his own row.
    told = "proposal_id in (select proposal_id from award_notices where bidder_id = app_org())"
    policy(
        "award_complaints",
        API,
        "award_complaints_file",
        f"bidder_id = app_org() and status = 'filed' and {told}",
        verb="insert",
    )
    own_rows("award_policies", "select", "insert", "update")
    grant("contract_signatures", API, "select", "insert")
    policy("contract_signatures", API, "contract_signatures_read", PARTY, verb="select")
    own = f"organization_id = app_org() and {PARTY}"
    policy("contract_signatures", API, "contract_signatures_sign", own, verb="insert")
    op.execute(MOVE)
    # It acts as the tables' owner, whom forced row security binds as it does all; of suppliers'
    # contracts the owner is let see and write already (0024).
    for table in ("contracts", "contract_prices"):
        for verb in ("select", "update"):
            op.execute(
                f"create policy {table}_owner_move_{verb} on {table} for {verb} to current_user "
                "using (buyer_id = app_org())"
            )
    op.execute(
        "create policy contract_signatures_owner on contract_signatures for select "
        f"to current_user using {PARTY}"
    )
    signature = "move_contract(uuid, integer, text, timestamptz)"
    op.execute(f"revoke all on function {signature} from public")
    op.execute(f"grant execute on function {signature} to {API}")


def _awards() -> None:
    all_rows("awards", ENGINE, "select")
    grant("awards", API, "update")
    grant("award_lines", API, "update (sku)")
    # Nobody learns that he would win before he is told: the notice is there from then on.
    for table in ("awards", "award_lines"):
        op.execute(f"drop policy {table}_supplier on {table}")
    told = "proposal_id in (select proposal_id from award_notices where bidder_id = app_org())"
    policy("awards", API, "awards_supplier", f"supplier_id = app_org() and {told}", verb="select")
    # A winner's hand says no, and nothing else.
    policy(
        "awards",
        API,
        "awards_decline",
        "supplier_id = app_org() and status in ('proposed', 'awarded')",
        verb="update",
        check="supplier_id = app_org() and status = 'declined'",
    )
    shown = "supplier_id = app_org() and award_id in (select id from awards)"
    policy("award_lines", API, "award_lines_supplier", shown, verb="select")


def _run(statements: str) -> None:
    for statement in statements.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function move_contract(uuid, integer, text, timestamptz)")
    for table in ("contracts", "contract_prices"):
        for verb in ("select", "update"):
            op.execute(f"drop policy {table}_owner_move_{verb} on {table}")
    for table in ("awards", "award_lines"):
        op.execute(f"drop policy {table}_supplier on {table}")
    op.execute("drop policy awards_decline on awards")
    op.execute("drop policy awards_engine on awards")
    op.execute("revoke update on awards from marketplace_api")
    op.execute("revoke select on awards from marketplace_engine")
    op.execute("revoke update on award_lines from marketplace_api")
    for table in ("awards", "award_lines"):
        policy(table, API, f"{table}_supplier", "supplier_id = app_org()", verb="select")
    with all_rows_seen(*FORCED):
        _run(BACK)
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute(
        "alter table procedures drop column award_division, drop column award_shares, "
        "drop column standstill_days, drop column time_zone, drop column signatures"
    )


# One award per lot is all the tables before could hold: the first that stands of each.
BACK = """
delete from award_lines where award_id in (
    select id from awards where awarded_at is null or id not in (
        select (array_agg(id order by rank))[1] from awards
        where status = 'awarded' group by lot_id));
delete from awards where awarded_at is null or id not in (
    select (array_agg(id order by rank))[1] from awards where status = 'awarded' group by lot_id);
drop index ix_awards_lot_id;
alter table awards
    drop constraint ck_awards_contract,
    drop constraint uq_awards_proposal_id_supplier_id,
    drop column proposal_id,
    drop column status,
    drop column share,
    drop column cause,
    drop column ended_because,
    drop column ended_at,
    drop column released_at,
    alter column contract_id set not null,
    alter column content_hash set not null,
    alter column awarded_at set not null,
    add constraint uq_awards_lot_id unique (lot_id);
delete from award_lines where sku is null;
alter table award_lines
    drop column quantity,
    drop column terms,
    alter column sku set not null
"""
