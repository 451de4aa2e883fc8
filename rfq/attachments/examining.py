"""Files that clients sealed, looked at once they are open: before, nobody could.

What a document is, what it unpacks to and what the scanner says was checked of all other
attachments as they were uploaded. A file that fails is set aside with a reason, for the buyer, its
bidder and the minutes; its bid stands without it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.limits import DOCUMENT_BYTES_MAX, SET_ASIDE_MAX
from marketplace.platform.contents.kinds import DocumentKind, recognised
from marketplace.platform.contents.releasing import stored
from marketplace.platform.contents.scanning import Scan, scanned
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.telemetry import log
from rfq.attachments.contents import keep_verdict, sealed_key, verdict_now
from rfq.attachments.tables import OpenedAttachmentRow
from rfq.rules.sealing import Broken
from rfq.rules.strict_files import open_sealed

EXAMINE_TIMER: Final = "rfq.opened_files"
OPENED: Final = (
    OpenedAttachmentRow.id,
    OpenedAttachmentRow.procedure_id,
    OpenedAttachmentRow.bid_id,
    OpenedAttachmentRow.buyer_id,
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
"""The columns of an opened attachment."""
NOT_LOOKED_AT: Final = OpenedAttachmentRow.kind.is_(None) & OpenedAttachmentRow.invalid_reason.is_(
    None
)


async def set_aside(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    """Read which attachments are set aside and why, as far as the reader may see them."""
    return await tx.all(
        select(*OPENED)
        .where(
            OpenedAttachmentRow.procedure_id == procedure_id,
            OpenedAttachmentRow.invalid_reason.is_not(None),
        )
        .order_by(OpenedAttachmentRow.bid_id, OpenedAttachmentRow.id)
        .limit(SET_ASIDE_MAX)
    )


async def not_looked_at(tx: Transaction, procedure_id: UUID) -> int:
    """Count the opened attachments that nobody has looked at yet."""
    count: int = await tx.scalar(
        select(func.count()).where(OpenedAttachmentRow.procedure_id == procedure_id, NOT_LOOKED_AT)
    )
    return count


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is; one with an `invalid_reason` is set aside, and nothing of it is told."""

    data: bytes = b""
    kind: DocumentKind = DocumentKind.TEXT
    scan: Scan = Scan.UNSCANNED
    invalid_reason: str | None = None


async def examine_files(platform: Platform, procedure_id: UUID) -> None:
    """Look at the opened files of a procedure that nobody has looked at, one after the other.

    Again it does nothing. One the scanner could not look at is scanned when it is downloaded.
    """
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(*OPENED).where(OpenedAttachmentRow.procedure_id == procedure_id, NOT_LOOKED_AT)
        )
    for row in rows:
        try:
            await examine(platform, row)
        except NotFound:
            # Not set aside for ever: it may come back from a backup. Until then it is not released.
            log.warning("opened_file_missing", attachment_id=str(row.id))


async def examine(platform: Platform, row: Row[Any]) -> Found:
    """Open one file and look at it, and keep what was found the first time.

    Raises NotFound for one that is not stored, Conflict for one that was changed since it was
    looked at, Unavailable for one the scanner could not look at, while it is away.
    """
    data = await _opened(platform, row)
    if isinstance(data, Broken):
        if row.kind is not None:
            raise Conflict(f"This document cannot be read. {data.reason}")
        return await _keep(platform, row, Found(invalid_reason=data.reason))
    if row.kind is not None:
        scan = Scan(row.scan)
        if scan is Scan.UNSCANNED:
            scan = await verdict_now(platform, data)
            await keep_verdict(platform, OpenedAttachmentRow, row.id, scan)
        return Found(data, DocumentKind(row.kind), scan)
    return await _keep(platform, row, await _looked_at(platform, data))


async def _opened(platform: Platform, row: Row[Any]) -> bytes | Broken:
    sealed = await stored(platform, sealed_key(row.procedure_id, row.stored_digest, row.id))
    place = (row.procedure_id, row.bidder_id)
    key, sha256 = bytes(row.file_key), row.digest.hex()
    return await asyncio.to_thread(open_sealed, sealed, *place, key, sha256)


async def _looked_at(platform: Platform, data: bytes) -> Found:
    if len(data) > DOCUMENT_BYTES_MAX:
        most = DOCUMENT_BYTES_MAX // 1_048_576
        return Found(invalid_reason=f"A document has at most {most} MB.")
    try:
        kind = await asyncio.to_thread(recognised, data)
    except InvalidInput as refused:
        return Found(invalid_reason=refused.detail)
    verdict, why = await scanned(platform, data)
    if verdict is Scan.REFUSED:
        reason = f"The scanner refuses this document. {why}"
        return Found(scan=verdict, invalid_reason=reason)
    return Found(data, kind, verdict)


async def _keep(platform: Platform, row: Row[Any], found: Found) -> Found:
    """Write down what was found, once: of two who look at a time one tells it."""
    aside = found.invalid_reason is not None
    async with system_transaction(platform, Role.ENGINE) as tx:
        written = await tx.all(
            update(OpenedAttachmentRow)
            .where(
                OpenedAttachmentRow.bid_id == row.bid_id,
                OpenedAttachmentRow.id == row.id,
                NOT_LOOKED_AT,
            )
            .values(
                kind=None if aside else found.kind.value,
                size_bytes=None if aside else len(found.data),
                scan=found.scan.value,
                invalid_reason=found.invalid_reason,
            )
            .returning(OpenedAttachmentRow.id)
        )
        if written and aside:
            _tell(tx, row, found)
    return found


def _tell(tx: Transaction, row: Row[Any], found: Found) -> None:
    facts: dict[str, object] = {
        "procedure_id": row.procedure_id,
        "bid_id": row.bid_id,
        "reason": found.invalid_reason,
    }
    audience = frozenset([row.buyer_id, row.bidder_id])
    kind = "attachment.set_aside"
    tx.emit(Event(kind, "attachment", row.id, 1, audience, facts))
    tx.record(kind, "attachment", row.id, after=facts, organization_id=row.buyer_id)
