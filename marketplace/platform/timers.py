"""Timers: a reminder to act on a subject at an instant of the one clock.

A timer is a hint. The work it calls decides again, under lock and on the clock, whether it is time;
so a timer may fire twice, late, or from several workers, and nothing happens twice. While a worker
handles a timer it holds a lease; where it dies, another takes over when the lease has run out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from marketplace.kernel.limits import TIMERS_AT_ONCE_MAX
from marketplace.platform.database import HasDatabase, Role, Transaction
from marketplace.platform.tables import TimerRow
from marketplace.platform.tasks import end
from marketplace.platform.telemetry import TIMER_LATENESS_SECONDS, TIMERS_FIRED, log

P = TypeVar("P", bound=HasDatabase)
Fire = Callable[[P, UUID], Awaitable[None]]

LOOK_SECONDS: Final = 0.05
"""How often a worker looks for work, timers that were set meanwhile among it."""
TAKEN_SECONDS: Final = 0.005
"""The next look where another worker took what was due; another timer may be due at once."""
LEASE: Final = timedelta(seconds=3)
"""What a killed worker had begun waits so long: less than the 5 s in which all must work again."""


NEXT_TIMER: Final = """
select extract(epoch from min(greatest(due_at, leased_until)) - (select clock()))::float
from timers
where due_at <= (select clock()) + interval '1 second' and kind = any($1)
"""
"""Seconds until the next timer of these kinds, null where none is due within one.

The clock is asked in subqueries, once: as a volatile function it would keep the index from use.
"""


_TAKE: Final = """
with now as materialized (select clock() as at),
due as (
    select kind, subject_id from timers
    where kind = any($1) and due_at <= (select at from now)
      and (leased_until is null or leased_until < (select at from now))
      and (kind, subject_id) not in (select * from unnest($2::text[], $3::uuid[]))
    order by due_at limit $4 for update skip locked
)
update timers set leased_until = (select at from now) + $5::interval, attempts = attempts + 1
from due where timers.kind = due.kind and timers.subject_id = due.subject_id
returning timers.kind, timers.subject_id, timers.due_at, (select at from now) as taken_at
"""
_RENEW: Final = """
with now as materialized (select clock() as at)
update timers set leased_until = (select at from now) + $3::interval
where (kind, subject_id) in (select * from unnest($1::text[], $2::uuid[]))
  and leased_until < (select at from now) + $3::interval / 2
