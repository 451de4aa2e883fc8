"""Timers: a reminder to act on a subject at an instant of the one clock.

A timer is a hint. The work it calls decides again, under lock and on the clock, whether it is time;
so a timer may fire twice, late, or from several workers, and nothing happens twice. While a worker
handles a timer it holds a lease; where it dies, another takes over when the lease has run out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from marketplace.platform.database import HasDatabase, Role, Transaction, system_transaction
from marketplace.platform.tables import TimerRow
from marketplace.platform.telemetry import TIMER_LATENESS_SECONDS, TIMERS_FIRED, log

P = TypeVar("P", bound=HasDatabase)
Fire = Callable[[P, UUID], Awaitable[None]]

LEASE: Final = timedelta(seconds=3)
"""What a killed worker had begun waits so long: less than the 5 s in which all must work again."""
POLL_SECONDS: Final = 0.1
"""How often new timers are looked for; known ones are slept up to exactly."""
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class TimerKey:
    """A timer as it was when a worker took it."""

    kind: str
    subject_id: UUID
    due_at: datetime


async def set_timer(tx: Transaction, kind: str, subject_id: UUID, due_at: datetime) -> None:
    """Remind of a subject at `due_at`; an earlier reminder of the same kind moves there."""
    values = {"due_at": due_at, "leased_until": None, "attempts": 0}
    await tx.execute(
        insert(TimerRow)
        .values(kind=kind, subject_id=subject_id, **values)
        .on_conflict_do_update(index_elements=["kind", "subject_id"], set_=values)
    )


async def fire_due(platform: P, handlers: Mapping[str, Fire[P]]) -> float:
    """Handle all timers that are due; give the seconds to sleep until the next may be."""
    async with system_transaction(platform, Role.WORKER) as tx:
        now = await tx.clock()
        due = (
            select(TimerRow.kind, TimerRow.subject_id)
            .where(
                TimerRow.due_at <= now,
                or_(TimerRow.leased_until.is_(None), TimerRow.leased_until < now),
            )
            .order_by(TimerRow.due_at)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        )
        taken = await tx.all(
            update(TimerRow)
            .where(tuple_(TimerRow.kind, TimerRow.subject_id).in_(due))
            .values(leased_until=now + LEASE, attempts=TimerRow.attempts + 1)
            .returning(TimerRow.kind, TimerRow.subject_id, TimerRow.due_at, TimerRow.attempts)
        )
        next_due = await tx.scalar(select(func.min(TimerRow.due_at)).where(TimerRow.due_at > now))
    await asyncio.gather(
        *(
            _fire(platform, handlers, TimerKey(row.kind, row.subject_id, row.due_at), now)
            for row in sorted(taken, key=lambda row: row.due_at)
        )
    )
    if taken:
        return 0.0
    if next_due is None:
        return POLL_SECONDS
    seconds: float = (next_due - now).total_seconds()
    return min(POLL_SECONDS, max(0.0, seconds))


async def _fire(
    platform: P, handlers: Mapping[str, Fire[P]], timer: "TimerKey", now: datetime
) -> None:
    try:
        await handlers[timer.kind](platform, timer.subject_id)
    except Exception:  # noqa: BLE001 - one timer's failure stops no other; the lease brings it back
        log.exception("timer_failed", kind=timer.kind, subject=str(timer.subject_id))
        return
    TIMERS_FIRED.labels(timer.kind).inc()
    TIMER_LATENESS_SECONDS.observe((now - timer.due_at).total_seconds())
    async with system_transaction(platform, Role.WORKER) as tx:
        # A handler may have moved its timer; only the one we saw goes.
        await tx.execute(
            delete(TimerRow).where(
                and_(
                    TimerRow.kind == timer.kind,
                    TimerRow.subject_id == timer.subject_id,
                    TimerRow.due_at == timer.due_at,
                )
            )
        )
