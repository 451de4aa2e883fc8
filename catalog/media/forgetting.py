"""Uploaded media that no product shows are removed by who may, or forgotten after a while.

Whoever uploads one sets its timer, and whoever takes it from a product sets it anew. What fires
finds out whether it is shown by then, or waits to be.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, literal_column, select

from catalog.media.addresses import address_of
from catalog.media.tables import MediumRow
from catalog.products.tables import ProductMediaRow, ProductSuggestionRow
from marketplace.kernel.limits import MEDIA_DAYS_KEPT
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.feature import Timer
from marketplace.platform.timers import set_timers

GRACE: Final = timedelta(days=MEDIA_DAYS_KEPT)
SHOWN: Final = (
    select(ProductMediaRow.medium_id)
    .where(ProductMediaRow.medium_id == MediumRow.id)
    .limit(literal_column("1"))
    .correlate(MediumRow)
    .scalar_subquery()
    .is_not(None)
)
"""Some product shows it; a scalar sub-select, which is looked up by key for each row."""


def file_key(owner_id: UUID, digest: bytes) -> str:
    """Give where a content lies: by owner, so that nobody's deletion takes another's."""
    return f"media/{owner_id}/{bytes(digest).hex()}"


async def remind(tx: Transaction, media_ids: Collection[UUID]) -> None:
    """Look after the grace whether these are still shown by a product; one statement for all."""
    if media_ids:
        await set_timers(tx, TIMER.kind, media_ids, await tx.clock() + GRACE)


async def forget_medium(platform: Platform, medium_id: UUID) -> None:
    """Remove an upload that no product shows and no open suggestion names.

    Somebody who shows it at this moment waits, and is refused.
    """
    async with system_transaction(platform, Role.WORKER) as tx:
        suggested = await tx.scalar(
            select(ProductSuggestionRow.id)
            .where(
                ProductSuggestionRow.state == "open",
                ProductSuggestionRow.content.contains({"media": [{"url": address_of(medium_id)}]}),
            )
            .limit(1)
        )
        if suggested is not None:
            await remind(tx, [medium_id])
            return
        aged = MediumRow.uploaded_at <= await tx.clock() - GRACE
        row = await remove(platform, tx, (MediumRow.id == medium_id) & aged & ~SHOWN)
        if row is not None:
            owner_id = row.owner_id
            tx.record(
                "medium.forgotten", "medium", medium_id, before=facts(row), organization_id=owner_id
            )


async def remove(
    platform: Platform, tx: Transaction, which: ColumnElement[bool]
) -> Row[Any] | None:
    """Remove an upload with its content, and give what its row was; None where there is none.

    The content goes before the commit. Should that fail, the row is still there and it is tried
    again; and who sends the same meanwhile waits for the row, so that his is not taken away.
    """
    row = await tx.maybe(
        delete(MediumRow)
        .where(which)
        .returning(MediumRow.owner_id, MediumRow.digest, MediumRow.file_name)
    )
    if row is not None:
        await platform.files.delete(file_key(row.owner_id, row.digest))
    return row


def facts(row: Row[Any]) -> dict[str, object]:
    """Give what the audit trail says of a medium that is gone."""
    return {"file_name": row.file_name, "sha256": bytes(row.digest).hex()}


TIMER: Final = Timer("catalog.medium", forget_medium)
