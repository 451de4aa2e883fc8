"""From committed facts to numbered events.

A business transaction writes its events to the outbox after it has locked their subject. One worker
at a time, under an advisory lock, moves committed rows to `events` and gives them the next numbers.
So numbers have no gap, no committed event is passed over, and the events of one subject keep their
order: a row's `id` was drawn while the subject was locked. (Measured against five other designs in
`docs/decisions/0102-sequencer.md`.)
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text

from marketplace.kernel.limits import EVENT_BATCH_MAX
from marketplace.platform.database import HasDatabase, Role, system_transaction
from marketplace.platform.telemetry import EVENTS_NUMBERED

SEQUENCER_LOCK: Final = 0x6D61726B_00000001
"""Key of the advisory lock that makes the sequencer one."""


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event as consumers inside the product read it."""

    number: int
    event_id: UUID
    kind: str
    subject_kind: str
    subject_id: UUID
    version: int
    audience: frozenset[UUID]
    payload: dict[str, Any]
    occurred_at: datetime


_NUMBER: Final = text("""
with taken as materialized (
    delete from outbox
    where id in (select id from outbox order by id limit :batch)
    returning *
), counter as (
    -- Nothing to number writes nothing: an idle worker would flush the log twenty times a second.
    update event_counter set last = last + (select count(*) from taken)
    where exists (select from taken) returning last
), numbered as materialized (
    select taken.*,
           counter.last - (count(*) over ()) + (row_number() over (order by id)) as number
    from taken cross join counter
), stored as (
    insert into events (number, event_id, kind, subject_kind, subject_id, version, audience,
                        payload, request_id, occurred_at)
    select number, event_id, kind, subject_kind, subject_id, version, audience, payload,
           request_id, occurred_at
    from numbered
    returning number
), addressed as (
    insert into event_audience (organization_id, number)
    select unnest(audience), number from numbered
)
select count(*) from stored
""")


async def number_events(platform: HasDatabase) -> int:
    """Number one batch of committed events; give how many.

    Zero also if another worker is the sequencer at the moment. Whether there is anything to number
    is asked first, by one round trip: that is all an idle worker does here, twenty times a second.
    """
    pool = await platform.database.fast(Role.WORKER)
    if not await pool.fetchval("select exists (select from outbox)"):
        return 0
    async with system_transaction(platform, Role.WORKER) as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(SEQUENCER_LOCK))):
            return 0
        count: int = await tx.scalar(_NUMBER.bindparams(batch=EVENT_BATCH_MAX))
    EVENTS_NUMBERED.inc(count)
    return count
