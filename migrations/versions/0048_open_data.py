"""Releases of public procedures, which nobody can change, their feed and their records.

Revision ID: 0048
Revises: 0047
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, protect

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

CHANGES = """
create table ocds_processes (
    procedure_id uuid not null,
    buyer_id uuid not null,
    ocid text not null,
    releases integer not null default 0,
    released_at timestamptz,
    chain bytea not null,
    constraint pk_ocds_processes primary key (procedure_id),
    constraint uq_ocds_processes_ocid unique (ocid),
    constraint fk_ocds_processes_procedure_id_procedures
        foreign key (procedure_id) references procedures (id)
);
create index ix_ocds_processes_buyer_id on ocds_processes (buyer_id);

create table ocds_releases (
    id uuid not null,
    procedure_id uuid not null,
    number integer not null,
    ocid text not null,
    release_id text not null,
    tags text[] not null,
    released_at timestamptz not null,
    document text not null,
    digest bytea not null,
    chain bytea not null,
    constraint pk_ocds_releases primary key (id),
    constraint uq_ocds_releases_procedure_id_number unique (procedure_id, number),
    constraint uq_ocds_releases_release_id unique (release_id),
    constraint fk_ocds_releases_procedure_id_ocds_processes
        foreign key (procedure_id) references ocds_processes (procedure_id)
);
create index ix_ocds_releases_ocid_number on ocds_releases (ocid, number);

create table ocds_feed (
    number bigint not null,
    release_id uuid not null,
    published_at timestamptz not null,
    constraint pk_ocds_feed primary key (number),
    constraint uq_ocds_feed_release_id unique (release_id),
    constraint fk_ocds_feed_release_id_ocds_releases
        foreign key (release_id) references ocds_releases (id)
);
create index ix_ocds_feed_published_at on ocds_feed (published_at, number);

create table ocds_records (
    procedure_id uuid not null,
    ocid text not null,
    releases integer not null,
    compiled text not null,
    digest bytea not null,
    merged_at timestamptz not null,
    constraint pk_ocds_records primary key (procedure_id),
    constraint uq_ocds_records_ocid unique (ocid),
    constraint fk_ocds_records_procedure_id_ocds_processes
        foreign key (procedure_id) references ocds_processes (procedure_id)
);

create index ix_awards_contract_id on awards (contract_id)
"""
KEEP = """
create function keep_what_was_published() returns trigger language plpgsql as
$$ begin raise exception 'what was published is never changed'; end $$
"""
NAMES = ("ocds_processes", "ocds_releases", "ocds_feed", "ocds_records")


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        op.execute(statement)
    op.execute(KEEP)
    for table in ("ocds_releases", "ocds_feed"):
        op.execute(
            f"create trigger keep_what_was_published before update or delete or truncate on {table}"
            " for each statement execute function keep_what_was_published()"
        )
    protect(*NAMES)
    all_rows("ocds_processes", ENGINE, "select", "insert", "update")
    all_rows("ocds_releases", ENGINE, "select", "insert")
    all_rows("ocds_releases", WORKER, "select")
    all_rows("ocds_feed", WORKER, "select", "insert")
    all_rows("ocds_records", WORKER, "select", "insert", "update")
    # Everybody reads what is public, whoever he acts for; nobody writes it as somebody.
    for table in ("ocds_releases", "ocds_feed", "ocds_records"):
        all_rows(table, API, "select")


def downgrade() -> None:
    op.execute("drop index ix_awards_contract_id")
    for table in reversed(NAMES):
        op.execute(f"drop table {table}")
    op.execute("drop function keep_what_was_published()")
