"""Documents are a part of a procedure's terms; what no terms name is forgotten after a while.

Revision ID: 0045
Revises: 0044
"""

from alembic import op

from migrations.security import API, ENGINE, all_rows_seen, grant, policy

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

CHANGES = (
    "alter table procedures add column documents jsonb not null default '[]'",
    """
    alter table procedure_documents
        add column terms_from integer,
        add column kept_until timestamptz
    """,
)
# What was there before was seen by all who saw the procedure.
BEFORE = (
    "update procedure_documents d set terms_from = 1",
    """
    update procedures p set documents = found.documents
    from (
        select procedure_id, jsonb_agg(
            jsonb_build_object('id', id, 'name', name, 'sha256', encode(digest, 'hex'))
            order by id
        ) as documents
        from procedure_documents group by procedure_id
    ) found where found.procedure_id = p.id
    """,
)
VISIBLE = "procedure_id in (select id from procedures)"


def upgrade() -> None:
    for statement in CHANGES:
        op.execute(statement)
    with all_rows_seen("procedures", "procedure_documents"):
        for statement in BEFORE:
            op.execute(statement)
    grant("procedure_documents", API, "update")
    op.execute(f"revoke delete on procedure_documents from {API}")
    grant("procedure_documents", ENGINE, "delete")
    op.execute("drop policy procedure_documents_audience on procedure_documents")
    shown = f"terms_from is not null and {VISIBLE}"
    policy("procedure_documents", API, "procedure_documents_audience", shown, verb="select")


def downgrade() -> None:
    op.execute("drop policy procedure_documents_audience on procedure_documents")
    policy("procedure_documents", API, "procedure_documents_audience", VISIBLE, verb="select")
    op.execute(f"revoke delete on procedure_documents from {ENGINE}")
    grant("procedure_documents", API, "delete")
    op.execute(f"revoke update on procedure_documents from {API}")
    op.execute("alter table procedure_documents drop column terms_from, drop column kept_until")
    op.execute("alter table procedures drop column documents")
