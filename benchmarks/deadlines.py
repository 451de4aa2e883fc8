"""How late a worker starts and ends auctions: by their own logs, on the one clock."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from auctions.engine.events import Closed, Started
from auctions.entries import event_of
from auctions.ledger import Ledger
from benchmarks.load import percentile
from benchmarks.lots import Lot, open_lots
from benchmarks.parties import Party
from benchmarks.report import Row, Target
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction

LATE_S_MAX: Final = 0.1
APART: Final = timedelta(milliseconds=73)
LASTS: Final = timedelta(seconds=1)
SETTLED_S: Final = 2.0


async def deadline_rows(
    platform: Platform,
    buyer: Caller,
    sellers: Sequence[Party],
    count: int,
    ahead: timedelta,
) -> list[Row]:
    """Let a worker start and end lots, one after the other, and then all at one instant.

    The first starts so far `ahead`: by then all of them have to be open.
    """
    alone = await _lateness(platform, buyer, sellers, (count, ahead, APART))
    at_once = await _lateness(platform, buyer, sellers, (count, ahead, timedelta(0)))
    p99 = percentile(alone, 0.99)
    return [
        Row(
            f"{count} starts and ends, one by one: late by, p99",
            value=_words(alone),
            target=Target(LATE_S_MAX, "< 100 ms"),
            hit=p99 < LATE_S_MAX,
        ),
        Row(f"{count} starts, then ends, at one instant: late by, p99", value=_words(at_once)),
    ]


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
        left = first + (count - 1) * apart + LASTS - await tx.clock()
    await asyncio.sleep(max(left.total_seconds(), 0) + SETTLED_S)
    ledger, late = platform.get(Ledger), []
    for lot in lots:
        head = await ledger.read(lot.lot_id)
        terms = head.state.terms
        for row in await ledger.entries(lot.lot_id, 0, head.state.seq):
            event = event_of(row, terms.currency)
            if isinstance(event, Started):
                late.append((event.at - terms.starts_at).total_seconds())
            elif isinstance(event, Closed):
                late.append((event.at - head.state.closes_at).total_seconds())
    if len(late) != 2 * count:
        msg = f"of {2 * count} starts and ends {len(late)} came within {SETTLED_S} s"
        raise RuntimeError(msg)
    return late
