"""Attachments that a bid names: they must be its bidder's, and be what it says."""

import hmac
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from rfq.attachments.tables import SealedAttachmentRow
from rfq.rules.bid import BidAttachment, Part
from rfq.rules.sealed_files import content_address
from rfq.rules.sealing import Place

ADDRESS_KEY: Final = "rfq attachment addresses"


async def check_attachments(
    platform: Platform, tx: Transaction, place: Place, named: Sequence[BidAttachment]
) -> None:
    """Refuse a bid that names what its bidder did not upload, or another content under its id.

    Raises InvalidInput with every place at once.
    """
    if not named:
        return
    rows = await tx.all(
        select(SealedAttachmentRow.id, SealedAttachmentRow.address, SealedAttachmentRow.part).where(
            SealedAttachmentRow.procedure_id == place.procedure_id,
            SealedAttachmentRow.bidder_id == place.bidder_id,
            SealedAttachmentRow.id.in_([each.attachment_id for each in named]),
        )
    )
    uploaded = {row.id: row for row in rows}
    secret = platform.secrets.key(ADDRESS_KEY)
    errors = []
    for number, each in enumerate(named):
        pointer = f"/attachments/{number}"
        known = uploaded.get(each.attachment_id)
        if known is None:
            detail = "Your company uploaded no such attachment to this procedure."
            errors.append(FieldError(f"{pointer}/attachment_id", "unknown_attachment", detail))
            continue
        apart = known.part == Part.FINANCIAL
        if apart is not (each.part is Part.FINANCIAL):
            detail = "The attachment was uploaded for the other envelope."
            errors.append(FieldError(f"{pointer}/part", "other_envelope", detail))
            continue
        said = content_address(
            secret, place.procedure_id, place.bidder_id, each.sha256, Part(known.part)
        )
        if not hmac.compare_digest(said, bytes(known.address)):
            detail = "The attachment uploaded under this id has another SHA-256."
            errors.append(FieldError(f"{pointer}/sha256", "other_content", detail))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
