"""The ledger: one Postgres transaction for the commands that wait, on one lot or on many.

A transaction takes four round trips, however many bids and lots it holds: begin and lock the lots;
in the *next* statement read the one clock, the lots and the bids known under the same keys (inside
the locking statement a clock would be as old as the wait for the lock); write the entries together
with the lots' new heads; commit. The rules decide in between, in memory, on states that are kept
from batch to batch and caught up from the ledger where another process has written meanwhile.

Nothing is acknowledged before the commit. Where the connection is lost the batch simply runs again:
it waits for the lock that a commit under way would still hold, and then finds by their keys the
bids that did get in. So each bid has one effect, whatever happened to the first attempt.

Lots that are settled together must not wait for each other's troubles: a transaction of many takes
only lots that nobody holds, and leaves out those that start, end, or cannot be decided. Whoever
asked settles these alone (see docs/decisions/0550-batches-across-lots.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg
from prometheus_client import Counter, Histogram

from auctions.batch import Answer, Batch, MayRefuse, decide_all
from auctions.engine.events import BidAccepted, BidRefused, Command, Event
from auctions.ledger.announcing import announce, fact, is_announced, of_lot
from auctions.ledger.connection import AWAY, STATEMENT_SECONDS_MAX, fetch, run
from auctions.ledger.head import Head
from auctions.ledger.neighbours import START, lock, move_others, moves_others
from auctions.ledger.reading import (
    ENTRIES_READ_AT_ONCE,
    PAGE,
    FarBehind,
    Found,
    current_heads,
    read_locked,
    read_lots,
)
from auctions.ledger.writing import Addition, acting_as_engine, append_all, append_entries
from auctions.memory import LotMemory
from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, discard
from marketplace.platform.telemetry import METRICS, log

__all__ = [
    "AWAY",
    "START",
    "Head",
    "Ledger",
    "Settled",
    "Waiting",
    "acting_as_engine",
    "append_entries",
    "fact",
    "of_lot",
]

ATTEMPT_PAUSES_S: Final = (0.02, 0.1, 0.3, 0.6, 1.0, 1.0)
"""Pauses between attempts while the database is away: a restart of Postgres is outlived."""
LOTS_READ_AT_ONCE: Final = 200
"""Lots whose states are held beside those that are remembered: some megabytes."""
HELD_SECONDS_MAX: Final = 5
"""How long a process that hangs between two statements may hold a lot: then Postgres ends it."""

BIDS_DECIDED: Final = Counter("auction_bids", "Bids decided", ["outcome"], registry=METRICS)
BATCH_SIZE: Final = Histogram(
    "auction_batch_size",
    "Commands in one ledger transaction",
    registry=METRICS,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
BATCH_LOTS: Final = Histogram(
    "auction_batch_lots",
    "Lots in one ledger transaction",
    registry=METRICS,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)

Batches = Mapping[UUID, Sequence[Command]]
"""Commands by lot."""
Waiting = Callable[[], Sequence[Command]]
"""Gives the commands that wait for a lot, when it is held."""
Settled = tuple[list[Head], list[Answer]]
"""A lot's head after a batch and those of lots it moved; what became of each of its commands."""


