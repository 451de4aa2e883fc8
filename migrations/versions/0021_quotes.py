"""Quotes; and the level of what contracts price, which an accepted quote's is.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

from migrations.security import API, grant, policy, protect

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

QUOTES = """
create table quotes (
    id uuid not null,
    supplier_id uuid not null,
    buyer_id uuid not null,
    unit_id uuid,
    title text not null,
    note text not null,
    currency text not null,
    time_zone text not null,
    last_day date not null,
    valid_until timestamptz not null,
    lines jsonb not null,
    content_hash bytea not null,
    state text not null,
    version integer not null default 1,
    made_by uuid not null,
    created_at timestamptz not null default clock(),
    sent_at timestamptz,
    approval_id uuid,
    answered_by uuid,
    answered_at timestamptz,
    reason text not null,
    contract_id uuid,
    constraint pk_quotes primary key (id),
    constraint ck_quotes_state check (
        state in ('in_approval', 'open', 'accepted', 'declined', 'withdrawn')),
    constraint ck_quotes_contract check ((state = 'accepted') = (contract_id is not null)),
    constraint ck_quotes_sent check (
        sent_at is not null or state in ('in_approval', 'withdrawn'))
);
create index ix_quotes_buyer_id_id on quotes (buyer_id, id);
create index ix_quotes_supplier_id_id on quotes (supplier_id, id)
"""
# What is not sent its buyer never sees.
PARTY = "(supplier_id = app_org() or (buyer_id = app_org() and sent_at is not null))"


def upgrade() -> None:
    op.execute(
        "alter table contract_prices add column level text not null default 'contract' "
        "constraint ck_contract_prices_level check (level in ('contract', 'quote'))"
    )
    for statement in QUOTES.split(";\n"):
        op.execute(statement)
    protect("quotes")
    # What is offered neither side changes.
    changing = "state, version, sent_at, answered_by, answered_at, reason, contract_id"
    grant("quotes", API, "select", "insert", f"update ({changing})")
    policy("quotes", API, "quotes_read", PARTY, verb="select")
    policy("quotes", API, "quotes_write", "supplier_id = app_org()", verb="insert")
    policy("quotes", API, "quotes_change", PARTY, verb="update")
    op.execute("alter table cart_lines add column quote_id uuid")


def downgrade() -> None:
    op.execute("alter table cart_lines drop column quote_id")
    op.execute("drop table quotes")
    op.execute("alter table contract_prices drop column level")
