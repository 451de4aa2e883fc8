"""What lies below the root of an opening, so that anybody can check it.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

from migrations.security import all_rows_seen

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# What became of a bid after the close is not what it was at the close.
ENTRIES = """
update procedures set bid_entries = coalesce(
    (
        select jsonb_agg(
            jsonb_build_object(
                'commitment', encode(commitment, 'hex'),
                'status', case when status in ('opened', 'invalid') then 'live' else status end
            )
            order by commitment
        )
        from sealed_bids where procedure_id = procedures.id
    ),
    '[]'
)
where bids_root is not null
"""


def upgrade() -> None:
    op.execute("alter table procedures add column bid_entries jsonb")
    with all_rows_seen("procedures", "sealed_bids"):
        op.execute(ENTRIES)
    op.execute("alter table procedures drop column bid_leaves")


def downgrade() -> None:
    op.execute("alter table procedures add column bid_leaves text[]")
    op.execute("alter table procedures drop column bid_entries")
