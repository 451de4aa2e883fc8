"""Where attachments lie, and whether one is released."""

from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.errors import Conflict, Unavailable
from marketplace.platform.contents.scanning import Scan, scanned
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from rfq.attachments.tables import DocumentRow, OpenedAttachmentRow


def sealed_key(procedure_id: UUID, stored_digest: bytes, attachment_id: UUID | None = None) -> str:
    """Give where a sealed file lies; with its id where two uploads may be the same bytes.

    What we seal never is. What a client sealed he may send twice, and the upload that fails removes
    its own file, not the other.
    """
    name = stored_digest.hex()
    return f"sealed/{procedure_id}/{name if attachment_id is None else f'{name}-{attachment_id}'}"


def check_released(scan: Scan, invalid_reason: str | None = None) -> None:
    """Refuse what did not open or what the scanner refused; raises Conflict."""
    if invalid_reason is not None:
        raise Conflict(f"This document cannot be read. {invalid_reason}")
    if scan is Scan.REFUSED:
        raise Conflict("The scanner refuses this document; it is released to nobody.")


async def verdict_now(platform: Platform, data: bytes) -> Scan:
    """Scan what could not be scanned before; raises Unavailable while the scanner is away."""
    verdict, reason = await scanned(platform, data)
    if verdict is Scan.UNSCANNED:
        raise Unavailable(reason, retry_after_s=30)
    return verdict


async def keep_verdict(
    platform: Platform,
    table: type[DocumentRow | OpenedAttachmentRow],
    row_id: UUID,
    verdict: Scan,
) -> None:
    """Keep what the scanner said at last: by the engine, for no reader may change such a row."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.execute(update(table).where(table.id == row_id).values(scan=verdict.value))
