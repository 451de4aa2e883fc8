"""What waits for a worker, asked for all of its loops together by one round trip.

The answer is a hint: whoever acts on it looks again under lock. Postgres could tell of it (NOTIFY),
but commits that notify wait for each other; see docs/decisions/0110-a-worker-looks.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from marketplace.platform.database import HasDatabase, Role
from marketplace.platform.timers import NEXT_TIMER


@dataclass(frozen=True, slots=True)
class Backlog:
    """What there is to do; `timer_in_s` until the next timer, None where none is due soon."""

    outbox: bool
    audit: bool
    last_event: int
    timer_in_s: float | None

    @property
    def timer_is_due(self) -> bool:
        """Whether a timer may be taken now."""
        return self.timer_in_s is not None and self.timer_in_s <= 0


_LOOK: Final = f"""
select exists (select from outbox) as outbox,
       exists (select from audit_intake) as audit,
       (select last from event_counter) as last_event,
       ({NEXT_TIMER}) as timer_in_s
"""  # noqa: S608 - of constants


async def look(platform: HasDatabase, timer_kinds: Sequence[str]) -> Backlog:
    """Read what waits, timers of these kinds among it."""
    pool = await platform.database.fast(Role.WORKER)
    (row,) = await pool.fetch(_LOOK, timer_kinds)
    return Backlog(row["outbox"], row["audit"], row["last_event"], row["timer_in_s"])
