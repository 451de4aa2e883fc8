"""Writing on other lots what happens on one.

Overtime of all lots moves their closes, and a lot that ended lets the next one begin. Both are
written in the transaction of the bid or the close that brought them about: no lot closes while
another's overtime is on its way to it, and no lot waits for a worker that died.

Who writes on several lots locks them in the order of their identifiers, which is that of their
places: the lots of an auction whose overtime is common all at once, a following lot after the one
before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from auctions.engine.decide import decide
from auctions.engine.events import Event, FollowClose, FollowLot, Rejection, StartMoved
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.ledger.connection import fetch
from auctions.ledger.head import Head
from auctions.ledger.reading import Remembered, current_heads
from auctions.ledger.writing import Addition, append_all
from auctions.neighbours import moved_by

START: Final = "auctions.start"
"""The timer of a lot's start."""

_HEAD: Final = "id, seq as last, epoch, hash, terms->>'currency' as currency"
_OTHERS: Final = f"""
select {_HEAD} from auction_lots
where auction_id = (select auction_id from auction_lots where id = $1)
  and id <> $1 and phase = 'open' and seq > 0
order by id
"""  # noqa: S608 - constants of this module
_NEXT: Final = f"""
select {_HEAD} from auction_lots
where auction_id = (select auction_id from auction_lots where id = $1)
  and id <> $1 and phase = 'scheduled' and seq > 0 and terms->'follows'->>'lot' = ($1::uuid)::text
order by id for update
"""  # noqa: S608 - constants of this module
_BEGIN: Final = f"""
with moved as (update auction_lots set starts_at = $2 where id = $1)
insert into timers (kind, subject_id, due_at) values ('{START}', $1, $2)
on conflict (kind, subject_id)
do update set due_at = excluded.due_at, leased_until = null, attempts = 0
"""  # noqa: S608 - constants of this module


_FIND: Final[Mapping[type, str]] = {FollowClose: _OTHERS, FollowLot: _NEXT}


def moves_others(state: LotState, events: Sequence[Event]) -> bool:
    """Tell whether these events may mean something for other lots."""
    return next(moved_by(state, events), None) is not None


async def move_others(
    connection: Any, state: LotState, events: Sequence[Event], remembered: Remembered
) -> list[Head]:
    """Write on other lots what these events of a lot mean for them; give their heads."""
    additions = []
    for command in moved_by(state, events):
        lots = await fetch(connection, _FIND[type(command)], state.lot_id)
        for head in (await current_heads(connection, lots, remembered)).values():
            decision = decide(head.state, command, state.at)
            if not isinstance(decision, Rejection):
                additions.append(Addition(head, decision, replay(decision, head.state)))
    heads = await append_all(connection, additions) if additions else []
    for addition in additions:
        for event in addition.events:
            if isinstance(event, StartMoved):
                await fetch(connection, _BEGIN, addition.state.lot_id, event.starts_at)
    return heads


def lock(lot_id: UUID, remembered: Head | None) -> str:
    """Give the statement that locks a lot for writing, and those its overtime may move.

    `remembered` has its terms, which never change; None if it is not remembered.
    """
    # Identifiers are UUIDs, never text from outside.
    alone = f"SELECT FROM auction_lots WHERE id = '{lot_id}' FOR UPDATE"
    if remembered is not None:
        overtime = remembered.state.terms.overtime
        if overtime is None or not overtime.all_lots:
            return alone
    return f"""SELECT FROM auction_lots WHERE id = any(array(
        SELECT o.id FROM auction_lots l JOIN auction_lots o ON o.id = l.id
            OR o.auction_id = l.auction_id AND (l.terms->'overtime'->>'all_lots')::boolean
        WHERE l.id = '{lot_id}'
    )) ORDER BY id FOR UPDATE"""  # noqa: S608
