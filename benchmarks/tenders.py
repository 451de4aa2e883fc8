"""A tender's last two seconds and its opening: `make bench ARGS=tenders`.

Very many suppliers submit over HTTP within the last two seconds before the deadline, some a moment
after it; each keeps what it was answered. Then the bids are opened, and every receipt is looked for
among them. How long an opening takes is measured of another tender, in which all bid in good time.
What of it is the cryptography's is measured by opening the same envelopes once more, without a
database.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from benchmarks.installation import Api, Installation
from benchmarks.load import Client, drive, http_request, percentile
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.settings import load_settings
from rfq.key_store import KeyStore
from rfq.opening.clock import database_clock
from rfq.opening.service import close_bids, open_bids
from rfq.rules.sealing import Envelope, Place, Unsealed, unseal
from rfq.tables import OpenedBidRow, SealedBidRow

RUSH_S: Final = 2.0
AFTER_S: Final = 0.1
"""How long after the deadline the last of them come: they must be refused."""
P99_S_MAX: Final = 1.0
OPENING_S_MAX: Final = 5.0
CREATED: Final = 201
CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class Scale:
    """How many suppliers bid for how many lines, and how long before the deadlines.

    `ahead_s` is left before the rush begins, `good_time_s` for bidding in good time.
    """

    suppliers: int
    lines: int
    ahead_s: float
    good_time_s: float


FULL: Final = Scale(suppliers=500, lines=50, ahead_s=8.0, good_time_s=75.0)
QUICK: Final = Scale(suppliers=8, lines=5, ahead_s=10.0, good_time_s=15.0)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one supplier was answered, and after how many seconds; 0 is no answer."""

    supplier_id: UUID
    status: int
    seconds: float
    commitment: str


async def tender_rows(
    installation: Installation, api: Api, operator: Party, scale: Scale
) -> list[Row]:
    """Measure one rush and the opening after it; no worker may be running."""
    platform = assemble(load_settings(installation.environ)).platform
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    try:
        async with httpx.AsyncClient(base_url=api.url, timeout=60, limits=limits) as http:
            operator = Party(http, operator.id, operator.key)
            buyer = await register(operator, f"Tenders {uuid4()}", buyer=True)
            suppliers = await each(
                lambda n: register(operator, f"Bidder {n} {uuid4()}", supplier=True),
                range(scale.suppliers),
            )
            await installation.settle()
            calm = await published(buyer, _lots(scale), scale.good_time_s)
            await each(lambda bidder: _submitted(api, bidder, _bid(calm, bidder, 0)), suppliers)
            tender = await published(buyer, _lots(scale), scale.ahead_s + RUSH_S)
            busy, own = api.processor_seconds(), time.process_time()
            answers = await _rush(api, tender, suppliers)
            busy, own = api.processor_seconds() - busy, time.process_time() - own
            await opened(platform, UUID(tender["id"]))
            closes_at = instant(calm) + platform.settings.settle_seconds
            await asyncio.sleep(max(0.0, closes_at - time.time()))
            spent = await opened(platform, UUID(calm["id"]))
            received = await _received(platform, UUID(tender["id"]))
    finally:
        await platform.close()
    deadline_at = datetime.fromisoformat(tender["deadline_at"])
    rows = _rush_rows(answers, received, deadline_at)
    means = [f"{seconds / len(answers) * 1e3:.1f} ms" for seconds in (busy, own)]
    mean = Row(
        "the same: of the API's processor, for each",
        value=f"{means[0]}; of the load generator's {means[1]}",
    )
    return [*rows, mean, _opening_row(spent, scale)]


def instant(tender: Any) -> float:
    """Give a tender's deadline as seconds of the clock."""
    return datetime.fromisoformat(tender["deadline_at"]).timestamp()


def _lots(scale: Scale) -> list[dict[str, Any]]:
    lines = [
        {"quantity": "10", "unit": "C62", "description": f"Part {n}"} for n in range(scale.lines)
    ]
    return [{"title": "All", "lines": lines}]


async def published(buyer: Party, lots: list[dict[str, Any]], ahead_s: float) -> Any:
    """Publish an open tender whose bids are received for so many seconds."""
    body = {
        "title": "Parts",
        "currency": "EUR",
        "openness": "open",
        "deadline_at": (datetime.now().astimezone() + timedelta(seconds=ahead_s)).isoformat(),
        "lots": lots,
    }
    draft = await buyer.post("/v1/procedures", body)
    match = {"If-Match": f'"{draft["version"]}"'}
    return await buyer.post(f"/v1/procedures/{draft['id']}/publish", headers=match)


async def _rush(api: Api, tender: Any, suppliers: list[Party]) -> list[Answered]:
    """Let each submit at its instant, evenly spread until a moment after the deadline."""
    deadline = instant(tender)
    bids = [_bid(tender, supplier, number) for number, supplier in enumerate(suppliers)]
    step = (RUSH_S + AFTER_S) / (len(suppliers) - 1)
    for supplier in suppliers[:: max(1, len(suppliers) // 20)]:  # callers known, connections open
        await supplier.get(f"/v1/procedures/{tender['id']}")
    left = deadline - RUSH_S - time.time()
    if left <= 0:
        msg = "the rush should have begun before it was prepared: give it more seconds ahead"
        raise RuntimeError(msg)

    async def one(number: int, supplier: Party) -> Answered:
        at = deadline - RUSH_S + number * step
        await asyncio.sleep(max(0.0, at - time.time()))
        return await _submitted(api, supplier, bids[number])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(n, each)) for n, each in enumerate(suppliers)]
    return [task.result() for task in tasks]


