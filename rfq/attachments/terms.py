"""Documents as a part of the terms: which are in force, and which an amendment puts there."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import to_builtins
from sqlalchemy import func, select, update

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.platform.database import Transaction
from rfq.attachments.tables import DocumentRow
from rfq.rules.differences import TermsDocument
from rfq.tables import ProcedureRow


async def documents_of(
    tx: Transaction, procedure_id: UUID, document_ids: Sequence[UUID]
) -> tuple[TermsDocument, ...]:
    """Give these documents of a procedure, in this order; raises InvalidInput for one it has not.

    One that an earlier version of the terms had may come back.
    """
    rows = await tx.all(
        select(DocumentRow.id, DocumentRow.name, DocumentRow.digest).where(
            DocumentRow.procedure_id == procedure_id,
            DocumentRow.id.in_(document_ids),
            DocumentRow.kept_until.is_(None),
        )
    )
    known = {
        row.id: TermsDocument(id=row.id, name=row.name, sha256=row.digest.hex()) for row in rows
    }
    errors = [
        FieldError(
            f"/document_ids/{number}", "unknown_document", "The procedure has it not, or twice."
        )
        for number, document_id in enumerate(document_ids)
        if document_id not in known or document_id in document_ids[:number]
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    return tuple(known[document_id] for document_id in document_ids)


async def put_in_force(
    tx: Transaction, procedure_id: UUID, documents: Sequence[TermsDocument], terms_version: int
) -> None:
    """Make these the documents of the terms; who sees the procedure sees them from now on."""
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure_id)
        .values(documents=to_builtins(documents))
    )
    await tx.execute(
        update(DocumentRow)
        .where(DocumentRow.id.in_([each.id for each in documents]))
        .values(terms_from=func.coalesce(DocumentRow.terms_from, terms_version))
    )