"""
# A handler may have moved its timer, or set it anew for the same instant because the clock was put
# back meanwhile; only the one we took goes.
_FORGET: Final = """
delete from timers
where kind = $1 and subject_id = $2 and due_at = $3 and leased_until is not null
"""
_SET: Final = """
insert into timers (kind, subject_id, due_at, leased_until, attempts) values ($1, $2, $3, null, 0)
on conflict (kind, subject_id) do update
set due_at = excluded.due_at, leased_until = null, attempts = 0
"""


@dataclass(frozen=True, slots=True)
class TimerKey:
    """A timer as it was when a worker took it."""

    kind: str
    subject_id: UUID
    due_at: datetime


async def set_timer(tx: Transaction, kind: str, subject_id: UUID, due_at: datetime) -> None:
    """Remind of a subject at `due_at`; an earlier reminder of the same kind moves there."""
    await set_timers(tx, kind, [subject_id], due_at)


async def set_timers(
    tx: Transaction, kind: str, subject_ids: Collection[UUID], due_at: datetime
) -> None:
    """Remind of each subject, as `set_timer`; one statement for all."""
    values = {"due_at": due_at, "leased_until": None, "attempts": 0}
    # In one order, so that two who set the same ones do not wait for each other.
    rows = [{"kind": kind, "subject_id": each, **values} for each in sorted(set(subject_ids))]
    await tx.execute(
        insert(TimerRow)
        .values(rows)
        .on_conflict_do_update(index_elements=["kind", "subject_id"], set_=values)
    )


async def set_again(platform: HasDatabase, kind: str, subject_id: UUID, due_at: datetime) -> None:
    """Remind of a subject at `due_at`, as `set_timer`, from a handler that writes nothing else."""
    pool = await platform.database.fast(Role.WORKER)
    await pool.execute(_SET, kind, subject_id, due_at)


class DueTimers(Generic[P]):
    """Fires the timers of one worker, each in a task of its own: a slow one holds up no other.

    Only kinds with a handler are taken; others wait for a worker that has theirs.
    """

    def __init__(self, platform: P, handlers: Mapping[str, Fire[P]]) -> None:
        self._platform = platform
        self._handlers = handlers
        self._under_way: dict[tuple[str, UUID], asyncio.Task[None]] = {}

    @property
    def under_way(self) -> bool:
        """Whether any is being handled, so that its lease must be kept."""
        return bool(self._under_way)

    async def keep_time(self) -> float:
        """Fire what is due, or will be before the next look; give the seconds until that.

        One round trip where nothing is due soon. What is gets waited for to its very instant.
        """
        pool = await self._platform.database.fast(Role.WORKER)
        left: float | None = await pool.fetchval(NEXT_TIMER, list(self._handlers))
        if left is None or left > LOOK_SECONDS:
            if self.under_way:
                await self.fire()  # keeps their leases
            return LOOK_SECONDS
        await asyncio.sleep(max(left, 0.0))
        return 0.0 if await self.fire() else TAKEN_SECONDS

    async def fire(self) -> int:
        """Begin to handle what is due, and keep the leases of what is handled; give how many.

        By single statements on bare connections: a close is told the later the more this costs.
        """
        room = TIMERS_AT_ONCE_MAX - len(self._under_way)
        pool = await self._platform.database.fast(Role.WORKER)
        kinds, subjects = [kind for kind, _ in self._under_way], [id_ for _, id_ in self._under_way]
        if self._under_way:
            await pool.execute(_RENEW, kinds, subjects, LEASE)
        if not room:
            return 0
        taken = await pool.fetch(_TAKE, list(self._handlers), kinds, subjects, room, LEASE)
        for row in sorted(taken, key=lambda row: row["due_at"]):
            timer = TimerKey(row["kind"], row["subject_id"], row["due_at"])
            self._begin(timer, row["taken_at"])
        return len(taken)

    def _begin(self, timer: TimerKey, now: datetime) -> None:
        place = timer.kind, timer.subject_id
        task = asyncio.create_task(_fire(self._platform, self._handlers, timer, now))
        self._under_way[place] = task
        task.add_done_callback(lambda _task: self._under_way.pop(place))

    async def finished(self) -> None:
        """Wait until all that was begun is handled."""
        await asyncio.gather(*self._under_way.values())

    async def stop(self) -> None:
        """Abandon what is under way: another worker takes it when its lease has run out."""
        await end(*self._under_way.values())


async def fire_due(platform: P, handlers: Mapping[str, Fire[P]]) -> int:
    """Handle all timers that are due, to their end; give how many."""
    timers = DueTimers(platform, handlers)
    begun = await timers.fire()
    await timers.finished()
    return begun


async def _fire(
    platform: P, handlers: Mapping[str, Fire[P]], timer: TimerKey, now: datetime
) -> None:
    try:
        await handlers[timer.kind](platform, timer.subject_id)
        await _forget(platform, timer)
    except Exception:  # noqa: BLE001 - one timer's failure stops no other; the lease brings it back
        log.exception("timer_failed", kind=timer.kind, subject=str(timer.subject_id))
        return
    TIMERS_FIRED.labels(timer.kind).inc()
    TIMER_LATENESS_SECONDS.observe((now - timer.due_at).total_seconds())


async def _forget(platform: HasDatabase, timer: TimerKey) -> None:
    pool = await platform.database.fast(Role.WORKER)
    await pool.execute(_FORGET, timer.kind, timer.subject_id, timer.due_at)
