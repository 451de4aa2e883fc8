"""Attachments of strict procedures: sealed by the bidder's own program, taken in as they are.

Of such a file the server knows its size and hash, and nothing else before the opening.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import func, select

from marketplace.kernel.errors import invalid
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.contents.receiving import (
    HeldContents,
    digest_of,
    gathered,
    keep_file,
)
from marketplace.platform.contents.scanning import Scan
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from rfq.attachments.contents import sealed_key
from rfq.attachments.schemas import SealedUploadView
from rfq.attachments.sealed import check_uploading, keep_upload
from rfq.bids.receiving import bids_lock
from rfq.rules.sealed_files import FilePlace, SealedFile
from rfq.rules.sealing import Wrapped
from rfq.rules.strict_files import SEALED_FILE_BYTES_MAX, check_sealed_size

NO_SLIP = Wrapped(b"", b"")
"""The key stands in the bid."""


async def upload_sealed(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    sha256: str,
    chunks: AsyncIterator[bytes],
) -> SealedUploadView:
    """Take in a file that the bidder sealed; the same bytes again are the same attachment.

    Raises NotFound, NotPermitted, WrongState at or after the deadline, Conflict where the procedure
    seals files itself and beyond the bound, BodyTooLarge, InvalidInput for what did not arrive as
    it was sent, or cannot be a sealed file.
    """
    caller.require("bids:write")
    bidder_id = caller.organization_id
    async with transaction(platform, caller) as tx:
        await check_uploading(tx, caller, procedure_id, strict=True)
    place = FilePlace(procedure_id, bidder_id, new_id())
    with platform.get(HeldContents).room(bidder_id):
        data = await gathered(chunks, SEALED_FILE_BYTES_MAX)
        check_sealed_size(len(data))
        digest = await digest_of(data)
        if digest.hex() != sha256:
            detail = f"What arrived has the SHA-256 {digest.hex()}: send the file again."
            raise invalid("/sha256", "other_content", detail)
        key = sealed_key(procedure_id, digest, place.attachment_id)
        await keep_file(platform, key, data)
        sealed = SealedFile(data, NO_SLIP)
    try:
        async with transaction(platform, caller) as tx:
            await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
            await check_uploading(tx, caller, procedure_id, strict=True)
            row = await keep_upload(
                tx, place, sealed, Scan.UNSCANNED, address=digest, stored_digest=digest
            )
    except BaseException:
        await platform.files.delete(key)
        raise
    if row.id != place.attachment_id:
        await platform.files.delete(key)
    return SealedUploadView(
        id=row.id,
        procedure_id=procedure_id,
        sealed_sha256=sha256,
        sealed_bytes=len(data),
        uploaded_at=row.uploaded_at,
    )
