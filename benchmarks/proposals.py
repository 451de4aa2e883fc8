"""A scenario of many lots proposed as the award, over HTTP; lots awarded one by one beside it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from benchmarks.installation import Api, Installation
from benchmarks.parties import Party, each, register, until
from benchmarks.report import Row, Target
from benchmarks.tenders import instant, opened, published
from marketplace.app import assemble
from marketplace.platform.settings import load_settings

SECONDS_MOST: Final = 10
SOLVED_WITHIN_S: Final = 120


@dataclass(frozen=True, slots=True)
class Size:
    """Lots and bidders, how long bids are received, and how many lots more are awarded alone."""

    lots: int
    bidders: int
    receiving_s: float
    alone: int


FULL: Final = Size(200, 20, 40.0, 5)
QUICK: Final = Size(4, 3, 10.0, 1)


async def proposal_rows(
    installation: Installation, api: Api, operator: Party, size: Size
) -> list[Row]:
    """Measure what a proposal takes: contracts are concluded with it, for nothing is waited for.

    No worker may be running; one is started to solve the scenario, and ended before the proposal.
    """
    async with httpx.AsyncClient(base_url=api.url, timeout=120) as http:
        operator = Party(http, operator.id, operator.key)
        buyer = await register(operator, f"Many lots {uuid4()}", buyer=True)
        suppliers = await each(
            lambda n: register(operator, f"Bidder {n} {uuid4()}", supplier=True),
            range(size.bidders),
        )
        tender = await _tender(installation, buyer, suppliers, size)
        alone = [
            await _timed(installation, api, _award(buyer, tender, place))
            for place in range(size.alone)
        ]
        scenario = await _solved(installation, buyer, tender)
        spent = await _timed(installation, api, _proposed(buyer, scenario))
    lot = spent.seconds / size.lots
    single = median(each.seconds for each in alone)
    return [
        Row(
            f"scenario of {size.lots} lots × {size.bidders} bidders proposed, with its contracts",
            value=f"{spent.seconds:.1f} s, of the API's processor {spent.api:.1f}, of Postgres' "
            f"{spent.postgres:.1f}; {lot * 1e3:.0f} ms a lot, {lot / single:.0%} of one awarded "
            f"alone ({single * 1e3:.0f} ms)",
            target=Target(SECONDS_MOST, f"< {SECONDS_MOST} s"),
            hit=spent.seconds < SECONDS_MOST,
        )
    ]


async def _tender(
    installation: Installation, buyer: Party, suppliers: list[Party], size: Size
) -> Any:
    """Publish a tender of many lots, let all bid for all of them, and open it."""
    line = {"quantity": "10", "unit": "C62", "description": "A part"}
    lots = [{"title": f"Lot {n}", "lines": [line]} for n in range(size.lots + size.alone)]
    tender = await published(buyer, lots, size.receiving_s)
    lines = [line["id"] for lot in tender["lots"] for line in lot["lines"]]

    async def bid(number: int) -> None:
        chance = Random(number)  # noqa: S311 - made-up bids
        prices = [
            {"line_id": line_id, "unit_amount": f"{chance.randint(900, 1100)}.50"}
            for line_id in lines
        ]
        body = {"currency": "EUR", "lines": prices}
        await suppliers[number].post(f"/v1/procedures/{tender['id']}/bids", body)

    await each(bid, range(len(suppliers)))
    await asyncio.sleep(max(0.0, instant(tender) - time.time()) + 0.1)
    platform = assemble(load_settings(installation.environ)).platform
    try:
        await opened(platform, UUID(tender["id"]))
    finally:
        await platform.close()
    return tender


def _last_day() -> str:
    return (datetime.now(UTC) + timedelta(days=365)).date().isoformat()


async def _award(buyer: Party, tender: Any, place: int) -> None:
    body = {"lot_id": tender["lots"][place]["id"], "last_day": _last_day()}
    await buyer.post(f"/v1/procedures/{tender['id']}/awards", body)


async def _solved(installation: Installation, buyer: Party, tender: Any) -> Any:
    body = {"name": "Five suppliers", "constraints": {"suppliers_max": 5}}
    scenario = await buyer.post(f"/v1/procedures/{tender['id']}/scenarios", body)
    async with installation.worker():
        solved = await until(
            lambda: buyer.get(f"/v1/scenarios/{scenario['id']}"),
            lambda found: found["status"] not in {"queued", "running"},
            SOLVED_WITHIN_S,
        )
    assert solved["status"] == "done", solved
    return solved


async def _proposed(buyer: Party, scenario: Any) -> None:
    body = {"last_day": _last_day(), "reason": "Five suppliers are enough."}
    match = {"If-Match": f'"{scenario["version"]}"'}
    path = f"/v1/scenarios/{scenario['id']}/propose"
    answer = await buyer.post(path, body, match)
    assert len(answer["proposals"]) == len(scenario["result"]["awards"])


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds by the clock, of the API's processor and of Postgres'."""

    seconds: float
    api: float
    postgres: float


async def _timed(installation: Installation, api: Api, verb: Any) -> _Spent:
    processor, postgres = api.processor_seconds(), installation.postgres_seconds()
    began = time.monotonic()
    await verb
    seconds = time.monotonic() - began
    return _Spent(
        seconds, api.processor_seconds() - processor, installation.postgres_seconds() - postgres
    )