class Ledger:
    """Writes and reads the logs of lots; keeps the states of the lots it last dealt with."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._heads: LotMemory[Head] = LotMemory()

    def known(self, lot_id: UUID) -> Head | None:
        """Give the head as this process last saw it; others may have written since."""
        return self._heads.get(lot_id)

    async def settle(self, lot_id: UUID, commands: Waiting, may_refuse: MayRefuse) -> Settled:
        """Decide commands on a lot and write what follows; give the new heads and the answers.

        What `commands` gives once the lot is held is decided: whoever comes while another process
        holds it need not wait for a batch after this one. Asked again after a failed attempt, it
        gives the same ones and perhaps more behind them.

        Raises Unavailable if the database stays away; what became of the commands is then unknown,
        and sending a bid again with the same key is safe. Raises NotFound for no such lot.
        """
        for pause in (*ATTEMPT_PAUSES_S, None):
            try:
                settled = await self._attempt({lot_id: ()}, may_refuse, commands)
            except (*AWAY, asyncpg.DeadlockDetectedError) as error:
                log.warning("ledger_away", lot=str(lot_id), error=type(error).__name__)
                if pause is None:
                    break
                await asyncio.sleep(pause)
            except FarBehind:
                # After a release whose code folds otherwise: nobody waits for a lock meanwhile.
                await self.read(lot_id)
            else:
                if not settled:
                    raise NotFound("There is no such lot.")
                return settled[lot_id]
        raise Unavailable(
            "Whether the bid was taken is unknown: the database is away. Sending it again with the "
            "same Idempotency-Key is safe.",
            retry_after_s=1,
        )

    async def settle_together(self, batches: Batches, may_refuse: MayRefuse) -> dict[UUID, Settled]:
        """Decide commands on several lots in one transaction, and wait for no lot.

        Lots that are missing in what is given were left out, and nothing was written for them:
        somebody else holds them, they do not exist, they start or end or move other lots, or
        deciding failed. Raises
        whatever goes wrong; what became of the commands is then unknown. In both cases `settle`
        each lot alone: it finds by their keys the bids that did get in.
        """
        return await self._attempt(batches, may_refuse, None)

    async def _attempt(
        self, batches: Batches, may_refuse: MayRefuse, waiting: Waiting | None
    ) -> dict[UUID, Settled]:
        pool = await self._platform.database.fast(Role.ENGINE)
        async with pool.acquire(timeout=STATEMENT_SECONDS_MAX) as connection:
            try:
                return await self._transact(connection, batches, may_refuse, waiting)
            except BaseException:
                for lot_id in batches:
                    self._heads.forget(lot_id)
                discard(connection)
                raise

    async def _transact(
        self, connection: Any, batches: Batches, may_refuse: MayRefuse, waiting: Waiting | None
    ) -> dict[UUID, Settled]:
        alone = waiting is not None
        held = await self._lock(connection, batches, wait=alone)
        if waiting is not None:
            held = {lot_id: waiting() for lot_id in held}
        found, heads = await self._catch_up(connection, held)
        decided: dict[UUID, Batch] = {}
        for lot_id, lot in found.items():
            state, known = heads[lot_id].state, lot.known
            try:
                batch = decide_all(state, held[lot_id], known, lot.now, may_refuse)
            except Exception as error:
                if alone:
                    raise
                log.warning("lot_left_out", lot=str(lot_id), error=type(error).__name__)
                continue
            if alone or not _concerns_others(batch):
                decided[lot_id] = batch
        additions = {
            lot_id: Addition(heads[lot_id], batch.events, batch.state)
            for lot_id, batch in decided.items()
            if batch.events
        }
        moved: list[Head] = []
        if additions:
            written = await append_all(connection, list(additions.values()))
            for lot_id, after in zip(additions, written, strict=True):
                heads[lot_id] = after
                state, events = after.state, decided[lot_id].events
                # Lots before the auction: all who write lock in this order.
                moved += await move_others(connection, state, events, self._heads.get)
                await announce(connection, state, events)
        await run(connection, "COMMIT" if additions else "ROLLBACK")
        _count(held, decided)
        others = [self._keep(head) for head in moved]
        return {
            lot_id: ([self._keep(heads[lot_id]), *others], batch.answers)
            for lot_id, batch in decided.items()
        }

    async def _lock(self, connection: Any, batches: Batches, *, wait: bool) -> Batches:
        """Begin a transaction and lock the lots, or those of them that nobody else holds."""
        if wait:
            locking = ";".join(lock(lot_id, self._heads.get(lot_id)) for lot_id in batches)
        else:
            # The identifiers are UUIDs, never text from outside.
            ids = ",".join(f"'{lot_id}'" for lot_id in batches)
            locking = f"SELECT FROM auction_lots WHERE id IN ({ids}) FOR UPDATE SKIP LOCKED"
        status = await run(
            connection,
            f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS_MAX}s';"
            f"{locking}",
        )
        if wait or status == f"SELECT {len(batches)}":
            return batches
        # Those just locked are not passed over: they are our own.
        rows = await fetch(connection, _HELD, list(batches))
        return {row["id"]: batches[row["id"]] for row in rows}

    async def _catch_up(
        self, connection: Any, batches: Batches
    ) -> tuple[Mapping[UUID, Found], dict[UUID, Head]]:
        """Read the clock and the lots, what the ledger knows of their bids, and their heads."""
        found = await read_locked(connection, batches)
        lots = [each.lot for each in found.values()]
        heads = await current_heads(connection, lots, self._heads.get, ENTRIES_READ_AT_ONCE)
        return found, heads

    async def read(self, lot_id: UUID) -> Head:
        """Give the head as the database has it now; raises NotFound, or Unavailable."""
        async with self._reading() as connection:
            lots = await read_lots(connection, [lot_id])
            for head in (await current_heads(connection, lots, self._heads.get)).values():
                return self._keep(head)
        raise NotFound("There is no such lot.")

    async def read_many(self, lot_ids: Sequence[UUID]) -> AsyncIterator[list[Head]]:
        """Give the heads of many lots, a group at a time; raises Unavailable."""
        async with self._reading() as connection:
            lots = await read_lots(connection, lot_ids)
            for start in range(0, len(lots), LOTS_READ_AT_ONCE):
                some = lots[start : start + LOTS_READ_AT_ONCE]
                heads = await current_heads(connection, some, self._heads.get)
                yield [self._keep(head) for head in heads.values()]

    async def entries(self, lot_id: UUID, after: int, most: int) -> Sequence[Any]:
        """Give the rows of the log after a number, with salts and hashes; raises Unavailable."""
        async with self._reading() as connection:
            return await fetch(connection, PAGE, lot_id, after, most)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Any]:
        try:
            pool = await self._platform.database.fast(Role.ENGINE)
            async with pool.acquire(timeout=STATEMENT_SECONDS_MAX) as connection:
                yield connection
        except AWAY as error:
            raise Unavailable("The database does not answer.", retry_after_s=1) from error

    def _keep(self, head: Head) -> Head:
        lot_id = head.state.lot_id
        known = self._heads.get(lot_id)
        if known is not None and known.position > head.position and known.epoch == head.epoch:
            return head
        self._heads.put(lot_id, head, len(head.state.roster))
        return head


_HELD: Final = "select id from auction_lots where id = any($1) for update skip locked"


def _concerns_others(batch: Batch) -> bool:
    """Tell whether more is to be written than the lot's own log."""
    return is_announced(batch.events) or moves_others(batch.state, batch.events)


def _count(batches: Batches, decided: Mapping[UUID, Batch]) -> None:
    BATCH_SIZE.observe(sum(len(batches[lot_id]) for lot_id in decided))
    BATCH_LOTS.observe(len(decided))
    events: list[Event] = [event for batch in decided.values() for event in batch.events]
    accepted = sum(isinstance(event, BidAccepted) for event in events)
    refusals = sum(isinstance(event, BidRefused) for event in events)
    BIDS_DECIDED.labels("accepted").inc(accepted)
    BIDS_DECIDED.labels("refused").inc(refusals)
