"""Entries at the end of logs: chained, and written together with the heads they lead to."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from auctions.engine.events import Event
from auctions.engine.log import SALT_BYTES, entry_hash
from auctions.engine.state import LotState
from auctions.entries import columns_of
from auctions.ledger.checkpoints import FORM, is_due
from auctions.ledger.connection import STATEMENT_SECONDS_MAX
from auctions.ledger.head import Head, snapshot_bytes
from marketplace.kernel.canonical import GENESIS
from marketplace.platform.database import Role, Transaction


@dataclass(frozen=True, slots=True)
class Addition:
    """Events of one instant that follow a lot's head, None at its log's beginning.

    `state` is the one after them.
    """

    before: Head | None
    events: Sequence[Event]
    state: LotState


async def append_entries(
    connection: Any, head: Head | None, events: Sequence[Event], state: LotState
) -> Head:
    """Write events to one log; as `append_all`."""
    return (await append_all(connection, [Addition(head, events, state)]))[0]


async def append_all(connection: Any, additions: Sequence[Addition]) -> list[Head]:
    """Write what is added to some logs, and move their heads, by one statement; give the new heads.

    Checkpoints that are due go with it. The lots' rows must be locked. Raises RuntimeError if a lot
    is not where its addition says: then nothing may be committed.
    """
    heads: list[Head] = []
    head_rows: list[tuple[object, ...]] = []
    entry_rows: list[tuple[object, ...]] = []
    checkpoints: list[tuple[int, bytes]] = []
    for place, addition in enumerate(additions, start=1):
        before, state = addition.before, addition.state
        epoch, hash_ = (1, GENESIS) if before is None else (before.epoch, before.hash)
        was, skipped = state.seq - len(addition.events), len(entry_rows)
        for event, salt in zip(addition.events, _salts(len(addition.events)), strict=True):
            hash_ = entry_hash(hash_, event, salt)
            entry_rows.append((place, *columns_of(event), salt, hash_))
        heads.append(Head(state, epoch, hash_))
        if is_due(was, state):
            checkpoints.append((place, snapshot_bytes(heads[-1])))
        decided = (state.at, state.phase.value, state.closes_at, state.extensions)
        head_rows.append((state.lot_id, epoch, was, state.seq, hash_, *decided, skipped))
    status = await connection.execute(
        _WRITE,
        *zip(*head_rows, strict=True),
        *map(_column, zip(*entry_rows, strict=True)),
        [place for place, _ in checkpoints],
        [state for _, state in checkpoints],
        FORM,
        timeout=STATEMENT_SECONDS_MAX,
    )
    if status != f"INSERT 0 {len(entry_rows)}":
        lots = ", ".join(f"{head.state.lot_id} at {head.position}" for head in heads)
        msg = f"of these a lot is not where it was to be continued: {lots}"
        raise RuntimeError(msg)
    return heads


def _column(values: tuple[object, ...]) -> tuple[object, ...] | None:
    """Give a column of entries; None for one of nulls alone, which Postgres fills up by itself."""
    return values if any(value is not None for value in values) else None


def _salts(count: int) -> list[bytes]:
    random = os.urandom(SALT_BYTES * count)
    return [random[i : i + SALT_BYTES] for i in range(0, len(random), SALT_BYTES)]


_WRITE: Final = """
with heads as (
    select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
                         $6::timestamptz[], $7::text[], $8::timestamptz[], $9::integer[],
                         $10::bigint[])
         with ordinality as h (lot_id, epoch, was, seq, hash, decided_at, phase, closes_at,
                               extensions, skipped, place)
), moved as (
    update auction_lots l
    set seq = h.seq, hash = h.hash, decided_at = h.decided_at, phase = h.phase,
        closes_at = h.closes_at, extensions = h.extensions
    from heads h
    where l.id = h.lot_id and l.seq = h.was and l.epoch = h.epoch
    returning h.place, h.lot_id, h.epoch, h.seq, h.decided_at, h.was - h.skipped as before_first
), kept as (
    insert into auction_checkpoints (lot_id, seq, form, state)
    select moved.lot_id, moved.seq, $25, k.state
    from unnest($23::integer[], $24::bytea[]) as k (head, state) join moved on moved.place = k.head
    on conflict (lot_id) do update
    set seq = excluded.seq, form = excluded.form, state = excluded.state
)
insert into auction_ledger (lot_id, seq, epoch, at, kind, bidder_id, bid_id, client_bid_id, amount,
                            rank, code, bound, body, salt, hash)
select moved.lot_id, moved.before_first + t.place, moved.epoch, moved.decided_at, t.kind,
       t.bidder_id, t.bid_id, t.client_bid_id, t.amount::numeric, t.rank, t.code, t.bound,
       t.body::jsonb, t.salt, t.hash
from unnest($11::integer[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::text[],
            $17::integer[], $18::text[], $19::numeric[], $20::text[], $21::bytea[], $22::bytea[])
     with ordinality as t (head, kind, bidder_id, bid_id, client_bid_id, amount, rank, code, bound,
                           body, salt, hash, place)
join moved on moved.place = t.head
"""


@asynccontextmanager
async def acting_as_engine(tx: Transaction) -> AsyncIterator[Any]:
    """Work on the ledger inside somebody else's transaction: entries are the engine's alone."""
    connection = await tx.raw()
    role = await connection.fetchval("select current_setting('role')")
    await connection.execute(f"set local role {Role.ENGINE.value}")
    yield connection
    await connection.execute(f"set local role {role}")
