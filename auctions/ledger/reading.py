"""Heads of lots as the database has them: what is remembered, and the rest folded from the logs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from auctions.batch import KnownBids
from auctions.engine.events import BidAccepted, BidRefused, Command, PlaceBid, ProxySet, SetProxy
from auctions.engine.replay import replay
from auctions.entries import ENTRY_COLUMNS, event_of
from auctions.ledger.checkpoints import read_checkpoints
from auctions.ledger.connection import fetch
from auctions.ledger.head import Head

ENTRIES_READ_AT_ONCE: Final = 5_000
"""Of one log, or of many that are read together: some 100 ms of folding, then others have their
turn."""

Remembered = Callable[[UUID], Head | None]
LotRow = Any
"""A lot's row: its identifier, where its log ends, its currency."""


class FarBehind(Exception):
    """What is remembered of a lot is so far behind its log that who holds it must not catch up."""


@dataclass(frozen=True, slots=True)
class Found:
    """A locked lot, its row read at `now`, and the bids known under the keys of a batch."""

    lot: LotRow
    now: datetime
    known: KnownBids


async def read_locked(
    connection: Any, batches: Mapping[UUID, Sequence[Command]]
) -> dict[UUID, Found]:
    """Read the clock, the lots of these batches, and the bids known under the batches' keys.

    Lots that do not exist, or have no log, are missing.
    """
    asked = [
        (lot_id, command.bidder, command.client_bid_id)
        for lot_id, commands in batches.items()
        for command in commands
        if isinstance(command, PlaceBid | SetProxy)
    ]
    columns = zip(*asked, strict=True) if asked else ([], [], [])
    found: dict[UUID, Found] = {}
    for row in await fetch(connection, _LOCKED, list(batches), *columns):
        lot = found.setdefault(row["id"], Found(row, row["now"], {}))
        event = None if row["kind"] is None else event_of(row, row["currency"])
        if isinstance(event, BidAccepted | BidRefused | ProxySet) and event.client_bid_id:
            lot.known[event.bidder, event.client_bid_id] = event
    return found


async def read_lots(connection: Any, lot_ids: Sequence[UUID]) -> Sequence[LotRow]:
    """Read where the logs of these lots end; lots without a log are missing."""
    return await fetch(connection, _LOTS, lot_ids)


async def current_heads(
    connection: Any, lots: Sequence[LotRow], remembered: Remembered, most: int | None = None
) -> dict[UUID, Head]:
    """Give the heads that these rows tell of, from memory or caught up from the entries.

    What is not remembered begins with its checkpoint, if there is one. Raises FarBehind where more
    than `most` entries of a lot are missing.
    """
    heads: dict[UUID, Head] = {}
    behind: list[Behind] = []
    for lot in lots:
        known = remembered(lot["id"])
        if known is not None and known.state.seq == lot["last"] and known.hash == lot["hash"]:
            heads[lot["id"]] = Head(known.state, lot["epoch"], known.hash)
        else:
            behind.append((lot, known))
    kept = await read_checkpoints(connection, [lot["id"] for lot, known in behind if not known])
    behind = [(lot, known or kept.get(lot["id"])) for lot, known in behind]
    if most is not None and any(_missing(lot, known) > most for lot, known in behind):
        raise FarBehind
    for group in _groups(behind):
        heads |= await _caught_up(connection, group)
    return heads


Behind = tuple[LotRow, Head | None]


def _missing(lot: LotRow, known: Head | None) -> int:
    """Give how many entries are to be read; all, where what is known cannot be of this log."""
    last: int = lot["last"]
    return last if known is None or known.state.seq > last else last - known.state.seq


def _groups(lots: Sequence[Behind]) -> Iterator[list[Behind]]:
    """Divide lots into groups whose entries can be held, and folded, at once."""
    group: list[Behind] = []
    entries = 0
    for lot, known in lots:
        to_read = _missing(lot, known)
        if group and entries + to_read > ENTRIES_READ_AT_ONCE:
            yield group
            group, entries = [], 0
        group.append((lot, known))
        entries += to_read
    if group:
        yield group


