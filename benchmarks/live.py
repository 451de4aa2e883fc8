"""Live auctions with many viewers, many lots and much to rebuild: `make bench ARGS=live`.

Three questions, each on the product as it runs: how long a change takes to the last of 2,000
viewers and what a viewer costs; how long the boards of 1,000 lots take to come back after Redis
lost them; and how bids fare that come at a fixed rate to 800 lots, whoever is busy.
"""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from auctions.admission import Admission
from auctions.board import Board, heal
from auctions.drafts import AuctionDraft, Participant
from auctions.engine.events import PlaceBid
from auctions.engine.terms import Decrement, Disclosure, Measure, Step, Terms
from auctions.ledger import Ledger
from auctions.service import open_auction
from benchmarks.installation import Api, Installation
from benchmarks.load import http_request, percentile
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target
from benchmarks.viewers import watch
from marketplace.app import assemble
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.access import Authenticator, Credentials
from marketplace.platform.settings import load_settings

CENT: Final = Decimal("0.01")
CEILING: Final = Decimal("1000000.00")
CONNECTIONS: Final = 256
FAN_OUT_S_MAX: Final = 1.0
VIEWER_KB_MAX: Final = 50
REBUILD_S_MAX: Final = 2.0
BID_S_MAX: Final = 0.2


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


FULL: Final = Scale(16, 2_000, 30, 1_000, 100, 800, 500, 10.0)
QUICK: Final = Scale(4, 20, 3, 8, 5, 6, 50, 0.5)


async def live_rows(installation: Installation, operator: Party, scale: Scale) -> list[Row]:
    """Measure all three."""
    platform = assemble(load_settings(installation.environ)).platform
    try:
        buyer = await register(operator, "Buyer", buyer=True)
        sellers = await each(
            lambda n: register(operator, f"Seller {n}", supplier=True), range(scale.companies)
        )
        caller = await _caller(platform, buyer)
        many = await _open_lots(platform, caller, sellers[:10], scale.lots)
        await _fill(platform, many, sellers[:10], scale.bids_of_lot)
        await installation.settle()
        rows = [await _rebuilt(installation, many, scale)]
        shown = await _open_lots(platform, caller, sellers, 1, disclosure=Disclosure.OPEN)
        async with installation.api("live") as api:
            rows += await _crowded(api, many, sellers[:10], scale)
            rows += await _watched(api, shown[0], buyer, sellers, scale)
        return rows
    finally:
        await platform.close()


@dataclass(slots=True)
class _Lot:
    auction_id: UUID
    lot_id: UUID
    next_amount: dict[UUID, Decimal] = field(default_factory=dict)

    def bid(self, seller: UUID) -> Decimal:
        """Give an amount lower than all the seller bid before."""
        amount = self.next_amount.get(seller, CEILING) - CENT
        self.next_amount[seller] = amount
        return amount


async def _caller(platform: Platform, party: Party) -> Caller:
    credentials = Credentials(
        bearer=party.key,
        session=None,
        unit_id=None,
        address="",
        request_id="",
        origin=None,
        safe_method=False,
    )
    authenticator: Authenticator = platform.get(Authenticator)  # type: ignore[type-abstract]
    return await authenticator.caller_of(credentials)


async def _open_lots(
    platform: Platform, buyer: Caller, sellers: Sequence[Party], count: int, **changes: Any
) -> list[_Lot]:
    async def one(_number: int) -> _Lot:
        async with transaction(platform, buyer) as tx:
            now = await tx.clock()
            values: dict[str, Any] = {
                "currency": "EUR",
                "ceiling": CEILING,
                "decrement": Decrement(Step(Measure.ABSOLUTE, CENT)),
                "starting_gate": False,
                "starts_at": now,
                "ends_at": now + timedelta(hours=6),
            }
            draft = AuctionDraft(
                buyer_id=buyer.organization_id,
                unit_id=buyer.organization_id,
                title="Steel",
                terms=Terms(**(values | changes)),
                participants=tuple(Participant(seller.id) for seller in sellers),
            )
            auction_id = await open_auction(tx, draft)
        card, _ = await platform.get(Admission).viewers_card(auction_id, buyer.organization_id)
        return _Lot(auction_id, card.lot_id)

    return await each(one, range(count), at_once=4)


async def _fill(
    platform: Platform, lots: Sequence[_Lot], sellers: Sequence[Party], bids: int
) -> None:
    """Have so many bids in each lot, by the ledger itself: a batch for a lot."""
    ledger = platform.get(Ledger)

    async def one(lot: _Lot) -> None:
        commands = [
            PlaceBid(
                bid_id=new_id(),
                bidder=seller.id,
                client_bid_id=secrets.token_hex(8),
                amount=lot.bid(seller.id),
            )
            for seller in itertools.islice(itertools.cycle(sellers), bids)
        ]
        await ledger.settle(lot.lot_id, commands, lambda _bidder: True)

    await each(one, lots, at_once=4)


# Boards that come back


async def _rebuilt(installation: Installation, lots: Sequence[_Lot], scale: Scale) -> Row:
    """Wipe Redis and heal all boards by a process that remembers no lot."""
    times = []
    for _ in range(3):
        platform = assemble(load_settings(installation.environ)).platform
        try:
            await platform.redis.commands.flushall()
            began = time.perf_counter()
            healed = await heal(platform)
            times.append(time.perf_counter() - began)
            positions = await platform.get(Board).positions([lot.lot_id for lot in lots])
        finally:
            await platform.close()
        assert healed >= len(lots), healed
        assert None not in positions.values()
    seconds = sorted(times)[1]
    return Row(
        f"{scale.lots:,} boards from {scale.lots * scale.bids_of_lot:,} bids",
        value=f"{seconds:.2f} s",
        target=Target(REBUILD_S_MAX, "< 2 s"),
        hit=seconds < REBUILD_S_MAX,
    )


