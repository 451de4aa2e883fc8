"""At the opening: the keys of the files that opened bids name, and of no others."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Row, insert, select

from marketplace.platform.contents.scanning import Scan
from marketplace.platform.database import Transaction
from marketplace.platform.timers import set_timer
from rfq.attachments.examining import EXAMINE_TIMER
from rfq.attachments.tables import OpenedAttachmentRow, SealedAttachmentRow
from rfq.procedures.reading import Loaded
from rfq.rules.bid import BidAttachment
from rfq.rules.sealed_files import FilePlace, Slip, read_slip
from rfq.rules.sealing import Box, Broken, Wrapped, unwrapped_box
from rfq.rules.strict_files import named_key

Unwrap = Callable[[Sequence[Box]], Awaitable[Sequence[bytes | None]]]
"""Unwraps slips; gives None for what does not open."""
Named = Mapping[UUID, tuple[UUID, Sequence[BidAttachment]]]
"""By opened bid its bidder and the attachments it names."""


def with_key(key: X25519PrivateKey) -> Unwrap:
    """Unwrap slips with a released key."""

    async def unwrap(boxes: Sequence[Box]) -> Sequence[bytes | None]:
        return [unwrapped_box(box, key) for box in boxes]

    return unwrap


async def open_attachments(
    tx: Transaction, loaded: Loaded, named: Named, unwrap: Unwrap | None
) -> None:
    """Write down what the opened bids name, with the key of each file.

    Where clients sealed there is nothing to unwrap, for bids name the keys; the files are looked at
    for the first time then, soon after (`examining`). What no bid names stays sealed. One that does
    not open says why and stops nothing else.
    """
    ids = [each.attachment_id for _, attachments in named.values() for each in attachments]
    if not ids:
        return
    stored = await _stored(tx, loaded, ids)
    keys: Mapping[tuple[UUID, UUID], Slip | bytes | Broken]
    if unwrap is None:
        keys = {
            (bidder_id, each.attachment_id): named_key(each)
            for bidder_id, attachments in named.values()
            for each in attachments
        }
        await set_timer(tx, EXAMINE_TIMER, loaded.procedure.id, await tx.clock())
    else:
        keys = await _slips(loaded, named, stored, unwrap)
    opened = [
        _opened(
            loaded,
            (bid_id, bidder_id),
            each,
            stored.get((bidder_id, each.attachment_id)),
            keys.get((bidder_id, each.attachment_id)),
        )
        for bid_id, (bidder_id, attachments) in named.items()
        for each in attachments
    ]
    await tx.execute(insert(OpenedAttachmentRow), opened)


Stored = Mapping[tuple[UUID, UUID], Row[Any]]
"""What was uploaded, by bidder and attachment: no bid opens what another bidder uploaded."""


async def _stored(tx: Transaction, loaded: Loaded, ids: Sequence[UUID]) -> Stored:
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
    return {(row.bidder_id, row.id): row for row in rows}


async def _slips(
    loaded: Loaded, named: Named, stored: Stored, unwrap: Unwrap
) -> dict[tuple[UUID, UUID], Slip | bytes | Broken]:
    wanted = {
        (bidder_id, each.attachment_id): (each, row)
        for bidder_id, attachments in named.values()
        for each in attachments
        if (row := stored.get((bidder_id, each.attachment_id))) is not None
    }
    boxes = [
        (
            FilePlace(loaded.procedure.id, bidder_id, id_),
            Wrapped(bytes(row.ephemeral_key), bytes(row.wrapped_slip)),
        )
        for (bidder_id, id_), (_, row) in wanted.items()
    ]
    blocks = await unwrap(boxes)
    return {
        place: read_slip(block, each.sha256)
        for (place, (each, _)), block in zip(wanted.items(), blocks, strict=True)
    }


def _opened(
    loaded: Loaded,
    bid: tuple[UUID, UUID],
    named: BidAttachment,
    row: Row[Any] | None,
    key: Slip | bytes | Broken | None,
) -> dict[str, Any]:
    if row is None:
        key = Broken("The bid names an attachment that its bidder did not upload.")
    slip = key if isinstance(key, Slip) else None
    bid_id, bidder_id = bid
    return {
        "id": named.attachment_id,
        "procedure_id": loaded.procedure.id,
        "buyer_id": loaded.procedure.buyer_id,
        "bidder_id": bidder_id,
        "bid_id": bid_id,
        "name": named.name,
        "part": named.part.value,
        "kind": slip and slip.kind.value,
        "size_bytes": slip and slip.size,
        "digest": bytes.fromhex(named.sha256),
        "stored_digest": row and bytes(row.stored_digest),
        "file_key": bytes.fromhex(slip.key) if slip else key if isinstance(key, bytes) else None,
        "scan": Scan.UNSCANNED.value if row is None else row.scan,
        "invalid_reason": key.reason if isinstance(key, Broken) else None,
    }
