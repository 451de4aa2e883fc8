"""What companies are told of a lot: that it was scheduled, began, or ended."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from auctions.engine.events import Cancelled, Closed, Event, Started
from auctions.engine.state import LotState
from auctions.ledger.connection import fetch
from auctions.ledger.head import Head
from auctions.ledger.telling import conducted
from marketplace.kernel.events import Event as Fact
from marketplace.platform.database import event_row

_STATUS: Final = {Started: "open", Closed: "closed", Cancelled: "cancelled"}
_ANNOUNCED: Final[Mapping[type, str]] = {
    Started: "auction.started",
    Closed: "auction.closed",
    Cancelled: "auction.cancelled",
}
_MOVE_AUCTION: Final = """
update auctions
set status = $2, cancelled_because = $3, version = version + 1, updated_at = clock()
where id = (select auction_id from auction_lots where id = $1)
returning id, buyer_id, version, origin_kind, origin_id
"""


def is_announced(events: Sequence[Event]) -> bool:
    """Tell whether the auction's row and the companies concerned learn of any of these."""
    return any(type(event) in _ANNOUNCED for event in events)


async def announce(connection: Any, head: Head, events: Sequence[Event]) -> None:
    """Carry a start or an end over to the auction and tell the companies concerned."""
    facts = []
    for event in events:
        kind = _ANNOUNCED.get(type(event))
        if kind is None:
            continue
        reason = event.reason if isinstance(event, Cancelled) else None
        lot_id, status = head.state.lot_id, _STATUS[type(event)]
        row = (await fetch(connection, _MOVE_AUCTION, lot_id, status, reason))[0]
        facts.append(announcement(kind, row, head.state))
    facts += await conducted(connection, head.state, events)
    if facts:
        rows = msgspec.json.encode([event_row(fact) for fact in facts]).decode()
        await fetch(connection, "select record_facts($1::text::jsonb, '[]'::jsonb)", rows)


def announcement(kind: str, auction: Any, state: LotState) -> Fact:
    """Give the fact that an auction was scheduled, started, closed or cancelled.

    Buyer and bidders read the same: which auction, and when it closes. The result is not in it.
    """
    origin = None
    if auction["origin_kind"] is not None:
        origin = {"kind": auction["origin_kind"], "id": auction["origin_id"]}
    return Fact(
        kind=kind,
        subject_kind="auction",
        subject_id=auction["id"],
        version=auction["version"],
        audience=frozenset((auction["buyer_id"], *state.roster)),
        payload={"lot_id": state.lot_id, "closes_at": state.closes_at, "origin": origin},
    )