# Bids at a fixed rate


class _Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), body

    def close(self) -> None:
        self._writer.close()


async def _connected(api: Api) -> _Connection:
    return _Connection(*await asyncio.open_connection("127.0.0.1", api.port))


@asynccontextmanager
async def _connections(api: Api, free: "asyncio.Queue[_Connection]") -> AsyncIterator[None]:
    """Open connections for the length of the block: the server closes those that are idle."""
    opened = [await _connected(api) for _ in range(CONNECTIONS)]
    for connection in opened:
        free.put_nowait(connection)
    yield
    while not free.empty():
        free.get_nowait()
    for connection in opened:
        connection.close()


async def _crowded(
    api: Api, lots: Sequence[_Lot], sellers: Sequence[Party], scale: Scale
) -> list[Row]:
    """Offer bids at a fixed rate; a time counts from when the bid was due, not from its turn."""
    crowd = lots[: scale.crowded_lots]
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    latencies: list[float] = []
    accepted: dict[UUID, int] = {}
    strange: list[str] = []

    async def offer(lot: _Lot, seller: Party, due: float) -> None:
        amount = lot.bid(seller.id)
        body = f'{{"amount":{{"amount":"{amount}","currency":"EUR"}}}}'.encode()
        path = f"/v1/auctions/{lot.auction_id}/bids"
        key = secrets.token_hex(8)
        connection = await free.get()
        status, answer = await connection.ask(
            http_request("POST", path, seller.key, body, idempotency_key=key)
        )
        free.put_nowait(connection)
        latencies.append(time.perf_counter() - due)
        if status == 201:  # noqa: PLR2004
            accepted[lot.lot_id] = accepted.get(lot.lot_id, 0) + 1
        else:
            strange.append(f"{status} {answer[:200]!r}")

    pairs = itertools.cycle((lot, seller) for seller in sellers for lot in crowd)
    warm = min(len(crowd), 2 * scale.bids_per_second)
    async with _connections(api, free):
        await _paced(offer, pairs, warm, scale.bids_per_second)
    before = await _ledger_bids(api, crowd)
    latencies.clear()
    accepted.clear()
    count = int(scale.bids_per_second * scale.seconds)
    async with _connections(api, free):
        await _paced(offer, pairs, count, scale.bids_per_second)
    after = await _ledger_bids(api, crowd)
    lost = sum(accepted.values()) - (after - before)
    p99 = percentile(latencies, 0.99)
    name = f"{len(crowd)} lots × {len(sellers)} bidders at {scale.bids_per_second} bids/s"
    answered = len(latencies) - len(strange)
    return [
        Row(
            f"{name}: p99",
            value=f"{p99 * 1e3:.0f} ms (p50 {percentile(latencies, 0.5) * 1e3:.0f})",
            target=Target(BID_S_MAX, "< 200 ms"),
            hit=p99 < BID_S_MAX,
        ),
        Row(
            f"{name}: accepted, lost",
            value=f"{answered:,} of {count:,}, {lost} lost{''.join(strange[:1])}",
            target=Target(0, "all, 0 lost"),
            hit=answered == count and lost == 0,
        ),
    ]


Offer = Callable[[_Lot, Party, float], Awaitable[None]]


async def _paced(offer: Offer, pairs: Any, count: int, per_second: int) -> None:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + number / per_second
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            lot, seller = next(pairs)
            group.create_task(offer(lot, seller, due))  # type: ignore[arg-type]


async def _ledger_bids(api: Api, lots: Sequence[_Lot]) -> int:
    """Count the accepted bids that are in the ledger."""
    platform = assemble(load_settings(api.child.environ)).platform
    try:
        ledger, total = platform.get(Ledger), 0
        for lot in lots:
            total += (await ledger.read(lot.lot_id)).state.seq
        return total
    finally:
        await platform.close()


# Viewers


async def _watched(
    api: Api, lot: _Lot, buyer: Party, sellers: Sequence[Party], scale: Scale
) -> list[Row]:
    """Let all see every change, and take the time from the bid's sending to each of them."""
    path = f"/v1/auctions/{lot.auction_id}"
    connection = await _connected(api)
    await _bid(connection, lot, sellers[0])
    connection.close()
    before = api.resident_mb()
    watchers = list(itertools.islice(itertools.cycle((buyer, *sellers)), scale.viewers))
    viewers = await each(lambda who: watch(api.port, path, who.key), watchers, at_once=32)
    resident = api.resident_mb()
    delays = []
    connection = await _connected(api)
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


async def _bid(connection: _Connection, lot: _Lot, seller: Party) -> None:
    amount = lot.bid(seller.id)
    body = f'{{"amount":{{"amount":"{amount}","currency":"EUR"}}}}'.encode()
    path, key = f"/v1/auctions/{lot.auction_id}/bids", secrets.token_hex(8)
    request = http_request("POST", path, seller.key, body, idempotency_key=key)
    status, answer = await connection.ask(request)
    assert status == 201, answer  # noqa: PLR2004
