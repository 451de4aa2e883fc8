"""Bids that come at a fixed rate to many lots: nobody waits for an answer before he sends his."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Final

import asyncpg

from auctions.ledger import Ledger
from benchmarks.installation import Api, Installation
from benchmarks.load import http_request, percentile
from benchmarks.lots import Lot
from benchmarks.parties import Party
from benchmarks.report import Row, Target
from marketplace.app import assemble
from marketplace.platform.settings import load_settings

CONNECTIONS: Final = 256
BID_S_MAX: Final = 0.2
STATISTICS_S: Final = 1.5
"""After so long Postgres counts what a connection did last."""
_CREATED: Final = 201


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def bid(self, lot: Lot, seller: Party) -> tuple[int, bytes]:
        """Bid a cent below the seller's last bid; give status and body of the answer."""
        body = f'{{"amount":{{"amount":"{lot.bid(seller.id)}","currency":"EUR"}}}}'.encode()
        path, key = f"/v1/auctions/{lot.auction_id}/bids", secrets.token_hex(8)
        self._writer.write(http_request("POST", path, seller.key, body, idempotency_key=key))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        answer = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), answer

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def connected(api: Api) -> Connection:
    """Open a connection."""
    return Connection(*await asyncio.open_connection("127.0.0.1", api.port))


@asynccontextmanager
async def _connections(api: Api) -> AsyncIterator["asyncio.Queue[Connection]"]:
    """Open connections for the length of the block: the server closes those that are idle."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    opened = [await connected(api) for _ in range(CONNECTIONS)]
    for connection in opened:
        free.put_nowait(connection)
    yield free
    for connection in opened:
        connection.close()


@dataclass(slots=True)
class _Offered:
    """What came of the bids: seconds from when each was due, and answers that were no success."""

    latencies: list[float] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        return len(self.latencies) - len(self.strange)


Pairs = Iterator[tuple[Lot, Party]]


async def _offer(api: Api, pairs: Pairs, count: int, per_second: int) -> _Offered:
    offered = _Offered()

    async def one(lot: Lot, seller: Party, due: float) -> None:
        connection = await free.get()
        status, answer = await connection.bid(lot, seller)
        free.put_nowait(connection)
        offered.latencies.append(time.perf_counter() - due)
        if status != _CREATED:
            offered.strange.append(f"{status} {answer[:200]!r}")

    async with _connections(api) as free, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number, (lot, seller) in enumerate(islice(pairs, count)):
            due = began + number / per_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(lot, seller, due))
    return offered


async def crowd_rows(
    installation: Installation,
    api: Api,
    lots: Sequence[Lot],
    sellers: Sequence[Party],
    pace: tuple[int, float],
) -> list[Row]:
    """Offer bids, so many a second for so many seconds, after every lot was bid on once.

    A time counts from when the bid was due, not from its turn.
    """
    per_second, seconds = pace
    count = int(per_second * seconds)
    pairs: Pairs = cycle((lot, seller) for seller in sellers for lot in lots)
    await _offer(api, pairs, min(len(lots), 2 * per_second), per_second)
    entries, commits = await _entries(api, lots), await _transactions(installation)
    busy = api.processor_seconds()
    offered = await _offer(api, pairs, count, per_second)
    busy = api.processor_seconds() - busy
    commits = await _transactions(installation) - commits
    lost = offered.accepted - (await _entries(api, lots) - entries)
    p50, p99 = (percentile(offered.latencies, share) for share in (0.5, 0.99))
    name = f"{len(lots)} lots × {len(sellers)} bidders at {per_second} bids/s"
    strange = "".join(offered.strange[:1])
    return [
        Row(
            f"{name}: p99",
            value=f"{p99 * 1e3:.0f} ms (p50 {p50 * 1e3:.0f})",
            target=Target(BID_S_MAX, "< 200 ms"),
            hit=p99 < BID_S_MAX,
        ),
        Row(
            f"{name}: accepted, lost",
            value=f"{offered.accepted:,} of {count:,}, {lost} lost{strange}",
            target=Target(0, "all, 0 lost"),
            hit=offered.accepted == count and lost == 0,
        ),
        Row(f"{name}: of the API's processor, a bid", value=f"{busy / count * 1e6:.0f} µs"),
        Row(f"{name}: transactions a bid", value=f"{commits / count:.2f}"),
    ]


async def _entries(api: Api, lots: Sequence[Lot]) -> int:
    """Count the entries that are in the ledger."""
    platform = assemble(load_settings(api.child.environ)).platform
    try:
        ledger, total = platform.get(Ledger), 0
        async for heads in ledger.read_many([lot.lot_id for lot in lots]):
            total += sum(head.state.seq for head in heads)
        return total
    finally:
        await platform.close()


async def _transactions(installation: Installation) -> int:
    """Count the transactions Postgres has committed so far."""
    await asyncio.sleep(STATISTICS_S)
    connection = await asyncpg.connect(installation.services.owner_url)
    try:
        return int(
            await connection.fetchval(
                "select xact_commit from pg_stat_database where datname = current_database()"
            )
        )
    finally:
        await connection.close()
