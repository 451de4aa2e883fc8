"""The buyer's documents of a procedure: drawings, terms, forms; all who see it read them.

They are a part of the terms: once published, only an amendment puts one in force or takes one out.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import DOCUMENT_GRACE_HOURS, DOCUMENTS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.contents.kinds import DocumentKind, check_name
from marketplace.platform.contents.receiving import Content, HeldContents, keep_file, received
from marketplace.platform.contents.releasing import Download, in_room, same, stored, unchanged
from marketplace.platform.contents.scanning import Scan
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction
from marketplace.platform.timers import set_timer
from rfq.attachments.contents import (
    DocumentsGivenOut,
    check_released,
    keep_verdict,
    verdict_now,
)
from rfq.attachments.schemas import DocumentList, DocumentView
from rfq.attachments.tables import DocumentRow
from rfq.attachments.terms import put_in_force
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules import procedure as rules
from rfq.rules.differences import TermsDocument
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
    DocumentRow.terms_from,
    DocumentRow.kept_until,
)
FORGET_TIMER: Final = "rfq.document"
GRACE: Final = timedelta(hours=DOCUMENT_GRACE_HOURS)


def _key(procedure_id: UUID, digest: bytes) -> str:
    return f"documents/{procedure_id}/{digest.hex()}"


async def add_document(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    name: str,
    chunks: AsyncIterator[bytes],
) -> DocumentView:
    """Add a document: to a draft as a part of its terms, later for an amendment to name it.

    The same content again is the same document under its first name. Raises NotFound, WrongState
    after the deadline, Conflict beyond the bound, BodyTooLarge, InvalidInput for what is not taken.
    """
    caller.require("rfq:write")
    check_name(name, "?name")
    async with transaction(platform, caller) as tx:
        await _addable(tx, caller, procedure_id, lock=False)
    with platform.get(HeldContents).room(caller.organization_id):
        content = await received(platform, chunks)
        async with transaction(platform, caller) as tx:
            loaded = await _addable(tx, caller, procedure_id, lock=True)
            row = await _announced(tx, caller, loaded, name, content)
            if row.kept_until is None:
                return _view(row, loaded)
        await keep_file(platform, _key(procedure_id, row.digest), content.data)
    async with transaction(platform, caller) as tx:
        loaded = await _addable(tx, caller, procedure_id, lock=True)
        return await _added(tx, loaded, row)


async def _addable(tx: Transaction, caller: Caller, procedure_id: UUID, *, lock: bool) -> Loaded:
    loaded = await load_own(tx, caller, procedure_id, lock=lock)
    rules.check_documents(loaded.procedure, await tx.clock())
    return loaded


async def _announced(
    tx: Transaction, caller: Caller, loaded: Loaded, name: str, content: Content
) -> Row[Any]:
    """Write the row of a content before the content, so that none is stored that nobody finds.

    Gives the row of the same content that is there already; one that was to be forgotten is kept
    a while longer.
    """
    procedure_id, digest = loaded.procedure.id, bytes.fromhex(content.sha256)
    at = await tx.clock()
    same_content = (DocumentRow.procedure_id == procedure_id, DocumentRow.digest == digest)
    row = await tx.maybe(select(*_COLUMNS).where(*same_content))
    if row is not None and row.kept_until is None:
        return row
    count = await tx.scalar(select(func.count()).where(DocumentRow.procedure_id == procedure_id))
    if row is None and count >= DOCUMENTS_MAX:
        raise Conflict(f"A procedure has at most {DOCUMENTS_MAX} documents.")
    kept_until = at + GRACE
    arriving: dict[str, Any] = {"name": name, "scan": content.scan.value, "kept_until": kept_until}
    arriving |= {"added_by": caller.member_id, "added_at": at}
    row = await tx.one(
        upsert(DocumentRow)
        .values(
            id=new_id(),
            procedure_id=procedure_id,
            buyer_id=loaded.procedure.buyer_id,
            kind=content.kind.value,
            size_bytes=len(content.data),
            digest=digest,
            **arriving,
        )
        .on_conflict_do_update(index_elements=["procedure_id", "digest"], set_=arriving)
        .returning(*_COLUMNS)
    )
    await set_timer(tx, FORGET_TIMER, row.id, kept_until)
    return row


async def _added(tx: Transaction, loaded: Loaded, announced: Row[Any]) -> DocumentView:
    row = await tx.maybe(
        update(DocumentRow)
        .where(DocumentRow.id == announced.id)
        .values(kept_until=None)
        .returning(*_COLUMNS)
    )
    if row is None:
        raise Conflict("This took so long that it was given up; send the document again.")
    procedure = loaded.procedure
    if procedure.status is Status.DRAFT:
        added = TermsDocument(id=row.id, name=row.name, sha256=row.digest.hex())
        await put_in_force(tx, procedure.id, (*loaded.documents(), added), procedure.terms_version)
    tx.record("procedure.document_added", "procedure", procedure.id, after=_facts(row))
    return _view(await _one(tx, procedure.id, row.id), await load(tx, procedure.id))


def _facts(row: Row[Any]) -> dict[str, object]:
    return {"document_id": row.id, "name": row.name, "sha256": row.digest.hex()}


async def remove_document(
    platform: Platform, caller: Caller, procedure_id: UUID, document_id: UUID
) -> None:
    """Take a document out of a draft, or one that no published terms had; its content goes later.

    Raises NotFound, WrongState for a part of what was published: that is amended.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        row = await _one(tx, procedure_id, document_id)
        rules.check_removal(loaded.procedure, row.terms_from)
        kept_until = await tx.clock() + GRACE
        await tx.execute(
            update(DocumentRow)
            .where(DocumentRow.id == row.id)
            .values(terms_from=None, kept_until=kept_until)
        )
        left = tuple(each for each in loaded.documents() if each.id != row.id)
        await put_in_force(tx, procedure_id, left, loaded.procedure.terms_version)
        await set_timer(tx, FORGET_TIMER, row.id, kept_until)
        tx.record("procedure.document_removed", "procedure", procedure_id, before=_facts(row))


