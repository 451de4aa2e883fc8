"""The ledger: one Postgres transaction per batch of commands on a lot.

A batch takes four round trips, however many bids it holds: begin and lock the lot; in the *next*
statement read the one clock, the lot and the bids known under the same keys (inside the locking
statement a clock would be as old as the wait for the lock); write the entries together with the
lot's new head; commit. The rules decide in between, in memory, on a state that is kept from batch
to batch and caught up from the ledger where another process has written meanwhile.

Nothing is acknowledged before the commit. Where the connection is lost the batch simply runs again:
it waits for the lock that a commit under way would still hold, and then finds by their keys the
bids that did get in. So each bid has one effect, whatever happened to the first attempt.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from prometheus_client import Counter, Histogram

from auctions.batch import Answer, KnownBids, MayRefuse, decide_all
from auctions.engine.events import (
    BidAccepted,
    BidRefused,
    Cancelled,
    Closed,
    Command,
    Event,
    PlaceBid,
    ProxySet,
    SetProxy,
    Started,
)
from auctions.engine.log import SALT_BYTES, entry_hash
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.entries import ENTRY_COLUMNS, columns_of, event_of
from auctions.memory import LotMemory
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.kernel.events import Event as Fact
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, discard, event_row
from marketplace.platform.telemetry import METRICS, log

ATTEMPT_PAUSES_S: Final = (0.02, 0.1, 0.3, 0.6, 1.0, 1.0)
"""Pauses between attempts while the database is away: a restart of Postgres is outlived."""
STATEMENT_SECONDS_MAX: Final = 10
ENTRIES_READ_AT_ONCE: Final = 5_000
"""Where many logs are read together: some 100 ms of folding, then others have their turn."""
HELD_SECONDS_MAX: Final = 5
"""How long a process that hangs between two statements may hold a lot: then Postgres ends it."""

BIDS_DECIDED: Final = Counter("auction_bids", "Bids decided", ["outcome"], registry=METRICS)
BATCH_SIZE: Final = Histogram(
    "auction_batch_size",
    "Commands in one ledger transaction",
    registry=METRICS,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a lot's log: the state after its last entry, and that entry's hash."""

    state: LotState
    epoch: int
    hash: bytes

    @property
    def position(self) -> tuple[int, int]:
        """Give (epoch, seq): of two heads of a lot the later one has the greater position."""
        return (self.epoch, self.state.seq)


