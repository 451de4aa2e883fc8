"""Forgets events that are older than the feed keeps them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update

from marketplace.integration.tables import FeedFloorRow
from marketplace.kernel.limits import EVENT_BATCH_MAX, EVENT_DAYS_KEPT
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.timers import set_timer

TIMER: Final = "integration.forget_events"
SUBJECT: Final = UUID(int=7)
"""The timer's subject; there is one feed."""
EVERY: Final = timedelta(hours=6)

# Only a prefix goes, up to the first event that is young enough: numbers stay without a gap.
_FORGET: Final = text("""
with oldest as materialized (
    select number, audience, occurred_at from events
    where number > :floor order by number limit :batch
), gone as materialized (
    delete from events e using oldest o
    where e.number = o.number
      and o.number < coalesce(
          (select min(number) from oldest where occurred_at >= :cutoff), 9223372036854775807)
    returning e.number, e.audience
), unaddressed as (
    delete from event_audience a
    using (select number, unnest(audience) as organization_id from gone) g
    where a.organization_id = g.organization_id and a.number = g.number
)
select max(number) as number, count(*) as forgotten from gone
""")


async def forget_events(platform: Platform) -> int:
    """Forget one batch of events older than what is kept; give how many.

    Consumers inside the product are not asked: they are seconds behind, not a year.
    """
    async with system_transaction(platform, Role.WORKER) as tx:
        floor = await tx.scalar(select(FeedFloorRow.number).with_for_update())
        cutoff = tx.opened_at - timedelta(days=EVENT_DAYS_KEPT)
        gone = await tx.one(_FORGET.bindparams(floor=floor, batch=EVENT_BATCH_MAX, cutoff=cutoff))
        if gone.forgotten:
            await tx.execute(
                update(FeedFloorRow).values(number=gone.number, forgotten_at=tx.opened_at)
            )
    count: int = gone.forgotten
    return count


async def forget_and_come_again(platform: Platform, _subject: UUID) -> None:
    """Forget all that is too old, and set the timer for the next time."""
    while await forget_events(platform):
        pass
    async with system_transaction(platform, Role.WORKER) as tx:
        await set_timer(tx, TIMER, SUBJECT, tx.opened_at + EVERY)


@asynccontextmanager
async def keep_forgetting(platform: Platform) -> AsyncIterator[None]:
    """Set the timer when a worker starts; that it is set twice does no harm."""
    async with system_transaction(platform, Role.WORKER) as tx:
        await set_timer(tx, TIMER, SUBJECT, tx.opened_at)
    yield
