"""Margin floors of a supplier's offers.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

from migrations.security import own_rows, protect

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

FLOORS = """
create table margin_floors (
    offer_id uuid not null,
    unit text not null,
    currency text not null,
    supplier_id uuid not null,
    amount numeric(24, 6) not null,
    created_at timestamptz not null default clock(),
    constraint pk_margin_floors primary key (offer_id, unit, currency),
    constraint fk_margin_floors_offer_id_offers foreign key (offer_id) references offers (id)
)
"""


def upgrade() -> None:
    op.execute(FLOORS)
    op.execute("create index ix_margin_floors_supplier_id on margin_floors (supplier_id)")
    protect("margin_floors")
    # Whose floors they are alone: no other role reads them either.
    own_rows("margin_floors", column="supplier_id")


def downgrade() -> None:
    op.execute("drop table margin_floors")