def _bid(tender: Any, supplier: Party, number: int) -> bytes:
    """Write a bid's request before the clock runs."""
    lines = [
        {"line_id": line["id"], "unit_amount": f"{1_000 + number}.{place:02d}"}
        for place, line in enumerate(tender["lots"][0]["lines"])
    ]
    body = msgspec.json.encode({"currency": "EUR", "lines": lines})
    path = f"/v1/procedures/{tender['id']}/bids"
    return http_request("POST", path, supplier.key, body, idempotency_key=str(uuid4()))


async def _submitted(api: Api, supplier: Party, bid: bytes) -> Answered:
    heard: list[tuple[int, bytes]] = []

    def keep(status: int, body: bytes) -> bool:
        heard.append((status, body))
        return True

    began = time.perf_counter()
    with suppress(OSError):  # refused, closed or too late: unclear to the bidder
        # No answer asks for another request: each submits once, by a connection of its own.
        await drive(api.port, [Client(lambda: bid, keep)], RUSH_S, requests_max=0)
    seconds = time.perf_counter() - began
    status, content = heard[0] if heard else (0, b"")
    commitment = msgspec.json.decode(content)["commitment"] if status == CREATED else ""
    return Answered(supplier.id, status, seconds, commitment)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the opening, from the close to its commit, and of its cryptography alone."""

    opening: float
    crypto: float
    bids: int


async def opened(platform: Platform, procedure_id: UUID) -> Spent:
    """Close and open a tender whose deadline has passed."""
    began = time.perf_counter()
    await close_bids(platform, procedure_id)
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    key = await store.release(procedure_id, await database_clock(platform))
    await open_bids(platform, procedure_id, key)
    opening = time.perf_counter() - began
    crypto, bids = await _crypto(platform, procedure_id, key)
    return Spent(opening, crypto, bids)


async def _crypto(
    platform: Platform, procedure_id: UUID, key: X25519PrivateKey
) -> tuple[float, int]:
    """Open all envelopes once more; give the seconds of that alone, and how many there are."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(
                SealedBidRow.bidder_id,
                SealedBidRow.version,
                SealedBidRow.commitment,
                SealedBidRow.ephemeral_key,
                SealedBidRow.wrapped_key,
                SealedBidRow.ciphertext,
            ).where(SealedBidRow.procedure_id == procedure_id)
        )
    began = time.perf_counter()
    for row in rows:
        place = Place(procedure_id, row.bidder_id, row.version)
        envelope = Envelope(row.ephemeral_key, row.wrapped_key, row.ciphertext)
        assert isinstance(unseal(envelope, place, row.commitment, key), Unsealed)
    return time.perf_counter() - began, len(rows)


async def _received(platform: Platform, procedure_id: UUID) -> dict[UUID, tuple[str, datetime]]:
    """Give what was opened: by bidder the commitment, and when the bid was decided."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(
                OpenedBidRow.bidder_id, OpenedBidRow.commitment, OpenedBidRow.submitted_at
            ).where(
                OpenedBidRow.procedure_id == procedure_id, OpenedBidRow.invalid_reason.is_(None)
            )
        )
        assert await tx.scalar(select(func.count()).select_from(OpenedBidRow)) >= len(rows)
    return {row.bidder_id: (row.commitment.hex(), row.submitted_at) for row in rows}


def _rush_rows(
    answers: list[Answered], received: dict[UUID, tuple[str, datetime]], deadline_at: datetime
) -> list[Row]:
    taken = {each.supplier_id: each.commitment for each in answers if each.status == CREATED}
    refused = sum(each.status == CONFLICT for each in answers)
    unclear = len(answers) - len(taken) - refused
    kept = {supplier_id: commitment for supplier_id, (commitment, _) in received.items()}
    lost = sum(kept.get(supplier_id) != commitment for supplier_id, commitment in taken.items())
    late = sum(at >= deadline_at for _, at in received.values())
    more = len(set(kept) - set(taken))
    p99 = percentile([each.seconds for each in answers], 0.99)
    p50 = percentile([each.seconds for each in answers], 0.5)
    rush = f"{len(answers)} bids in the last 2 s before a deadline"
    return [
        Row(
            f"{rush}: answered within, p99",
            value=f"{p99 * 1e3:.0f} ms (p50 {p50 * 1e3:.0f})",
            target=Target(P99_S_MAX, "< 1 s"),
            hit=p99 < P99_S_MAX,
        ),
        Row(
            f"{rush}: what became of them",
            value=f"{len(taken)} taken, {refused} refused, {unclear} unclear, {lost} lost, "
            f"{late} late, {more} beyond",
            target=Target(0, "0 unclear, lost or late"),
            hit=unclear + lost + late + more == 0 and refused > 0,
        ),
    ]


def _opening_row(spent: Spent, scale: Scale) -> Row:
    share = spent.crypto / spent.opening
    return Row(
        f"opening of {spent.bids} bids with {scale.lines} lines",
        value=f"{spent.opening:.2f} s, cryptography {spent.crypto:.2f} s ({share:.0%})",
        target=Target(OPENING_S_MAX, "< 5 s"),
        hit=spent.opening < OPENING_S_MAX,
    )
