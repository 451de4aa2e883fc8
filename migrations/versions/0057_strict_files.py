"""Strict procedures: keys of the financial envelopes, and files that are looked at once opened.

Revision ID: 0057
Revises: 0056
"""

from alembic import op

from migrations.security import ENGINE

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

KEYS = ("financial_buyer_key", "financial_auditor_key", "financial_sealing_key")
FOUND = "kind, size_bytes, invalid_reason"


def upgrade() -> None:
    for key in KEYS:
        op.execute(f"alter table procedures add column {key} bytea")
    # What a client sealed nobody could look at before: it is found out after the opening.
    op.execute(f"grant update ({FOUND}) on opened_attachments to {ENGINE}")


def downgrade() -> None:
    op.execute(f"revoke update ({FOUND}) on opened_attachments from {ENGINE}")
    for key in KEYS:
        op.execute(f"alter table procedures drop column {key}")
