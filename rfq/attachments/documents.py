"""The buyer's documents of a procedure: drawings, terms, forms; all who see it read them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import DOCUMENTS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction
from rfq.attachments.contents import (
    Content,
    Download,
    HeldContents,
    check_released,
    keep_file,
    received,
    same,
    stored,
    verdict_now,
)
from rfq.attachments.schemas import DocumentList, DocumentView, Scan
from rfq.attachments.tables import DocumentRow
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules import procedure as rules
from rfq.rules.documents import DocumentKind, check_name
from rfq.rules.procedure import Status

_COLUMNS = (
    DocumentRow.id,
    DocumentRow.procedure_id,
    DocumentRow.name,
    DocumentRow.kind,
    DocumentRow.size_bytes,
    DocumentRow.digest,
    DocumentRow.scan,
    DocumentRow.added_at,
)


def _key(procedure_id: UUID, digest: bytes) -> str:
    return f"documents/{procedure_id}/{digest.hex()}"


async def add_document(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    name: str,
    chunks: AsyncIterator[bytes],
) -> DocumentView:
    """Add a document to a draft, or to a procedure that receives bids: then all are told.

    The same content again is the same document under its first name. Raises NotFound, WrongState
    after the deadline, Conflict beyond the bound, BodyTooLarge, InvalidInput for what is not taken.
    """
    caller.require("rfq:write")
    check_name(name, "?name")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        rules.check_invitation(loaded.procedure, await tx.clock())
    with platform.get(HeldContents).room(caller.organization_id):
        content = await received(platform, chunks)
        key = _key(procedure_id, bytes.fromhex(content.sha256))
        await keep_file(platform, key, content.data)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        at = await tx.clock()
        rules.check_invitation(loaded.procedure, at)
        row = await _found(tx, procedure_id, content)
        if row is None:
            row = await _added(tx, caller, loaded, name, content, at)
        return _view(row)


async def _found(tx: Transaction, procedure_id: UUID, content: Content) -> Row[Any] | None:
    return await tx.maybe(
        select(*_COLUMNS).where(
            DocumentRow.procedure_id == procedure_id,
            DocumentRow.digest == bytes.fromhex(content.sha256),
        )
    )


async def _added(
    tx: Transaction, caller: Caller, loaded: Loaded, name: str, content: Content, at: datetime
) -> Row[Any]:
    procedure = loaded.procedure
    count = await tx.scalar(select(func.count()).where(DocumentRow.procedure_id == procedure.id))
    if count >= DOCUMENTS_MAX:
        raise Conflict(f"A procedure has at most {DOCUMENTS_MAX} documents.")
    row = await tx.one(
        upsert(DocumentRow)
        .values(
            id=new_id(),
            procedure_id=procedure.id,
            buyer_id=procedure.buyer_id,
            name=name,
            kind=content.kind.value,
            size_bytes=len(content.data),
            digest=bytes.fromhex(content.sha256),
            scan=content.scan.value,
            added_by=caller.member_id,
            added_at=at,
        )
        .returning(*_COLUMNS)
    )
    facts: dict[str, object] = {"document_id": row.id, "name": name, "sha256": content.sha256}
    if procedure.status is Status.PUBLISHED:
        audience = loaded.may_be_seen_by()
        tx.emit(
            Event(
                "procedure.document_added",
                "procedure",
                procedure.id,
                loaded.version,
                audience,
                facts,
            )
        )
    tx.record("procedure.document_added", "procedure", procedure.id, after=facts)
    return row


async def remove_document(
    platform: Platform, caller: Caller, procedure_id: UUID, document_id: UUID
) -> None:
    """Take a document out of a draft; raises NotFound, WrongState once it is published."""
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        rules.check_draft(loaded.procedure)
        row = await _one(tx, procedure_id, document_id)
        await tx.execute(delete(DocumentRow).where(DocumentRow.id == row.id))
        facts = {"document_id": row.id, "name": row.name, "sha256": row.digest.hex()}
        tx.record("procedure.document_removed", "procedure", procedure_id, before=facts)


async def list_documents(platform: Platform, caller: Caller, procedure_id: UUID) -> DocumentList:
    """List the documents of a procedure to all who see it; raises NotFound."""
    async with transaction(platform, caller) as tx:
        await _readable(tx, caller, procedure_id)
        rows = await tx.all(
            select(*_COLUMNS)
            .where(DocumentRow.procedure_id == procedure_id)
            .order_by(DocumentRow.id)
            .limit(DOCUMENTS_MAX)
        )
    return DocumentList(items=[_view(row) for row in rows])


async def download_document(
    platform: Platform, caller: Caller, procedure_id: UUID, document_id: UUID
) -> Download:
    """Give a document's content to whoever sees its procedure.

    Raises NotFound, Conflict where the scanner refuses it, Unavailable while it is not scanned.
    """
    async with transaction(platform, caller) as tx:
        await _readable(tx, caller, procedure_id)
        row = await _one(tx, procedure_id, document_id)
    check_released(Scan(row.scan))
    with platform.get(HeldContents).room(caller.organization_id):
        data = same(await stored(platform, _key(procedure_id, row.digest)), row.digest.hex())
        if Scan(row.scan) is Scan.UNSCANNED:
            verdict = await verdict_now(platform, data)
            # By the engine: a bidder may change no row of the buyer.
            await _keep_verdict(platform, document_id, verdict)
            check_released(verdict)
    return Download(data, DocumentKind(row.kind), row.name)


async def _keep_verdict(platform: Platform, document_id: UUID, verdict: Scan) -> None:
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.execute(
            update(DocumentRow).where(DocumentRow.id == document_id).values(scan=verdict.value)
        )


async def _readable(tx: Transaction, caller: Caller, procedure_id: UUID) -> None:
    loaded = await load(tx, procedure_id)
    reads_as_buyer(caller, loaded)


async def _one(tx: Transaction, procedure_id: UUID, document_id: UUID) -> Row[Any]:
    row = await tx.maybe(
        select(*_COLUMNS).where(
            DocumentRow.procedure_id == procedure_id, DocumentRow.id == document_id
        )
    )
    if row is None:
        raise NotFound("There is no such document in this procedure.")
    return row


def _view(row: Row[Any]) -> DocumentView:
    return DocumentView(
        id=row.id,
        procedure_id=row.procedure_id,
        name=row.name,
        media_type=DocumentKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.digest.hex(),
        scan=Scan(row.scan),
        added_at=row.added_at,
    )
