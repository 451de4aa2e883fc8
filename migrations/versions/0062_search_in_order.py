"""Read what is searched for without words in the order of names, and open offers by lead time.

Revision ID: 0062
Revises: 0061
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

NAMES = """
create index ix_search_documents_name on search_documents (name collate "C", product_id)
"""
LEAD_TIMES = """
create index ix_offers_lead_time_days on offers (lead_time_days)
where state = 'active' and audience_id = '00000000-0000-0000-0000-000000000000'::uuid
"""


def upgrade() -> None:
    op.execute(NAMES)
    op.execute(LEAD_TIMES)


def downgrade() -> None:
    op.execute("drop index ix_offers_lead_time_days")
    op.execute("drop index ix_search_documents_name")