async def _caught_up(connection: Any, lots: Sequence[Behind]) -> dict[UUID, Head]:
    """Fold what follows the heads that are known; a log whose head is not of it is read whole."""
    heads: dict[UUID, Head] = {}
    behind = list(lots)
    while behind:
        entries = await _entries(connection, behind)
        going_on: list[Behind] = []
        for lot, known in behind:
            log = entries[lot["id"]]
            # What we remember, or kept, is of this log only if its last entry is in it: a database
            # that was restored may have gone on otherwise.
            if known is not None and not (log and log[0]["hash"] == known.hash):
                going_on.append((lot, None))
                continue
            head = _folded(lot, log if known is None else log[1:], known)
            if head.state.seq < lot["last"]:
                going_on.append((lot, head))
            else:
                heads[lot["id"]] = head
        behind = going_on
    return heads


async def _entries(connection: Any, lots: Sequence[Behind]) -> dict[UUID, list[Any]]:
    """Read the logs on from the last entries that are known, a part of what is long."""
    ids = [lot["id"] for lot, _ in lots]
    first = [known.state.seq if known else 1 for _, known in lots]
    lasts = [
        min(lot["last"], begin + ENTRIES_READ_AT_ONCE)
        for (lot, _), begin in zip(lots, first, strict=True)
    ]
    logs: dict[UUID, list[Any]] = {lot_id: [] for lot_id in ids}
    for entry in await fetch(connection, ENTRIES, ids, first, lasts):
        logs[entry["lot_id"]].append(entry)
    return logs


def _folded(lot: LotRow, entries: Sequence[Any], known: Head | None) -> Head:
    currency = lot["currency"]
    state = replay((event_of(e, currency) for e in entries), known.state if known else None)
    if state.seq == lot["last"]:
        return Head(state, lot["epoch"], lot["hash"])
    if len(entries) < ENTRIES_READ_AT_ONCE:
        msg = f"the log of lot {lot['id']} ends at {state.seq}, its row says {lot['last']}"
        raise RuntimeError(msg)
    return Head(state, lot["epoch"], entries[-1]["hash"])


_LOT: Final = "l.id, l.seq as last, l.epoch, l.hash, l.terms->>'currency' as currency"
_LOCKED: Final = f"""
select (select clock()) as now, {_LOT}, {ENTRY_COLUMNS}
from auction_lots l left join (
    select e.* from unnest($2::uuid[], $3::uuid[], $4::text[])
                    as asked (lot_id, bidder_id, client_bid_id)
    cross join lateral (
        select * from auction_ledger e
        where e.lot_id = asked.lot_id and e.bidder_id = asked.bidder_id
          and e.client_bid_id = asked.client_bid_id
        limit 1
    ) e
) e on e.lot_id = l.id
where l.id = any($1) and l.seq > 0
"""  # noqa: S608 - constants of this module
_LOTS: Final = f"""
select {_LOT} from auction_lots l where l.id = any($1) and l.seq > 0 order by l.id
"""  # noqa: S608 - constants of this module
# Each log from its place in the index: joined as a whole, Postgres rather reads all of the table
# where one lot has most of it, and it has not where bids are many.
ENTRIES: Final = f"""
select {ENTRY_COLUMNS}, e.hash
from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as asked (lot_id, first, last)
cross join lateral (
    select * from auction_ledger e
    where e.lot_id = asked.lot_id and e.seq >= asked.first and e.seq <= asked.last
    order by e.seq limit asked.last - asked.first + 1
) e
order by e.lot_id, e.seq
"""  # noqa: S608 - constants of this module
PAGE: Final = f"""
select {ENTRY_COLUMNS}, e.salt, e.hash from auction_ledger e
where e.lot_id = $1 and e.seq > $2 order by e.seq limit $3
"""  # noqa: S608 - constants of this module