async def forget_document(platform: Platform, document_id: UUID) -> None:
    """Remove a document that no terms name, and its content, once its grace is over.

    The content goes before the commit: should that fail, the row is still there and it is tried
    again; who sends the same content meanwhile stores it anew.
    """
    async with system_transaction(platform, Role.ENGINE) as tx:
        procedure_id = await tx.scalar(
            select(DocumentRow.procedure_id).where(DocumentRow.id == document_id)
        )
        if procedure_id is None:
            return
        await load(tx, procedure_id, lock=True)
        digest = await tx.scalar(
            delete(DocumentRow)
            .where(DocumentRow.id == document_id, DocumentRow.kept_until <= await tx.clock())
            .returning(DocumentRow.digest)
        )
        if digest is not None:
            await platform.files.delete(_key(procedure_id, bytes(digest)))


async def list_documents(platform: Platform, caller: Caller, procedure_id: UUID) -> DocumentList:
    """List the documents of a procedure to all who see it; raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await _readable(tx, caller, procedure_id)
        rows = await tx.all(
            select(*_COLUMNS)
            .where(DocumentRow.procedure_id == procedure_id, DocumentRow.kept_until.is_(None))
            .order_by(DocumentRow.id)
            .limit(DOCUMENTS_MAX)
        )
    return DocumentList(items=[_view(row, loaded) for row in rows])


async def download_document(
    platform: Platform, caller: Caller, procedure_id: UUID, document_id: UUID
) -> Download:
    """Give a document's content to whoever sees its procedure.

    Raises NotFound, Conflict where the scanner refuses it, Unavailable while it is not scanned; the
    first piece NotFound for one that was changed, Unavailable where too many are under way.
    """
    async with transaction(platform, caller) as tx:
        await _readable(tx, caller, procedure_id)
        row = await _one(tx, procedure_id, document_id)
    check_released(Scan(row.scan))
    key, sha256 = _key(procedure_id, row.digest), row.digest.hex()
    if Scan(row.scan) is Scan.UNSCANNED:
        with platform.get(HeldContents).room(caller.organization_id):
            verdict = await verdict_now(platform, same(await stored(platform, key), sha256))
        # By the engine: a bidder may change no row of the buyer.
        await keep_verdict(platform, DocumentRow, document_id, verdict)
        check_released(verdict)
    room = platform.get(DocumentsGivenOut)
    pieces = in_room(room, caller.organization_id, unchanged(platform, key, sha256))
    return Download(pieces, row.size_bytes, DocumentKind(row.kind), row.name)


async def _readable(tx: Transaction, caller: Caller, procedure_id: UUID) -> Loaded:
    loaded = await load(tx, procedure_id)
    reads_as_buyer(caller, loaded)
    return loaded


async def _one(tx: Transaction, procedure_id: UUID, document_id: UUID) -> Row[Any]:
    row = await tx.maybe(
        select(*_COLUMNS).where(
            DocumentRow.procedure_id == procedure_id,
            DocumentRow.id == document_id,
            DocumentRow.kept_until.is_(None),
        )
    )
    if row is None:
        raise NotFound("There is no such document in this procedure.")
    return row


def _view(row: Row[Any], loaded: Loaded) -> DocumentView:
    return DocumentView(
        id=row.id,
        procedure_id=row.procedure_id,
        name=row.name,
        media_type=DocumentKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.digest.hex(),
        scan=Scan(row.scan),
        added_at=row.added_at,
        terms_from=row.terms_from,
        in_force=any(each.id == row.id for each in loaded.documents()),
    )
