"""Categories with typed attributes; texts, relations, codes and media of products.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, grant, policy, protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
create table categories (
    id uuid not null,
    parent_id uuid,
    code text not null,
    names jsonb not null,
    path uuid[] not null,
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    constraint pk_categories primary key (id),
    constraint uq_categories_code unique (code),
    constraint fk_categories_parent_id_categories foreign key (parent_id) references categories (id)
);
create index ix_categories_parent_id on categories (parent_id);
create index ix_categories_path on categories using gin (path);

create table category_attributes (
    category_id uuid not null,
    code text not null,
    kind text not null,
    unit text,
    required boolean not null,
    options jsonb not null,
    names jsonb not null,
    position integer not null,
    constraint pk_category_attributes primary key (category_id, code),
    constraint fk_category_attributes_category_id_categories foreign key (category_id)
        references categories (id),
    constraint ck_category_attributes_kind check (kind in ('text', 'number', 'enum', 'boolean'))
);

alter table products
    drop constraint ck_products_state,
    add column category_id uuid,
    add column attributes jsonb not null default '{}',
    add column replacement_id uuid,
    add column merged_into uuid,
    add constraint ck_products_state
        check (state in ('proposed', 'draft', 'active', 'discontinued')),
    add constraint ck_products_only_discontinued_is_replaced
        check (state = 'discontinued' or (replacement_id is null and merged_into is null)),
    add constraint ck_products_not_its_own check (replacement_id <> id and merged_into <> id),
    add constraint fk_products_category_id_categories
        foreign key (category_id) references categories (id),
    add constraint fk_products_replacement_id_products
        foreign key (replacement_id) references products (id),
    add constraint fk_products_merged_into_products
        foreign key (merged_into) references products (id);
create index ix_products_category_id on products (category_id, name, id);
create index ix_products_proposed on products (id) where state = 'proposed';
create index ix_products_replacement_id on products (replacement_id)
    where replacement_id is not null;
create index ix_products_merged_into on products (merged_into) where merged_into is not null;

create table product_texts (
    product_id uuid not null,
    language text not null,
    name text not null,
    description text not null,
    keywords text[] not null,
    constraint pk_product_texts primary key (product_id, language),
    constraint fk_product_texts_product_id_products foreign key (product_id)
        references products (id)
);

create table product_relations (
    product_id uuid not null,
    related_id uuid not null,
    kind text not null,
    position integer not null,
    constraint pk_product_relations primary key (product_id, related_id, kind),
    constraint fk_product_relations_product_id_products foreign key (product_id)
        references products (id),
    constraint fk_product_relations_related_id_products foreign key (related_id)
        references products (id),
    constraint ck_product_relations_kind
        check (kind in ('accessory', 'spare_part', 'substitute', 'bundle')),
    constraint ck_product_relations_not_itself check (product_id <> related_id)
);
create index ix_product_relations_related_id on product_relations (related_id);

create table product_codes (
    product_id uuid not null,
    scheme text not null,
    version text not null default '',
    code text not null,
    constraint pk_product_codes primary key (product_id, scheme, version),
    constraint fk_product_codes_product_id_products foreign key (product_id)
        references products (id)
);
create index ix_product_codes_scheme_code on product_codes (scheme, code);

create table product_media (
    product_id uuid not null,
    position integer not null,
    kind text not null,
    url text,
    file_key text,
    title text not null default '',
    constraint pk_product_media primary key (product_id, position),
    constraint fk_product_media_product_id_products foreign key (product_id)
        references products (id),
    constraint ck_product_media_kind check (kind in (
        'image', 'datasheet', 'safety_data_sheet', 'certificate', 'drawing', 'manual', 'video',
        'other')),
    constraint ck_product_media_url_or_file check (num_nonnulls(url, file_key) = 1)
);
"""

NAMES = (
    "categories",
    "category_attributes",
    "product_texts",
    "product_relations",
    "product_codes",
    "product_media",
)
OPERATOR = "(select app_is_operator())"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(*NAMES)
    for table in NAMES:
        grant(table, API, "select", "insert", "update", "delete")
        policy(table, API, f"{table}_public", "true", verb="select")
        for verb in ("insert", "update", "delete"):
            policy(table, API, f"{table}_operator_{verb}", OPERATOR, verb=verb)
        all_rows(table, WORKER, "select")
        all_rows(table, ENGINE, "select")
        op.execute(
            f"create trigger count_catalog_change after insert or update or delete on {table} "
            "for each statement execute function count_catalog_change()"
        )
    # The offers of a product that turned out to be another follow it; nothing else of them changes.
    op.execute(f"grant update (product_id, version, updated_at) on offers to {ENGINE}")


def downgrade() -> None:
    op.execute(f"revoke update (product_id, version, updated_at) on offers from {ENGINE}")
    for table in reversed(NAMES[2:]):
        op.execute(f"drop table {table}")
    op.execute(
        "alter table products drop column category_id, drop column attributes, "
        "drop column replacement_id, drop column merged_into, drop constraint ck_products_state"
    )
    op.execute("update products set state = 'proposed' where state = 'draft'")
    op.execute(
        "alter table products add constraint ck_products_state "
        "check (state in ('proposed', 'active', 'discontinued'))"
    )
    op.execute("drop table category_attributes")
    op.execute("drop table categories")