class Ledger:
    """Writes and reads the logs of lots; keeps the states of the lots it last dealt with."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._heads: LotMemory[Head] = LotMemory()

    def known(self, lot_id: UUID) -> Head | None:
        """Give the head as this process last saw it; others may have written since."""
        return self._heads.get(lot_id)

    async def settle(
        self, lot_id: UUID, commands: Sequence[Command], may_refuse: MayRefuse
    ) -> tuple[Head, list[Answer]]:
        """Decide commands on a lot and write what follows; give the new head and the answers.

        Raises Unavailable if the database stays away; what became of the commands is then unknown,
        and sending a bid again with the same key is safe. Raises NotFound for no such lot.
        """
        for pause in (*ATTEMPT_PAUSES_S, None):
            try:
                return await self._attempt(lot_id, commands, may_refuse)
            except AWAY as error:
                log.warning("ledger_away", lot=str(lot_id), error=type(error).__name__)
                if pause is None:
                    break
                await asyncio.sleep(pause)
        raise Unavailable(
            "Whether the bid was taken is unknown: the database is away. Sending it again with the "
            "same Idempotency-Key is safe.",
            retry_after_s=1,
        )

    async def _attempt(
        self, lot_id: UUID, commands: Sequence[Command], may_refuse: MayRefuse
    ) -> tuple[Head, list[Answer]]:
        pool = await self._platform.database.fast(Role.ENGINE)
        async with pool.acquire(timeout=STATEMENT_SECONDS_MAX) as connection:
            try:
                return await self._transact(connection, lot_id, commands, may_refuse)
            except BaseException:
                self._heads.forget(lot_id)
                discard(connection)
                raise

    async def _transact(
        self,
        connection: Any,
        lot_id: UUID,
        commands: Sequence[Command],
        may_refuse: MayRefuse,
    ) -> tuple[Head, list[Answer]]:
        # The identifier is a UUID, never text from outside.
        await _run(
            connection,
            f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS_MAX}s';"
            f"SELECT FROM auction_lots WHERE id = '{lot_id}' FOR UPDATE",
        )
        now, head, known = await self._catch_up(connection, lot_id, commands)
        batch = decide_all(head.state, commands, known, now, may_refuse)
        if not batch.events:
            await _run(connection, "ROLLBACK")
            return self._keep(head), batch.answers
        after = await append_entries(connection, head, batch.events, batch.state)
        await _announce(connection, after, batch.events)
        await _run(connection, "COMMIT")
        BATCH_SIZE.observe(len(commands))
        _count(batch.events)
        return self._keep(after), batch.answers

    async def _catch_up(
        self, connection: Any, lot_id: UUID, commands: Sequence[Command]
    ) -> tuple[datetime, Head, KnownBids]:
        """Read the clock, the lot's head, and the bids the ledger knows under these keys."""
        bids = [command for command in commands if isinstance(command, PlaceBid | SetProxy)]
        rows = await _fetch(
            connection,
            _LOCKED,
            lot_id,
            [bid.bidder for bid in bids],
            [bid.client_bid_id for bid in bids],
        )
        if not rows:
            raise NotFound("There is no such lot.")
        head = await self._current(connection, lot_id, rows[0])
        known: KnownBids = {}
        for row in rows:
            event = None if row["kind"] is None else event_of(row, row["currency"])
            if isinstance(event, BidAccepted | BidRefused | ProxySet) and event.client_bid_id:
                known[event.bidder, event.client_bid_id] = event
        return rows[0]["now"], head, known

    async def read(self, lot_id: UUID) -> Head:
        """Give the head as the database has it now; raises NotFound, or Unavailable."""
        async with self._reading() as connection:
            rows = await _fetch(connection, _HEAD, lot_id)
            if not rows:
                raise NotFound("There is no such lot.")
            return self._keep(await self._current(connection, lot_id, rows[0]))

    async def read_many(self, lot_ids: Sequence[UUID]) -> AsyncIterator[list[Head]]:
        """Give the heads of many lots, a group at a time; raises Unavailable.

        Lots this process remembers cost a look each; logs of the others are read many at once.
        """
        for lot_id in lot_ids:
            if lot_id in self._heads:
                yield [await self.read(lot_id)]
        unknown = [lot_id for lot_id in lot_ids if lot_id not in self._heads]
        async with self._reading() as connection:
            rows = await _fetch(connection, _HEADS, unknown)
            for group in _groups(rows):
                yield [self._keep(head) for head in await _read_logs(connection, group)]

    async def entries(self, lot_id: UUID, after: int, most: int) -> Sequence[Any]:
        """Give the rows of the log after a number, with salts and hashes; raises Unavailable."""
        async with self._reading() as connection:
            return await _fetch(connection, _PAGE, lot_id, after, most)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Any]:
        try:
            pool = await self._platform.database.fast(Role.ENGINE)
            async with pool.acquire(timeout=STATEMENT_SECONDS_MAX) as connection:
                yield connection
        except AWAY as error:
            raise Unavailable("The database does not answer.", retry_after_s=1) from error

    async def _current(self, connection: Any, lot_id: UUID, row: Mapping[str, Any]) -> Head:
        """Give the head the lot's row tells of, from memory or caught up from the entries."""
        known = self._heads.get(lot_id)
        if known is not None and known.state.seq == row["last"] and known.hash == row["hash"]:
            return Head(known.state, row["epoch"], known.hash)
        state: LotState | None = None
        entries: Sequence[Any] = ()
        if known is not None and known.state.seq < row["last"]:
            entries = await _fetch(connection, _ENTRIES, lot_id, known.state.seq, row["last"])
            # What we remember is of this log only if its last entry is in it: a database that was
            # restored may have gone on otherwise.
            if entries and entries[0]["hash"] == known.hash:
                state, entries = known.state, entries[1:]
        if state is None:
            entries = await _fetch(connection, _ENTRIES, lot_id, 1, row["last"])
        currency = row["currency"]
        state = replay([event_of(entry, currency) for entry in entries], state)
        if state.seq != row["last"]:
            msg = f"the log of lot {lot_id} ends at {state.seq}, its row says {row['last']}"
            raise RuntimeError(msg)
        return Head(state, row["epoch"], row["hash"])

    def _keep(self, head: Head) -> Head:
        lot_id = head.state.lot_id
        known = self._heads.get(lot_id)
        if known is not None and known.position > head.position and known.epoch == head.epoch:
            return head
        self._heads.put(lot_id, head, len(head.state.roster))
        return head


AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises where the server is away, restarting, or the connection is lost."""

_LOCKED: Final = f"""
select clock() as now, l.seq as last, l.epoch, l.hash, l.terms->>'currency' as currency,
       {ENTRY_COLUMNS}
from auction_lots l left join lateral (
    select e.* from unnest($2::uuid[], $3::text[]) as asked (bidder_id, client_bid_id)
    cross join lateral (
        select * from auction_ledger e
        where e.lot_id = $1 and e.bidder_id = asked.bidder_id
          and e.client_bid_id = asked.client_bid_id
        limit 1
    ) e
) e on true
where l.id = $1 and l.seq > 0
"""  # noqa: S608 - constants of this module
_HEAD: Final = """
select seq as last, epoch, hash, terms->>'currency' as currency
from auction_lots where id = $1 and seq > 0
"""
_HEADS: Final = """
select id, seq as last, epoch, hash, terms->>'currency' as currency
from auction_lots where id = any($1) and seq > 0 order by id
"""
_LOGS: Final = f"""
select {ENTRY_COLUMNS}
from unnest($1::uuid[], $2::bigint[]) as asked (lot_id, last)
join auction_ledger e on e.lot_id = asked.lot_id and e.seq <= asked.last
order by e.lot_id, e.seq
"""  # noqa: S608 - constants of this module
_ENTRIES: Final = f"""
select {ENTRY_COLUMNS}, e.hash from auction_ledger e
where e.lot_id = $1 and e.seq >= $2 and e.seq <= $3
order by e.seq
"""  # noqa: S608 - constants of this module
_PAGE: Final = f"""
select {ENTRY_COLUMNS}, e.salt, e.hash from auction_ledger e
where e.lot_id = $1 and e.seq > $2 order by e.seq limit $3
"""  # noqa: S608 - constants of this module
_WRITE: Final = """
with moved as (
    update auction_lots
    set seq = $2, hash = $3, decided_at = $4, phase = $5, closes_at = $6, extensions = $7
    where id = $1 and seq = $8 and epoch = $9
    returning epoch
)
insert into auction_ledger (lot_id, seq, epoch, at, kind, bidder_id, bid_id, client_bid_id, amount,
                            rank, code, bound, body, salt, hash)
select $1, $8 + t.place, moved.epoch, $4, t.kind, t.bidder_id, t.bid_id, t.client_bid_id, t.amount,
       t.rank, t.code, t.bound, t.body::jsonb, t.salt, t.hash
from moved, unnest($10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::numeric[],
                   $15::integer[], $16::text[], $17::numeric[], $18::text[], $19::bytea[],
                   $20::bytea[])
     with ordinality as t (kind, bidder_id, bid_id, client_bid_id, amount, rank, code, bound, body,
                           salt, hash, place)
"""
_MOVE_AUCTION: Final = """
update auctions
set status = $2, cancelled_because = $3, version = version + 1, updated_at = clock()
where id = (select auction_id from auction_lots where id = $1)
returning id, buyer_id, version, origin_kind, origin_id
"""


def _groups(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Divide lots into groups whose logs can be held at once."""
    group: list[Any] = []
    entries = 0
    for row in rows:
        if group and entries + row["last"] > ENTRIES_READ_AT_ONCE:
            yield group
            group, entries = [], 0
        group.append(row)
        entries += row["last"]
    if group:
        yield group


