"""A lot whose every bid is a transaction of its own, under the lot's row lock.

The same checks by the same rules, the same clock, the same columns and the same hash chain as the
product's ledger; four round trips for each bid, which is as few as the order of things allows: the
clock must be read after the lock is held, and the decision falls between reading and writing. It
leaves out what favours it: no row-level security, no board, no events, one lot per auction.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg

from auctions.engine.decide import decide
from auctions.engine.events import BidAccepted, PlaceBid, Rejection
from auctions.engine.log import SALT_BYTES, entry_hash
from auctions.engine.ranking import Place
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Terms
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.errors import Conflict, KeyReused, NotFound
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import Role

CONNECTIONS: Final = 4
"""Measured from 2 to 24: more only lengthen the queue at the row lock."""

SCHEMA: Final = """
create table reference_lots (
    id uuid primary key,
    epoch bigint not null default 1,
    seq bigint not null default 0,
    hash bytea not null,
    decided_at timestamptz not null default clock(),
    phase text not null,
    closes_at timestamptz not null,
    extensions integer not null default 0
) with (fillfactor = 50);
create table reference_standings (
    lot_id uuid not null,
    bidder_id uuid not null,
    amount numeric(24, 6),
    seq bigint,
    primary key (lot_id, bidder_id)
) with (fillfactor = 50);
create table reference_ledger (like auction_ledger including all);
grant select, insert, update on reference_lots, reference_standings, reference_ledger
    to marketplace_engine;
"""
"""The ledger is made like the product's, so its columns and indexes are the same."""


async def make_tables(owner_url: str) -> None:
    """Make the tables, as the owner of the schema."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()


_READ: Final = """
select clock() as now, l.seq, l.hash, l.epoch, l.decided_at, l.phase, l.closes_at,
       s.bidder_id, s.amount as own_amount, s.seq as own_seq,
       e.bid_id as known_id, e.seq as known_seq, e.amount as known_amount, e.rank as known_rank,
       e.at as known_at,
       (select count(*) from reference_standings r
        where r.lot_id = l.id and r.bidder_id <> $2 and r.amount <= $4) as ahead
from reference_lots l
left join reference_standings s on s.lot_id = l.id and s.bidder_id = $2
left join reference_ledger e
       on e.lot_id = l.id and e.bidder_id = $2 and e.client_bid_id = $3
where l.id = $1
"""
_WRITE: Final = """
with moved as (
    update reference_lots set seq = $2, hash = $3, decided_at = $4 where id = $1 returning epoch
), standing as (
    update reference_standings set amount = $8, seq = $2 where lot_id = $1 and bidder_id = $5
)
insert into reference_ledger
    (lot_id, seq, epoch, at, kind, bidder_id, bid_id, client_bid_id, amount, rank, salt, hash)
select $1, $2, epoch, $4, 'bid_accepted', $5, $6, $7, $8, $9, $10, $3 from moved
"""


@dataclass(frozen=True, slots=True)
class ReferenceLots:
    """The pool of this process, and the lots' terms, which never change."""

    platform: Platform
    pools: list[asyncpg.Pool]
    terms: dict[UUID, Terms]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keep the pool open for the length of the block."""
        async with asyncpg.create_pool(
            self.platform.settings.database_url,
            min_size=0,
            max_size=CONNECTIONS,
            reset=_nothing_to_reset,
            server_settings={
                "role": Role.ENGINE.value,
                "timezone": "UTC",
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
            },
        ) as pool:
            self.pools.append(pool)
            yield

    async def open_lot(self, terms: Terms, bidders: list[UUID]) -> UUID:
        """Open a lot with these bidders at once."""
        lot_id = new_id()
        async with self.pools[0].acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into reference_lots (id, hash, phase, closes_at) values ($1, $2, $3, $4)",
                *(lot_id, GENESIS, Phase.OPEN.value, terms.ends_at),
            )
            await connection.executemany(
                "insert into reference_standings (lot_id, bidder_id) values ($1, $2)",
                [(lot_id, bidder) for bidder in bidders],
            )
        self.terms[lot_id] = terms
        return lot_id

    async def bid(self, lot_id: UUID, bid: PlaceBid) -> BidAccepted:
        """Decide one bid and write it; raises Conflict for a refused one, which is not written."""
        terms = self.terms.get(lot_id)
        if terms is None:
            raise NotFound("There is no such lot.")
        async with self.pools[0].acquire() as connection:
            await connection.execute(
                f"BEGIN; SELECT FROM reference_lots WHERE id = '{lot_id}' FOR UPDATE"
            )
            try:
                accepted = await _decide_and_write(connection, lot_id, terms, bid)
                await connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
        return accepted


async def _decide_and_write(
    connection: Any, lot_id: UUID, terms: Terms, bid: PlaceBid
) -> BidAccepted:
    row = await connection.fetchrow(_READ, lot_id, bid.bidder, bid.client_bid_id, bid.amount)
    if row["known_id"] is not None:
        return _known(row, bid)
    decision = decide(_state(row, lot_id, terms), bid, row["now"])
    if isinstance(decision, Rejection):
        raise Conflict(f"The bid is refused: {decision.code.value}.")
    accepted = decision[0]
    assert isinstance(accepted, BidAccepted)
    salt = os.urandom(SALT_BYTES)
    await connection.execute(
        _WRITE,
        lot_id,
        accepted.seq,
        entry_hash(row["hash"], accepted, salt),
        accepted.at,
        accepted.bidder,
        accepted.bid_id,
        accepted.client_bid_id,
        accepted.amount,
        row["ahead"] + 1,
        salt,
    )
    return accepted


def _state(row: Any, lot_id: UUID, terms: Terms) -> LotState:
    """Give what the rules need of the lot: its clock and the bidder's own place."""
    own: Decimal | None = row["own_amount"]
    bidder = row["bidder_id"]
    place = None if own is None else Place(own, row["own_seq"], bidder, own, bidder)
    return LotState(
        lot_id=lot_id,
        terms=terms,
        phase=Phase(row["phase"]),
        seq=row["seq"],
        at=row["decided_at"],
        closes_at=row["closes_at"],
        roster={} if bidder is None else {bidder: ""},
        places={} if place is None else {bidder: place},
        order=() if place is None else (place,),
    )


def _known(row: Any, bid: PlaceBid) -> BidAccepted:
    if row["known_amount"] != bid.amount:
        raise KeyReused("This key came with another bid before.")
    return BidAccepted(
        seq=row["known_seq"],
        at=row["known_at"],
        bid_id=row["known_id"],
        bidder=bid.bidder,
        client_bid_id=bid.client_bid_id,
        amount=bid.amount,
        rank=row["known_rank"],
    )


async def _nothing_to_reset(_connection: Any) -> None:
    """Skip asyncpg's reset, a round trip, as the product's pools do."""
