"""What happens beside starts, ends and bids, as facts for the feed; and the clock set again."""

from collections.abc import Sequence
from typing import Any, Final

from auctions.conduct.telling import Auctioned, facts, facts_of
from auctions.engine.events import Event, Resumed
from auctions.engine.state import LotState
from auctions.ledger.connection import fetch
from marketplace.kernel.events import Event as Fact

CLOSE_TIMER: Final = "auctions.close"
"""The kind of the timer that reminds of a lot's next deadline once it runs."""

_AUCTION: Final = """
select a.id, a.buyer_id, a.version from auctions a join auction_lots l on l.auction_id = a.id
where l.id = $1
"""
_REMIND: Final = f"""
insert into timers (kind, subject_id, due_at, attempts) values ('{CLOSE_TIMER}', $1, $2, 0)
on conflict (kind, subject_id) do update
set due_at = excluded.due_at, leased_until = null, attempts = 0
"""  # noqa: S608 - a constant of this module


async def conducted(connection: Any, state: LotState, events: Sequence[Event]) -> list[Fact]:
    """Give the facts of a lot that was conducted, and set its timer again if its clock goes on.

    `state` is the one after the events. While a lot was paused no timer waited for its close.
    """
    if any(isinstance(event, Resumed) for event in events):
        deadline = state.deadline()
        if deadline is not None:
            await fetch(connection, _REMIND, state.lot_id, deadline)
    told = [found for event in events if (found := facts_of(event, state)) is not None]
    if not told:
        return []
    row = (await fetch(connection, _AUCTION, state.lot_id))[0]
    return facts(Auctioned(row["id"], row["buyer_id"], row["version"]), state, told)
