"""How late a worker starts and ends auctions: by their own logs, on the one clock."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from auctions.engine.events import Closed, Started
from auctions.engine.state import Phase
from auctions.entries import event_of
from auctions.ledger import Ledger
from benchmarks.load import percentile
from benchmarks.lots import Lot, open_lots
from benchmarks.parties import Party
from benchmarks.report import Row, Target
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.tables import ConsumerRow, EventRow, OutboxRow

LATE_S_MAX: Final = 0.1
APART: Final = timedelta(milliseconds=73)
LASTS: Final = timedelta(seconds=1)
SETTLED_S: Final = 2.0
CLOSES_S_MAX: Final = 60
EVENTS_WAITING_PER_LOT: Final = 500
EVENTS_AT_ONCE: Final = 500


async def deadline_rows(
    platform: Platform,
    buyer: Caller,
    sellers: Sequence[Party],
    count: int,
    ahead: timedelta,
) -> list[Row]:
    """Let a worker start and end lots: one after the other, all at one instant, behind a backlog.

    The first starts so far `ahead`: by then all of them have to be open.
    """
    await _worker_runs(platform, buyer, sellers)
    alone = await _lateness(platform, buyer, sellers, (count, ahead, APART))
    at_once = await _lateness(platform, buyer, sellers, (count, ahead, timedelta(0)))
    waiting = count * EVENTS_WAITING_PER_LOT
    await _have_waiting(platform, sellers, waiting)
    behind = await _lateness(platform, buyer, sellers, (count, ahead, APART))
    busy = await _waiting(platform)
    p99 = percentile(alone, 0.99)
    return [
        Row(
            f"{count} starts and ends, one by one: late by, p99",
            value=_words(alone),
            target=Target(LATE_S_MAX, "< 100 ms"),
            hit=p99 < LATE_S_MAX,
        ),
        Row(f"{count} starts, then ends, at one instant: late by, p99", value=_words(at_once)),
        Row(
            f"{count} starts and ends, one by one, behind {waiting:,} events and their mail: "
            "late by, p99",
            value=f"{_words(behind)}, {busy:,} events not handled after it",
            target=Target(LATE_S_MAX, "< 100 ms"),
            hit=percentile(behind, 0.99) < LATE_S_MAX,
        ),
    ]


async def _worker_runs(platform: Platform, buyer: Caller, sellers: Sequence[Party]) -> None:
    """Wait until a worker has ended a lot: a new process needs seconds to begin."""
    async with system_transaction(platform, Role.WORKER) as tx:
        now = await tx.clock()
    times = {"starts_at": now + LASTS, "ends_at": now + 2 * LASTS}
    (lot,) = await open_lots(platform, buyer, sellers, 1, **times)
    await _closed(platform, lot)


async def _closed(platform: Platform, lot: Lot) -> None:
    async with asyncio.timeout(CLOSES_S_MAX):
        while (await platform.get(Ledger).read(lot.lot_id)).state.phase is not Phase.CLOSED:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _have_waiting(platform: Platform, sellers: Sequence[Party], count: int) -> None:
    """Give the worker so many events to number and to make mail of."""
    audience = frozenset(seller.id for seller in sellers)
    for _ in range(0, count, EVENTS_AT_ONCE):
        async with system_transaction(platform, Role.ENGINE) as tx:
            for _ in range(EVENTS_AT_ONCE):
                facts = {"title": "Waiting"}
                tx.emit(Event("auction.scheduled", "auction", new_id(), 1, audience, facts))


async def _waiting(platform: Platform) -> int:
    """Count the events that the worker has not numbered, or not made mail of."""
    async with system_transaction(platform, Role.WORKER) as tx:
        last = await tx.scalar(select(func.max(EventRow.number))) or 0
        mailed = await tx.scalar(select(ConsumerRow.number).where(ConsumerRow.name == "mail"))
        unnumbered = await tx.scalar(select(func.count()).select_from(OutboxRow))
    return int(last - (mailed or 0) + unnumbered)


def _words(late: Sequence[float]) -> str:
    p99, p50 = percentile(late, 0.99) * 1e3, percentile(late, 0.5) * 1e3
    return f"{p99:.0f} ms (p50 {p50:.0f}, of {len(late)})"


async def _lateness(
    platform: Platform,
    buyer: Caller,
    sellers: Sequence[Party],
    plan: tuple[int, timedelta, timedelta],
) -> list[float]:
    """Give by how many seconds each start and end came after its instant."""
    count, ahead, apart = plan
    async with system_transaction(platform, Role.WORKER) as tx:
        first = await tx.clock() + ahead
    lots: list[Lot] = []
    for number in range(count):
        starts_at = first + number * apart
        times = {"starts_at": starts_at, "ends_at": starts_at + LASTS}
        lots += await open_lots(platform, buyer, sellers, 1, **times)
    async with system_transaction(platform, Role.WORKER) as tx:
        now = await tx.clock()
    if now > first:
        msg = "the first should have started before all lots were open: give them more seconds"
        raise RuntimeError(msg)
    left = first + (count - 1) * apart + LASTS - now
    await asyncio.sleep(max(left.total_seconds(), 0) + SETTLED_S)
    ledger, late = platform.get(Ledger), []
    for lot in lots:
        await _closed(platform, lot)
        head = await ledger.read(lot.lot_id)
        terms = head.state.terms
        for row in await ledger.entries(lot.lot_id, 0, head.state.seq):
            event = event_of(row, terms.currency)
            if isinstance(event, Started):
                late.append((event.at - terms.starts_at).total_seconds())
            elif isinstance(event, Closed):
                late.append((event.at - head.state.closes_at).total_seconds())
    if len(late) != 2 * count:
        msg = f"of {2 * count} starts and ends {len(late)} are in the logs"
        raise RuntimeError(msg)
    return late
