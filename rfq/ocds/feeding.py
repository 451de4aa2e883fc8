"""Give releases their places in the feed, and keep the records merged of them.

Releases are made by many transactions at once, which commit in another order than they began. A
place is given afterwards, one at a time, to what is committed: so a reader who has come to a place
never misses one before it.
"""

import hashlib
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from marketplace.platform.outbox import NumberedEvent
from rfq.ocds.merging import merged
from rfq.ocds.tables import FeedRow, RecordRow, ReleaseRow

FEED_LOCK: Final = 0x6D61726B_00000710
"""Key of the advisory lock under which places are given: parked events are retried meanwhile."""


async def take_into_feed(_platform: Platform, tx: Transaction, event: NumberedEvent) -> None:
    """Give one release the next place, and merge the record of its process: a consumer's work."""
    await tx.execute(select(func.pg_advisory_xact_lock(FEED_LOCK)))
    release = await tx.one(
        select(ReleaseRow.procedure_id, ReleaseRow.ocid).where(ReleaseRow.id == event.subject_id)
    )
    last = await tx.scalar(select(func.max(FeedRow.number))) or 0
    await tx.execute(
        insert(FeedRow).values(
            number=last + 1, release_id=event.subject_id, published_at=await tx.clock()
        )
    )
    await _merge(tx, release.procedure_id, release.ocid)


async def _merge(tx: Transaction, procedure_id: UUID, ocid: str) -> None:
    """Merge all releases of a process that there are, whichever of them is in the feed by now."""
    rows = await tx.all(
        select(ReleaseRow.document)
        .where(ReleaseRow.procedure_id == procedure_id)
        .order_by(ReleaseRow.number)
    )
    compiled = merged([row.document for row in rows])
    values = {
        "releases": len(rows),
        "compiled": compiled.decode(),
        "digest": hashlib.sha256(compiled).digest(),
        "merged_at": await tx.clock(),
    }
    await tx.execute(
        upsert(RecordRow)
        .values(procedure_id=procedure_id, ocid=ocid, **values)
        .on_conflict_do_update(index_elements=["procedure_id"], set_=values)
    )
