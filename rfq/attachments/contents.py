"""Where attachments lie, whether one is released, and how many are given out at once."""

from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.errors import Conflict, Unavailable
from marketplace.kernel.limits import (
    ATTACHMENTS_OUT_AT_ONCE_MAX,
    ATTACHMENTS_OUT_OF_COMPANY_MAX,
    DOCUMENTS_OUT_AT_ONCE_MAX,
    DOCUMENTS_OUT_OF_COMPANY_MAX,
)
from marketplace.platform.contents.scanning import Scan, scanned
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.shares import Shares
from rfq.attachments.tables import DocumentRow, OpenedAttachmentRow

_REFUSAL = "Other documents are under way; ask again in a moment."


class DocumentsGivenOut(Shares):
    """Documents on their way out of this process, which are read while their readers take them."""

    def __init__(self) -> None:
        most = (DOCUMENTS_OUT_AT_ONCE_MAX, DOCUMENTS_OUT_OF_COMPANY_MAX)
        super().__init__(*most, refusal=_REFUSAL, retry_after_s=2)


class AttachmentsGivenOut(Shares):
    """Attachments on their way out, which were opened and are held whole until they are taken."""

    def __init__(self) -> None:
        most = (ATTACHMENTS_OUT_AT_ONCE_MAX, ATTACHMENTS_OUT_OF_COMPANY_MAX)
        super().__init__(*most, refusal=_REFUSAL, retry_after_s=2)


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
