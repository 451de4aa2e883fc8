"""Attachments of bids: uploaded and sealed before the deadline, read after the opening.

The content is in this process's memory while it is looked at and sealed, and nowhere on disk but
sealed. Which attachments a bid has its sealed text says, by their ids and hashes.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, NotFound, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import ATTACHMENT_UPLOADS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.contents.kinds import DocumentKind
from marketplace.platform.contents.receiving import (
    Content,
    HeldContents,
    digest_of,
    keep_file,
    received,
)
from marketplace.platform.contents.releasing import Download, in_room, pieces_of, stored
from marketplace.platform.contents.scanning import Scan
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from rfq.attachments.contents import (
    AttachmentsGivenOut,
    check_released,
    keep_verdict,
    sealed_key,
    verdict_now,
)
from rfq.attachments.examining import OPENED, examine
from rfq.attachments.naming import ADDRESS_KEY
from rfq.attachments.schemas import AttachmentView, UploadView
from rfq.attachments.tables import OpenedAttachmentRow, SealedAttachmentRow
from rfq.bids.receiving import bids_lock, load_for_bidder
from rfq.evaluation.panel import own_part
from rfq.key_store import KeyStore
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules import procedure as rules
from rfq.rules.bid import Part
from rfq.rules.procedure import PRICES_HIDDEN
from rfq.rules.sealed_files import (
    FilePlace,
    SealedFile,
    content_address,
    open_file,
    seal_file,
)
from rfq.rules.sealing import Broken
from rfq.rules.strict import check_strict


async def upload_attachment(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    chunks: AsyncIterator[bytes],
    part: Part = Part.WHOLE,
) -> UploadView:
    """Take an attachment in and seal it; the same content again is the same attachment.

    A financial one is sealed as the financial envelope is.

    Raises NotFound, NotPermitted, WrongState at or after the deadline, Conflict beyond the bound,
    BodyTooLarge, InvalidInput for what is not taken.
    """
    caller.require("bids:write")
    bidder_id = caller.organization_id
    async with transaction(platform, caller) as tx:
        loaded = await check_uploading(tx, caller, procedure_id)
    if part is Part.FINANCIAL and not loaded.procedure.two_envelopes:
        detail = "Bids of this procedure have no financial envelope."
        raise invalid("/part", "no_such_envelope", detail)
    with platform.get(HeldContents).room(bidder_id):
        content = await received(platform, chunks)
        place = FilePlace(procedure_id, bidder_id, new_id())
        store = platform.get(KeyStore)  # type: ignore[type-abstract]
        of_key = Part.FINANCIAL if part is Part.FINANCIAL else Part.WHOLE
        public = await store.public_key(procedure_id, of_key)
        # In a thread: sealing 20 MB takes a tenth of a second, in which nobody's bid would be read.
        sealed = await asyncio.to_thread(seal_file, content.data, content.kind, place, public)
        stored_digest = await digest_of(sealed.ciphertext)
        key = sealed_key(procedure_id, stored_digest)
        await keep_file(platform, key, sealed.ciphertext)
    secret = platform.secrets.key(ADDRESS_KEY)
    address = content_address(secret, procedure_id, bidder_id, content.sha256, of_key)
    try:
        async with transaction(platform, caller) as tx:
            await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
            await check_uploading(tx, caller, procedure_id)
            row = await keep_upload(
                tx,
                place,
                sealed,
                content.scan,
                address=address,
                stored_digest=stored_digest,
                part=of_key,
            )
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


async def check_uploading(
    tx: Transaction, caller: Caller, procedure_id: UUID, *, strict: bool = False
) -> Loaded:
    """Let in who may bid here now, in the way bids are sealed here; see `upload_attachment`."""
    loaded = await load_for_bidder(tx, caller, procedure_id)
    rules.check_receiving(loaded.procedure, await tx.clock())
    check_strict(loaded.procedure, strict=strict)
    return loaded


async def keep_upload(
    tx: Transaction,
    place: FilePlace,
    sealed: SealedFile,
    scan: Scan,
    *,
    address: bytes,
    stored_digest: bytes,
    part: Part = Part.WHOLE,
) -> Row[Any]:
    """Write the row, or give that of the same document sent before; raises Conflict."""
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
            part=part.value,
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


_PLACE = (OpenedAttachmentRow.id, OpenedAttachmentRow.bid_id)


class _Key(NamedTuple):
    """Several bids may name one attachment: a main bid and its variants."""

    id: UUID
    bid_id: UUID


async def list_attachments(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[AttachmentView]:
    """List the attachments of opened bids: the buyer's all, a bidder's his own.

    While prices are hidden, the technical ones to those who judge. Raises NotFound, WrongState
    before the opening, NotPermitted for who has not declared his interests, or has a conflict.
    """
    statement = (
        select(*OPENED)
        .where(OpenedAttachmentRow.procedure_id == procedure_id)
        .order_by(*_PLACE)
        .limit(asked.fetch)
    )
    if (after := asked.key(_Key)) is not None:
        statement = statement.where(tuple_(*_PLACE) > tuple_(*after))
    async with transaction(platform, caller) as tx:
        await _check_opened(tx, caller, procedure_id)
        # Row-level security leaves a bidder his own rows.
        rows = await tx.all(statement)
    return page(asked, [_view(row) for row in rows], lambda item: _Key(item.id, item.bid_id))


async def _check_opened(tx: Transaction, caller: Caller, procedure_id: UUID) -> Loaded:
    loaded = await load(tx, procedure_id)
    buys = reads_as_buyer(caller, loaded)
    # While prices are hidden row security leaves the buyer the technical ones.
    if not buys or loaded.procedure.status not in PRICES_HIDDEN:
        rules.check_bids_readable(loaded.procedure)
    elif await own_part(tx, caller, loaded) is None:
        caller.require("rfq:write")
    return loaded


async def download_attachment(
    platform: Platform, caller: Caller, procedure_id: UUID, attachment_id: UUID
) -> Download:
    """Give an attachment's content to the buyer or its bidder, after the opening.

    Raises NotFound, WrongState before, Conflict for one that does not open or that the scanner
    refuses, Unavailable while it is not scanned, and where too many are under way.
    """
    async with transaction(platform, caller) as tx:
        loaded = await _check_opened(tx, caller, procedure_id)
        row = await tx.maybe(
            select(*OPENED)
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
        if loaded.procedure.strict:
            found = await examine(platform, row)  # as it was found, or is found now
            check_released(found.scan, found.invalid_reason)
            return _given_out(platform, caller, found.data, found.kind, row.name)
        sealed = await stored(platform, sealed_key(procedure_id, bytes(row.stored_digest)))
        place = FilePlace(procedure_id, row.bidder_id, attachment_id)
        file_key, sha256 = bytes(row.file_key), row.digest.hex()
        data = await asyncio.to_thread(open_file, sealed, place, file_key, sha256)
        if isinstance(data, Broken):
            raise Conflict(f"This document cannot be read. {data.reason}")
        if Scan(row.scan) is Scan.UNSCANNED:
            verdict = await verdict_now(platform, data)
            await keep_verdict(platform, OpenedAttachmentRow, attachment_id, verdict)
            check_released(verdict)
    return _given_out(platform, caller, data, DocumentKind(row.kind), row.name)


def _given_out(
    platform: Platform, caller: Caller, data: bytes, kind: DocumentKind, name: str
) -> Download:
    room = platform.get(AttachmentsGivenOut)
    return Download(in_room(room, caller.organization_id, pieces_of(data)), len(data), kind, name)


def _view(row: Row[Any]) -> AttachmentView:
    return AttachmentView(
        id=row.id,
        procedure_id=row.procedure_id,
        bid_id=row.bid_id,
        bidder_id=row.bidder_id,
        name=row.name,
        part=Part(row.part),
        media_type=row.kind and DocumentKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.digest.hex(),
        scan=Scan(row.scan),
        invalid_reason=row.invalid_reason,
    )
