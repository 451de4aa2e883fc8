"""Attachments of bids: uploaded and sealed before the deadline, read after the opening.

The content is in this process's memory while it is looked at and sealed, and nowhere on disk but
sealed. Which attachments a bid has its sealed text says, by their ids and hashes.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Row, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import ATTACHMENT_UPLOADS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from rfq.attachments.contents import (
    Content,
    Download,
    HeldContents,
    check_released,
    keep_file,
    keep_verdict,
    received,
    stored,
    verdict_now,
)
from rfq.attachments.naming import ADDRESS_KEY
from rfq.attachments.schemas import AttachmentView, Scan, UploadView
from rfq.attachments.tables import OpenedAttachmentRow, SealedAttachmentRow
from rfq.bids.receiving import bids_lock, load_for_bidder
from rfq.key_store import KeyStore
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules import procedure as rules
from rfq.rules.bid import BidAttachment
from rfq.rules.documents import DocumentKind
from rfq.rules.sealed_files import (
    FilePlace,
    SealedFile,
    Slip,
    content_address,
    open_file,
    open_slip,
    seal_file,
)
from rfq.rules.sealing import Broken, Wrapped
from rfq.rules.strict import check_strict


def _key(procedure_id: UUID, stored_digest: bytes) -> str:
    return f"sealed/{procedure_id}/{stored_digest.hex()}"


async def upload_attachment(
    platform: Platform, caller: Caller, procedure_id: UUID, chunks: AsyncIterator[bytes]
) -> UploadView:
    """Take an attachment in and seal it; the same content again is the same attachment.

    Raises NotFound, NotPermitted, WrongState at or after the deadline, Conflict beyond the bound,
    BodyTooLarge, InvalidInput for what is not taken.
    """
    caller.require("bids:write")
    bidder_id = caller.organization_id
    async with transaction(platform, caller) as tx:
        await _check_receiving(tx, caller, procedure_id)
    with platform.get(HeldContents).room(bidder_id):
        content = await received(platform, chunks)
        place = FilePlace(procedure_id, bidder_id, new_id())
        store = platform.get(KeyStore)  # type: ignore[type-abstract]
        public = await store.public_key(procedure_id)
        sealed = seal_file(content.data, content.kind, place, public)
        stored_digest = hashlib.sha256(sealed.ciphertext).digest()
        key = _key(procedure_id, stored_digest)
        await keep_file(platform, key, sealed.ciphertext)
    secret = platform.secrets.key(ADDRESS_KEY)
    address = content_address(secret, procedure_id, bidder_id, content.sha256)
    try:
        async with transaction(platform, caller) as tx:
            await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
            await _check_receiving(tx, caller, procedure_id)
            row = await _kept(tx, place, sealed, content.scan, address, stored_digest)
    except BaseException:
        await platform.files.delete(key)
        raise
    if row.id != place.attachment_id:
        await platform.files.delete(key)
    return _upload(row, content)


def _upload(row: Row[Any], content: Content) -> UploadView:
    return UploadView(
        id=row.id,
        procedure_id=row.procedure_id,
        sha256=content.sha256,
        media_type=content.kind,
        size_bytes=len(content.data),
        scan=Scan(row.scan),
        uploaded_at=row.uploaded_at,
    )


async def _check_receiving(tx: Transaction, caller: Caller, procedure_id: UUID) -> None:
    loaded = await load_for_bidder(tx, caller, procedure_id)
    rules.check_receiving(loaded.procedure, await tx.clock())
    check_strict(loaded.procedure, strict=False)


async def _kept(
    tx: Transaction,
    place: FilePlace,
    sealed: SealedFile,
    scan: Scan,
    address: bytes,
    stored_digest: bytes,
) -> Row[Any]:
    """Write the row, or give that of the same document sent before."""
    own = (
        SealedAttachmentRow.procedure_id == place.procedure_id,
        SealedAttachmentRow.bidder_id == place.bidder_id,
    )
    if await tx.scalar(select(func.count()).where(*own)) >= ATTACHMENT_UPLOADS_MAX:
        raise Conflict(f"A company uploads at most {ATTACHMENT_UPLOADS_MAX} attachments.")
    await tx.execute(
        upsert(SealedAttachmentRow)
        .values(
            id=place.attachment_id,
            procedure_id=place.procedure_id,
            bidder_id=place.bidder_id,
            address=address,
            stored_digest=stored_digest,
            stored_bytes=len(sealed.ciphertext),
            ephemeral_key=sealed.slip.ephemeral_key,
            wrapped_slip=sealed.slip.box,
            scan=scan.value,
            uploaded_at=await tx.clock(),
        )
        .on_conflict_do_nothing()
    )
    row = await tx.one(
        select(
            SealedAttachmentRow.id,
            SealedAttachmentRow.procedure_id,
            SealedAttachmentRow.scan,
            SealedAttachmentRow.uploaded_at,
        ).where(*own, SealedAttachmentRow.address == address)
    )
    if row.id == place.attachment_id:
        # To the bidder's own trail alone, and nothing of what it is.
        facts: dict[str, object] = {"procedure_id": place.procedure_id}
        tx.record("attachment.uploaded", "attachment", row.id, after=facts)
    return row


async def open_attachments(
    tx: Transaction,
    loaded: Loaded,
    named: Mapping[UUID, tuple[UUID, Sequence[BidAttachment]]],
    key: X25519PrivateKey | None,
) -> None:
    """Open the slips of what the opened bids name: by bid its bidder and his attachments.

    Without a key there are none: strict procedures take no attachments. What no bid names stays
    sealed. One that does not open says why and stops nothing else.
    """
    ids = [each.attachment_id for _, attachments in named.values() for each in attachments]
    if not ids:
        return
    rows = await tx.all(
        select(
            SealedAttachmentRow.id,
            SealedAttachmentRow.bidder_id,
            SealedAttachmentRow.stored_digest,
            SealedAttachmentRow.ephemeral_key,
            SealedAttachmentRow.wrapped_slip,
            SealedAttachmentRow.scan,
        ).where(
            SealedAttachmentRow.procedure_id == loaded.procedure.id,
            SealedAttachmentRow.id.in_(ids),
        )
    )
    sealed = {(row.bidder_id, row.id): row for row in rows}
    opened = [
        _opened(loaded, bid_id, bidder_id, each, sealed.get((bidder_id, each.attachment_id)), key)
        for bid_id, (bidder_id, attachments) in named.items()
        for each in attachments
    ]
    await tx.execute(insert(OpenedAttachmentRow), opened)


def _opened(
    loaded: Loaded,
    bid_id: UUID,
    bidder_id: UUID,
    named: BidAttachment,
    row: Row[Any] | None,
    key: X25519PrivateKey | None,
) -> dict[str, Any]:
    slip = _slip(loaded.procedure.id, bidder_id, named, row, key)
    good = slip if isinstance(slip, Slip) else None
    return {
        "id": named.attachment_id,
        "procedure_id": loaded.procedure.id,
        "buyer_id": loaded.procedure.buyer_id,
        "bidder_id": bidder_id,
        "bid_id": bid_id,
        "name": named.name,
        "kind": good and good.kind.value,
        "size_bytes": good and good.size,
        "digest": bytes.fromhex(named.sha256),
        "stored_digest": row and bytes(row.stored_digest),
        "file_key": good and bytes.fromhex(good.key),
        "scan": Scan.UNSCANNED.value if row is None else row.scan,
        "invalid_reason": slip.reason if isinstance(slip, Broken) else None,
    }


def _slip(
    procedure_id: UUID,
    bidder_id: UUID,
    named: BidAttachment,
    row: Row[Any] | None,
    key: X25519PrivateKey | None,
) -> Slip | Broken:
    if row is None or key is None:
        return Broken("The bid names an attachment that its bidder did not upload.")
    place = FilePlace(procedure_id, bidder_id, named.attachment_id)
    wrapped = Wrapped(bytes(row.ephemeral_key), bytes(row.wrapped_slip))
    return open_slip(wrapped, place, named.sha256, key)


_OPENED = (
    OpenedAttachmentRow.id,
    OpenedAttachmentRow.procedure_id,
    OpenedAttachmentRow.bid_id,
    OpenedAttachmentRow.bidder_id,
    OpenedAttachmentRow.name,
    OpenedAttachmentRow.kind,
    OpenedAttachmentRow.size_bytes,
    OpenedAttachmentRow.digest,
    OpenedAttachmentRow.stored_digest,
    OpenedAttachmentRow.file_key,
    OpenedAttachmentRow.scan,
    OpenedAttachmentRow.invalid_reason,
)


async def list_attachments(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[AttachmentView]:
    """List the attachments of opened bids: the buyer's all, a bidder's his own.

    Raises NotFound, WrongState before the opening.
    """
    statement = (
        select(*_OPENED)
        .where(OpenedAttachmentRow.procedure_id == procedure_id)
        .order_by(OpenedAttachmentRow.id)
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(OpenedAttachmentRow.id > after)
    async with transaction(platform, caller) as tx:
        await _check_opened(tx, caller, procedure_id)
        # Row-level security leaves a bidder his own rows.
        rows = await tx.all(statement)
    return page(asked, [_view(row) for row in rows], lambda item: item.id)


async def _check_opened(tx: Transaction, caller: Caller, procedure_id: UUID) -> None:
    loaded = await load(tx, procedure_id)
    reads_as_buyer(caller, loaded)
    rules.check_bids_readable(loaded.procedure)


async def download_attachment(
    platform: Platform, caller: Caller, procedure_id: UUID, attachment_id: UUID
) -> Download:
    """Give an attachment's content to the buyer or its bidder, after the opening.

    Raises NotFound, WrongState before, Conflict for one that does not open or that the scanner
    refuses, Unavailable while it is not scanned.
    """
    async with transaction(platform, caller) as tx:
        await _check_opened(tx, caller, procedure_id)
        row = await tx.maybe(
            select(*_OPENED)
            .where(
                OpenedAttachmentRow.procedure_id == procedure_id,
                OpenedAttachmentRow.id == attachment_id,
            )
            # Two bids may name one id; at most one of them opened it.
            .order_by(OpenedAttachmentRow.invalid_reason.is_not(None))
            .limit(1)
        )
    if row is None:
        raise NotFound("There is no such attachment of a bid you may read.")
    check_released(Scan(row.scan), row.invalid_reason)
    with platform.get(HeldContents).room(caller.organization_id):
        sealed = await stored(platform, _key(procedure_id, row.stored_digest))
        place = FilePlace(procedure_id, row.bidder_id, attachment_id)
        data = open_file(sealed, place, bytes(row.file_key), row.digest.hex())
        if isinstance(data, Broken):
            raise Conflict(f"This document cannot be read. {data.reason}")
        if Scan(row.scan) is Scan.UNSCANNED:
            verdict = await verdict_now(platform, data)
            await keep_verdict(platform, OpenedAttachmentRow, attachment_id, verdict)
            check_released(verdict)
    return Download(data, DocumentKind(row.kind), row.name)


def _view(row: Row[Any]) -> AttachmentView:
    return AttachmentView(
        id=row.id,
        procedure_id=row.procedure_id,
        bid_id=row.bid_id,
        bidder_id=row.bidder_id,
        name=row.name,
        media_type=row.kind and DocumentKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.digest.hex(),
        scan=Scan(row.scan),
        invalid_reason=row.invalid_reason,
    )
