"""Media that were uploaded, and products that show them.

Revision ID: 0061
Revises: 0060
"""

from alembic import op

from migrations.security import API, WORKER, all_rows, own_rows, policy, protect

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

TABLE = """
create table media (
    id uuid not null,
    owner_id uuid not null,
    digest bytea not null,
    media_type text not null,
    size_bytes bigint not null,
    file_name text not null,
    uploaded_by uuid not null,
    uploaded_at timestamptz not null,
    stored_at timestamptz,
    constraint pk_media primary key (id),
    constraint uq_media_owner_id_digest unique (owner_id, digest)
);
create index ix_media_owner_id_id on media (owner_id, id);
alter table product_media drop constraint ck_product_media_url_or_file;
alter table product_media drop column file_key;
alter table product_media add column medium_id uuid;
alter table product_media add constraint ck_product_media_url_or_medium
    check (num_nonnulls(url, medium_id) = 1);
alter table product_media add constraint fk_product_media_medium_id_media
    foreign key (medium_id) references media (id);
create index ix_product_media_medium_id on product_media (medium_id) where medium_id is not null
"""
BACK = """
drop policy media_shown on media;
delete from product_media where medium_id is not null;
alter table product_media drop constraint ck_product_media_url_or_medium;
alter table product_media drop column medium_id;
alter table product_media add column file_key text;
alter table product_media add constraint ck_product_media_url_or_file
    check (num_nonnulls(url, file_key) = 1);
drop table media
"""


def upgrade() -> None:
    for statement in TABLE.split(";\n"):
        op.execute(statement)
    protect("media")
    own_rows("media", "select", "insert", "delete", column="owner_id")
    op.execute(f"grant update (uploaded_at, stored_at) on media to {API}")
    # Which products somebody knows of, and so which media, is a rule of products (`known_to`).
    # A scalar sub-select: looked up by key for each row. With `exists` all would be read first.
    shown = "(select true from product_media shown where shown.medium_id = media.id limit 1)"
    policy("media", API, "media_shown", shown, verb="select")
    for verb in ("select", "delete"):
        policy("media", API, f"media_operator_{verb}", "(select app_is_operator())", verb=verb)
    all_rows("media", WORKER, "select", "delete")


def downgrade() -> None:
    # Uploads are lost; they had no place before. Row security binds the owner of the table too.
    op.execute("alter table product_media no force row level security")
    for statement in BACK.split(";\n"):
        op.execute(statement)
    op.execute("alter table product_media force row level security")
