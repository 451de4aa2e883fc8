"""What suppliers tell of products: they keep their own proposals, and suggest for all others.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

from migrations.security import API, ENGINE, WORKER, all_rows, own_rows, policy, protect

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
create table product_suggestions (
    id uuid not null,
    product_id uuid not null,
    supplier_id uuid not null,
    content jsonb not null,
    state text not null default 'open',
    reason text not null default '',
    version integer not null default 1,
    created_at timestamptz not null default clock(),
    updated_at timestamptz not null default clock(),
    constraint pk_product_suggestions primary key (id),
    constraint fk_product_suggestions_product_id_products foreign key (product_id)
        references products (id),
    constraint ck_product_suggestions_state check (state in ('open', 'taken', 'declined'))
);
create unique index uq_product_suggestions_open on product_suggestions (product_id, supplier_id)
    where state = 'open';
create index ix_product_suggestions_supplier_id on product_suggestions (supplier_id, id);
create index ix_product_suggestions_state on product_suggestions (state, id);

create table product_sources (
    organization_id uuid not null,
    product_id uuid not null,
    source_version bigint not null,
    constraint pk_product_sources primary key (organization_id, product_id),
    constraint fk_product_sources_product_id_products foreign key (product_id)
        references products (id)
)
"""
CONTENT = ("product_texts", "product_codes", "product_media")
OWN_PROPOSAL = "proposed_by = (select app_org()) and state = 'proposed'"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect("product_suggestions", "product_sources")
    own_rows("product_suggestions", "select", "insert", "update", "delete", column="supplier_id")
    for verb in ("select", "update"):
        policy(
            "product_suggestions",
            API,
            f"product_suggestions_operator_{verb}",
            "(select app_is_operator())",
            verb=verb,
        )
    all_rows("product_suggestions", WORKER, "select")
    all_rows("product_suggestions", ENGINE, "select")
    own_rows("product_sources")
    # Who proposed a product tells of it until the operator takes it in.
    policy("products", API, "products_proposer", OWN_PROPOSAL, verb="update")
    for table in CONTENT:
        proposal = f"exists (select from products p where p.id = product_id and p.{OWN_PROPOSAL})"
        for verb in ("insert", "update", "delete"):
            policy(table, API, f"{table}_proposer_{verb}", proposal, verb=verb)


def downgrade() -> None:
    for table in CONTENT:
        for verb in ("insert", "update", "delete"):
            op.execute(f"drop policy {table}_proposer_{verb} on {table}")
    op.execute("drop policy products_proposer on products")
    op.execute("drop table product_sources")
    op.execute("drop table product_suggestions")
