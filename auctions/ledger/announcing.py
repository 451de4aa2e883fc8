"""Telling companies that an auction, or a lot of it, started or ended, in the ledger's transaction.

An auction of one lot has events of the auction alone. One of several has an event of each lot as
well, for those who may bid on it: a bidder learns nothing of lots he is not invited to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from auctions.engine.events import Cancelled, Closed, Event, Started
from auctions.engine.state import LotState
from auctions.ledger.connection import fetch
from auctions.ledger.telling import conducted
from marketplace.kernel.events import Event as Fact
from marketplace.platform.database import event_row

_WORDS: Final[Mapping[type, str]] = {Started: "started", Closed: "closed", Cancelled: "cancelled"}
_OF_STATUS: Final = {
    "open": "auction.started",
    "closed": "auction.closed",
    "cancelled": "auction.cancelled",
}
# Two statements: the second must see what others committed while the first waited for the lock.
_LOCK: Final = """
select id, status from auctions
where id = (select auction_id from auction_lots where id = $1) for update
"""
_MOVE: Final = """
with now as (
    select count(*) as lots, case
        when bool_or(phase = 'open') or bool_or(phase = 'scheduled') and bool_or(phase = 'closed')
            then 'open'
        when bool_or(phase = 'scheduled') then 'scheduled'
        when bool_or(phase = 'closed') then 'closed'
        else 'cancelled' end as status
    from auction_lots where auction_id = $1
)
update auctions a
set status = now.status, cancelled_because = coalesce($2, a.cancelled_because),
    version = a.version + 1, updated_at = clock()
from now where a.id = $1
returning a.id, a.buyer_id, a.version, a.origin_kind, a.origin_id, a.status, now.lots,
    case when now.lots > 1 then array(
        select distinct p.organization_id from auction_participants p where p.auction_id = $1
    ) end as bidders
"""


def is_announced(events: Sequence[Event]) -> bool:
    """Tell whether the auction's row and the companies concerned learn of any of these."""
    return any(type(event) in _WORDS for event in events)


async def announce(connection: Any, state: LotState, events: Sequence[Event]) -> None:
    """Carry starts and ends of a lot over to its auction, and tell the companies concerned."""
    facts: list[Fact] = []
    for event in events:
        word = _WORDS.get(type(event))
        if word is None:
            continue
        before = (await fetch(connection, _LOCK, state.lot_id))[0]
        reason = event.reason if isinstance(event, Cancelled) else None
        auction = (await fetch(connection, _MOVE, before["id"], reason))[0]
        if auction["lots"] == 1:
            facts.append(fact(f"auction.{word}", auction, state.roster, of_lot(state)))
            continue
        facts.append(fact(f"auction.lot_{word}", auction, state.roster, of_lot(state)))
        if auction["status"] != before["status"] and auction["status"] in _OF_STATUS:
            facts.append(fact(_OF_STATUS[auction["status"]], auction, auction["bidders"], {}))
    facts += await conducted(connection, state, events)
    if facts:
        rows = msgspec.json.encode([event_row(each) for each in facts]).decode()
        await fetch(connection, "select record_facts($1::text::jsonb, '[]'::jsonb)", rows)


def of_lot(state: LotState) -> dict[str, Any]:
    """Give what an event tells of a lot: which, and when it closes; never the result."""
    return {"lot_id": state.lot_id, "closes_at": state.closes_at}


def fact(kind: str, auction: Any, bidders: Iterable[UUID], facts: Mapping[str, Any]) -> Fact:
    """Give an event of an auction; buyer and bidders read the same."""
    origin = None
    if auction["origin_kind"] is not None:
        origin = {"kind": auction["origin_kind"], "id": auction["origin_id"]}
    return Fact(
        kind=kind,
        subject_kind="auction",
        subject_id=auction["id"],
        version=auction["version"],
        audience=frozenset((auction["buyer_id"], *bidders)),
        payload={**facts, "origin": origin},
    )