async def _read_logs(connection: Any, lots: Sequence[Any]) -> list[Head]:
    """Read and fold the whole logs of lots, given the rows of their heads."""
    ids, lasts = [lot["id"] for lot in lots], [lot["last"] for lot in lots]
    logs: dict[UUID, list[Any]] = {lot_id: [] for lot_id in ids}
    for entry in await _fetch(connection, _LOGS, ids, lasts):
        logs[entry["lot_id"]].append(entry)
    heads = []
    for lot in lots:
        state = replay(event_of(entry, lot["currency"]) for entry in logs[lot["id"]])
        heads.append(Head(state, lot["epoch"], lot["hash"]))
    return heads


async def _run(connection: Any, statement: str) -> None:
    await connection.execute(statement, timeout=STATEMENT_SECONDS_MAX)


async def _fetch(connection: Any, statement: str, *arguments: object) -> Sequence[Any]:
    rows: Sequence[Any] = await connection.fetch(
        statement, *arguments, timeout=STATEMENT_SECONDS_MAX
    )
    return rows


async def append_entries(
    connection: Any, head: Head | None, events: Sequence[Event], state: LotState
) -> Head:
    """Write events of one instant after the lot's head, and move the head; give the new one.

    `head` is None for a lot whose log begins with these events; `state` is the one after them. The
    lot's row must be locked. Raises RuntimeError if the lot is not where `head` says: then nothing
    may be committed.
    """
    epoch, hash_ = (1, GENESIS) if head is None else (head.epoch, head.hash)
    random = os.urandom(SALT_BYTES * len(events))
    salts = [random[i : i + SALT_BYTES] for i in range(0, len(random), SALT_BYTES)]
    hashes = []
    for event, salt in zip(events, salts, strict=True):
        hash_ = entry_hash(hash_, event, salt)
        hashes.append(hash_)
    columns = zip(*map(columns_of, events), strict=True)
    status = await connection.execute(
        _WRITE,
        state.lot_id,
        state.seq,
        hash_,
        state.at,
        state.phase.value,
        state.closes_at,
        state.extensions,
        state.seq - len(events),
        epoch,
        *columns,
        salts,
        hashes,
        timeout=STATEMENT_SECONDS_MAX,
    )
    if status != f"INSERT 0 {len(events)}":
        msg = f"lot {state.lot_id} is not at entry {state.seq - len(events)} of epoch {epoch}"
        raise RuntimeError(msg)
    return Head(state, epoch, hash_)


@asynccontextmanager
async def acting_as_engine(tx: Transaction) -> AsyncIterator[Any]:
    """Work on the ledger inside somebody else's transaction: entries are the engine's alone."""
    connection = await tx.raw()
    role = await connection.fetchval("select current_setting('role')")
    await connection.execute(f"set local role {Role.ENGINE.value}")
    yield connection
    await connection.execute(f"set local role {role}")


async def _announce(connection: Any, head: Head, events: Sequence[Event]) -> None:
    """Carry a start or an end over to the auction and tell the companies concerned."""
    facts = []
    for event in events:
        kind = _ANNOUNCED.get(type(event))
        if kind is None:
            continue
        reason = event.reason if isinstance(event, Cancelled) else None
        lot_id, status = head.state.lot_id, _STATUS[type(event)]
        row = (await _fetch(connection, _MOVE_AUCTION, lot_id, status, reason))[0]
        facts.append(announcement(kind, row, head.state))
    if facts:
        rows = msgspec.json.encode([event_row(fact) for fact in facts]).decode()
        await _fetch(connection, "select record_facts($1::text::jsonb, '[]'::jsonb)", rows)


_STATUS: Final = {Started: "open", Closed: "closed", Cancelled: "cancelled"}
_ANNOUNCED: Final[Mapping[type, str]] = {
    Started: "auction.started",
    Closed: "auction.closed",
    Cancelled: "auction.cancelled",
}


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


def _count(events: Sequence[Event]) -> None:
    accepted = sum(isinstance(event, BidAccepted) for event in events)
    refusals = sum(isinstance(event, BidRefused) for event in events)
    BIDS_DECIDED.labels("accepted").inc(accepted)
    BIDS_DECIDED.labels("refused").inc(refusals)
