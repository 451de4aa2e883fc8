"""Live auctions with many viewers, many lots and much to rebuild: `make bench ARGS=live`.

Four questions, each on the product as it runs: how long the boards of 1,000 lots take to come back
after Redis lost them; how bids fare that come at a fixed rate to 800 lots; how long a change takes
to the last of 2,000 viewers, and what a viewer costs; how late auctions start and end.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

from auctions.board import Board, heal
from auctions.engine.terms import Disclosure
from benchmarks.crowd import Connection, connected, crowd_rows
from benchmarks.deadlines import deadline_rows
from benchmarks.installation import Api, Installation
from benchmarks.load import percentile
from benchmarks.lots import Lot, caller_of, fill, open_lots
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target
from benchmarks.viewers import watch
from marketplace.app import assemble
from marketplace.platform.settings import load_settings

FAN_OUT_S_MAX: Final = 1.0
VIEWER_KB_MAX: Final = 50
REBUILD_S_MAX: Final = 2.0
BIDDERS: Final = 10

Part = Literal["boards", "crowd", "viewers", "deadlines"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of each."""

    companies: int
    viewers: int
    changes: int
    lots: int
    bids_of_lot: int
    crowded_lots: int
    bids_per_second: int
    seconds: float
    deadlines: tuple[int, timedelta]


FULL: Final = Scale(16, 2_000, 30, 1_000, 100, 800, 500, 10.0, (40, timedelta(seconds=12)))
QUICK: Final = Scale(4, 20, 3, 8, 40, 6, 50, 0.5, (1, timedelta(seconds=3)))


async def live_rows(
    installation: Installation,
    operator: Party,
    scale: Scale,
    parts: Sequence[Part] = PARTS,
    *,
    api: Api | None = None,
    worker_runs: bool = False,
) -> list[Row]:
    """Measure these parts, by an API process and a worker of their own where none run.

    Boards are to be measured without a worker: it would heal them as well.
    """
    platform = assemble(load_settings(installation.environ)).platform
    try:
        buyer = await register(operator, "Buyer", buyer=True)
        sellers = await each(
            lambda n: register(operator, f"Seller {n}", supplier=True), range(scale.companies)
        )
        caller, bidders = await caller_of(platform, buyer), sellers[:BIDDERS]
        rows: list[Row] = []
        many: list[Lot] = []
        if "deadlines" in parts:  # first, while the worker has no events of other parts to number
            async with nullcontext() if worker_runs else installation.worker():
                rows += await deadline_rows(platform, caller, bidders, *scale.deadlines)
        if "boards" in parts or "crowd" in parts:
            many = await open_lots(platform, caller, bidders, scale.lots)
            await fill(platform, many, bidders, scale.bids_of_lot)
            await installation.settle()
        if "boards" in parts:
            rows += await _rebuilt(installation, many, scale)
        async with nullcontext(api) if api else installation.api("live") as served:
            if "crowd" in parts:
                pace = scale.bids_per_second, scale.seconds
                crowded = many[: scale.crowded_lots]
                rows += await crowd_rows(installation, served, crowded, bidders, pace)
            if "viewers" in parts:
                shown = await open_lots(platform, caller, sellers, 1, disclosure=Disclosure.OPEN)
                rows += await _watched(served, shown[0], buyer, sellers, scale)
        return rows
    finally:
        await platform.close()


async def _rebuilt(installation: Installation, lots: Sequence[Lot], scale: Scale) -> list[Row]:
    """Wipe Redis and heal all boards by a process that remembers no lot."""
    times = []
    for _ in range(3):
        platform = assemble(load_settings(installation.environ)).platform
        try:
            await platform.redis.commands.flushall()
            began, busy = time.perf_counter(), time.process_time()
            healed = await heal(platform)
            times.append((time.perf_counter() - began, time.process_time() - busy))
            positions = await platform.get(Board).positions([lot.lot_id for lot in lots])
        finally:
            await platform.close()
        assert healed >= len(lots), healed
        assert None not in positions.values()
    seconds, busy = sorted(times)[1]
    name = f"{scale.lots:,} boards from {scale.lots * scale.bids_of_lot:,} bids"
    return [
        Row(
            name,
            value=f"{seconds:.2f} s",
            target=Target(REBUILD_S_MAX, "< 2 s"),
            hit=seconds < REBUILD_S_MAX,
        ),
        Row(f"{name}: of its processor", value=f"{busy:.2f} s"),
    ]


async def _watched(
    api: Api, lot: Lot, buyer: Party, sellers: Sequence[Party], scale: Scale
) -> list[Row]:
    """Let all see every change, and take the time from the bid's sending to each of them."""
    path = f"/v1/auctions/{lot.auction_id}"
    connection = await connected(api)
    await _bid(connection, lot, sellers[0])
    connection.close()
    before = api.resident_mb()
    watchers = list(itertools.islice(itertools.cycle((buyer, *sellers)), scale.viewers))
    viewers = await each(lambda who: watch(api.port, path, who.key), watchers, at_once=32)
    resident = api.resident_mb()
    delays = []
    connection = await connected(api)
    for number in range(scale.changes):
        known = [viewer.number for viewer in viewers]
        sent = time.perf_counter()
        await _bid(connection, lot, sellers[number % len(sellers)])
        async with asyncio.timeout(30):
            while any(v.number == was for v, was in zip(viewers, known, strict=True)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        delays += [viewer.seen[viewer.number] - sent for viewer in viewers]
    for viewer in viewers:
        viewer.transport.close()
    connection.close()
    gaps = sum(viewer.gaps for viewer in viewers)
    kilobytes = (resident - before) * 1e3 / len(viewers)
    p99 = percentile(delays, 0.99)
    name = f"{len(viewers):,} viewers"
    return [
        Row(
            f"{name}: from a bid to their eyes, p99",
            value=f"{p99 * 1e3:.0f} ms (p50 {percentile(delays, 0.5) * 1e3:.0f})",
            target=Target(FAN_OUT_S_MAX, "< 1 s"),
            hit=p99 < FAN_OUT_S_MAX,
        ),
        Row(
            f"{name}: changes seen",
            value=f"{len(delays):,} of {scale.changes * len(viewers):,}, {gaps} gaps",
            target=Target(0, "all, 0 gaps"),
            hit=gaps == 0 and len(delays) == scale.changes * len(viewers),
        ),
        Row(
            f"{name}: memory of each",
            value=f"{kilobytes:.0f} kB",
            target=Target(VIEWER_KB_MAX, "< 50 kB"),
            hit=kilobytes < VIEWER_KB_MAX,
        ),
    ]


async def _bid(connection: Connection, lot: Lot, seller: Party) -> None:
    status, answer = await connection.bid(lot, seller)
    assert status == 201, answer  # noqa: PLR2004
