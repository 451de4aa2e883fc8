"""The feed: what happened, in one order, for those who may know.

It is read from `events`, whose numbers follow the commits without a gap (see `platform/outbox.py`):
so a cursor never passes over an event that is still to be committed. Reading changes nothing; a
reader who keeps his cursor after he has stored the items gets each of them at least once.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal
from uuid import UUID

from marketplace.integration.cursor import CursorSeal
from marketplace.integration.pulse import Pulse
from marketplace.integration.schemas import EventView, FeedView, Subject
from marketplace.kernel.errors import Gone
from marketplace.kernel.events import PUBLIC
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import fast_read

Place = int | Literal["oldest", "latest"]
"""The number of the last event read; or the begin of what is kept; or the end."""

# One statement, one snapshot: whatever is numbered up to `last` is seen by it. Two short ranges of
# an index, the company's and everybody's, whose union is the feed.
_READ: Final = """
with bounds as materialized (
    select c.last, f.number as floor,
           case $2::bigint when -1 then c.last when -2 then f.number else $2::bigint end as place
    from event_counter c cross join feed_floor f
), addressed as (
    (select number from event_audience
     where organization_id = $1 and number > (select place from bounds)
     order by number limit $3)
    union
    (select number from event_audience
     where organization_id = $4 and number > (select place from bounds)
     order by number limit $3)
    order by number limit $3
), found as (
    select e.number, e.event_id, e.kind, e.subject_kind, e.subject_id, e.version, e.payload,
           e.occurred_at
    from addressed a join events e on e.number = a.number
)
select b.last, b.floor, found.* from bounds b left join found on true order by found.number
"""


def place_of(seal: CursorSeal, company_id: UUID, after: str) -> Place:
    """Read `after`: ``0``, ``oldest``, ``latest`` or a cursor; raises MalformedRequest."""
    if after == "0":
        return 0
    if after == "oldest":
        return "oldest"
    if after == "latest":
        return "latest"
    return seal.open(company_id, after)


async def read_feed(
    platform: Platform, caller: Caller, *, after: str, limit: int, wait_seconds: int
) -> FeedView:
    """Read up to `limit` events behind a cursor; wait for the first where there is none yet.

    Raises NotPermitted, MalformedRequest for a foreign cursor, and Gone where events behind the
    cursor are no longer kept.
    """
    caller.require("events:read")
    place = place_of(platform.get(CursorSeal), caller.organization_id, after)
    if not wait_seconds or place == "latest":
        return await _read(platform, caller, place, limit)
    async with platform.get(Pulse).hearing(caller.organization_id) as heard:
        view = await _read(platform, caller, place, limit)
        if view.items or heard is None:
            return view
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                await heard.wait()
        return await _read(platform, caller, place, limit)


_SPECIAL: Final = {"latest": -1, "oldest": -2}


async def _read(platform: Platform, caller: Caller, place: Place, limit: int) -> FeedView:
    company_id = caller.organization_id
    number = place if isinstance(place, int) else _SPECIAL[place]
    async with fast_read(platform, caller) as connection:
        rows = await connection.fetch(_READ, company_id, number, limit + 1, PUBLIC)
    if isinstance(place, int) and place < rows[0]["floor"]:
        raise Gone(
            "Events behind this cursor are no longer kept. Take a new one with after=latest, read "
            "the present state from the lists (orders, contracts, …), then follow from that cursor;"
            " after=oldest gives what is kept."
        )
    found = [row for row in rows if row["number"] is not None]
    return feed_view(found, limit, rows[0]["last"], platform.get(CursorSeal), company_id)


def feed_view(
    found: Sequence[Any],
    limit: int,
    last: int,
    seal: CursorSeal,
    company_id: UUID,
) -> FeedView:
    """Show up to `limit` of the rows found; without more of them the cursor goes to the end.

    So a company that rarely gets an event does not fall behind what is kept.
    """
    shown, more = found[:limit], len(found) > limit
    return FeedView(
        items=[
            EventView(
                id=row["event_id"],
                kind=row["kind"],
                subject=Subject(kind=row["subject_kind"], id=row["subject_id"]),
                version=row["version"],
                occurred_at=row["occurred_at"],
                data=row["payload"],
            )
            for row in shown
        ],
        next=seal.seal(company_id, shown[-1]["number"] if more else last),
        more=more,
    )
