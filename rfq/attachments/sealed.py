"""Attachments of bids: uploaded and sealed before the deadline, read after the opening.

The content is in this process's memory while it is looked at and sealed, and nowhere on disk but
sealed. Which attachments a bid has its sealed text says, by their ids and hashes.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Row, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, NotFound, invalid
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
from rfq.evaluation.panel import own_part
from rfq.key_store import KeyStore
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules import procedure as rules
from rfq.rules.bid import BidAttachment, Part
from rfq.rules.documents import DocumentKind
from rfq.rules.procedure import PRICES_HIDDEN
from rfq.rules.sealed_files import (
    Box,
    FilePlace,
    SealedFile,
    Slip,
    content_address,
    open_file,
    read_slip,
    seal_file,
    unwrapped_box,
)
from rfq.rules.sealing import Broken, Wrapped
from rfq.rules.strict import check_strict

Unwrap = Callable[[Sequence[Box]], Awaitable[Sequence[bytes | None]]]
"""Unwraps slips; gives None for what does not open."""


def _key(procedure_id: UUID, stored_digest: bytes) -> str:
    return f"sealed/{procedure_id}/{stored_digest.hex()}"


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
        loaded = await _check_receiving(tx, caller, procedure_id)
    if part is Part.FINANCIAL and not loaded.procedure.two_envelopes:
        detail = "Bids of this procedure have no financial envelope."
        raise invalid("/part", "no_such_envelope", detail)
    with platform.get(HeldContents).room(bidder_id):
        content = await received(platform, chunks)
        place = FilePlace(procedure_id, bidder_id, new_id())
        store = platform.get(KeyStore)  # type: ignore[type-abstract]
        of_key = Part.FINANCIAL if part is Part.FINANCIAL else Part.WHOLE
        public = await store.public_key(procedure_id, of_key)
        sealed = seal_file(content.data, content.kind, place, public)
        stored_digest = hashlib.sha256(sealed.ciphertext).digest()
        key = _key(procedure_id, stored_digest)
        await keep_file(platform, key, sealed.ciphertext)
    secret = platform.secrets.key(ADDRESS_KEY)
    address = content_address(secret, procedure_id, bidder_id, content.sha256, of_key)
    try:
        async with transaction(platform, caller) as tx:
            await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
            await _check_receiving(tx, caller, procedure_id)
            row = await _kept(
                tx, place, sealed, content.scan, address, stored_digest=stored_digest, part=of_key
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


async def _check_receiving(tx: Transaction, caller: Caller, procedure_id: UUID) -> Loaded:
    loaded = await load_for_bidder(tx, caller, procedure_id)
    rules.check_receiving(loaded.procedure, await tx.clock())
    check_strict(loaded.procedure, strict=False)
    return loaded


async def _kept(
    tx: Transaction,
    place: FilePlace,
    sealed: SealedFile,
    scan: Scan,
    address: bytes,
    *,
    stored_digest: bytes,
    part: Part,
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


def with_key(key: X25519PrivateKey | None) -> Unwrap:
    """Unwrap slips with a released key; without one there are none: strict bids have no files."""

    async def unwrap(boxes: Sequence[Box]) -> Sequence[bytes | None]:
        return [None if key is None else unwrapped_box(box, key) for box in boxes]

    return unwrap


async def open_attachments(
    tx: Transaction,
    loaded: Loaded,
    named: Mapping[UUID, tuple[UUID, Sequence[BidAttachment]]],
    unwrap: Unwrap,
) -> None:
    """Open the slips of what the opened bids name: by bid its bidder and his attachments.

    What no bid names stays sealed. One that does not open says why and stops nothing else.
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
    wanted = [
        (bid_id, bidder_id, each, row)
        for bid_id, (bidder_id, attachments) in named.items()
        for each in attachments
        if (row := sealed.get((bidder_id, each.attachment_id))) is not None
    ]
    slips = await unwrap(
        [
            (
                FilePlace(loaded.procedure.id, bidder_id, row.id),
                Wrapped(bytes(row.ephemeral_key), bytes(row.wrapped_slip)),
            )
            for _, bidder_id, _, row in wanted
        ]
    )
    blocks = {
        (bid_id, each.attachment_id): slip
        for (bid_id, _, each, _), slip in zip(wanted, slips, strict=True)
    }
    opened = [
        _opened(
            loaded,
            bid_id,
            bidder_id,
            each,
            sealed.get((bidder_id, each.attachment_id)),
            blocks.get((bid_id, each.attachment_id)),
        )
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
    block: bytes | None,
) -> dict[str, Any]:
    slip = _slip(named, row, block)
    good = slip if isinstance(slip, Slip) else None
    return {
        "id": named.attachment_id,
        "procedure_id": loaded.procedure.id,
        "buyer_id": loaded.procedure.buyer_id,
        "bidder_id": bidder_id,
        "bid_id": bid_id,
        "name": named.name,
        "part": named.part.value,
        "kind": good and good.kind.value,
        "size_bytes": good and good.size,
        "digest": bytes.fromhex(named.sha256),
        "stored_digest": row and bytes(row.stored_digest),
        "file_key": good and bytes.fromhex(good.key),
        "scan": Scan.UNSCANNED.value if row is None else row.scan,
        "invalid_reason": slip.reason if isinstance(slip, Broken) else None,
    }


def _slip(named: BidAttachment, row: Row[Any] | None, block: bytes | None) -> Slip | Broken:
    if row is None:
        return Broken("The bid names an attachment that its bidder did not upload.")
    return read_slip(block, named.sha256)


_OPENED = (
    OpenedAttachmentRow.id,
    OpenedAttachmentRow.procedure_id,
    OpenedAttachmentRow.bid_id,
    OpenedAttachmentRow.bidder_id,
    OpenedAttachmentRow.name,
    OpenedAttachmentRow.part,
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

    While prices are hidden, the technical ones to those who judge. Raises NotFound, WrongState
    before the opening, NotPermitted for who has not declared his interests, or has a conflict.
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
    buys = reads_as_buyer(caller, loaded)
    # While prices are hidden row security leaves the buyer the technical ones.
    if not buys or loaded.procedure.status not in PRICES_HIDDEN:
        rules.check_bids_readable(loaded.procedure)
    elif await own_part(tx, caller, loaded) is None:
        caller.require("rfq:write")


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
        part=Part(row.part),
        media_type=row.kind and DocumentKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.digest.hex(),
        scan=Scan(row.scan),
        invalid_reason=row.invalid_reason,
    )
