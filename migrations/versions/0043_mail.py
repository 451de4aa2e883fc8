"""Mail that events send, and who does not want it.

Revision ID: 0043
Revises: 0042
"""

from alembic import op

from migrations.security import own_rows, protect

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TABLES = """
create table mails (
    id uuid not null,
    organization_id uuid not null,
    member_id uuid not null,
    event_number bigint not null,
    made_at timestamptz not null,
    sent_at timestamptz,
    refused text,
    constraint pk_mails primary key (id),
    constraint uq_mails_event_number_member_id unique (event_number, member_id)
);
create index ix_mails_organization_id_id on mails (organization_id, id);

create table mail_preferences (
    member_id uuid not null,
    organization_id uuid not null,
    muted text[] not null,
    changed_at timestamptz not null,
    constraint pk_mail_preferences primary key (member_id)
);
create index ix_mail_preferences_organization_id on mail_preferences (organization_id)
"""
NAMES = ("mails", "mail_preferences")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    protect(*NAMES)
    for table in NAMES:
        own_rows(table, "select", "insert", "update")


def downgrade() -> None:
    for table in NAMES:
        op.execute(f"drop table {table}")
