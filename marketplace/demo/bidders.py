"""Simulated bidders: programs of the demo's suppliers that underbid each other over HTTP.

They know what the API tells them and nothing else: their rank, their own limit and the clock. Each
has a lowest price of his own, below which he lets the others win.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final
from uuid import uuid4

import httpx

from marketplace.demo.companies import DemoKeys
from marketplace.demo.registration import DemoCompany
from marketplace.demo.story import Actor, Recorder, UnexpectedAnswer
from marketplace.platform.telemetry import log

TITLE: Final = "Live demo: bearings and cables for one year"
CEILING: Final = Decimal(48_000)
RUNNING: Final = {"scheduled", "open"}
RUNS_FOR: Final = timedelta(minutes=10)
STARTS_IN: Final = timedelta(seconds=2)
PAUSE_S: Final = 20.0
RETRY_S: Final = 1.0
ATTEMPTS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class Temper:
    """How a bidder plays: never below `lowest`, about every `seconds`, by up to `boldness`."""

    lowest: Decimal
    seconds: float
    boldness: float


def next_amount(standing: Mapping[str, Any], temper: Temper, luck: float) -> Decimal | None:
    """Give the amount to bid now, or None to wait; `luck` lies in [0, 1).

    The leader waits. The others go below their limit by a share of it, more with more luck, but
    neither below what the auction allows at once nor below their own lowest price.
    """
    if standing["phase"] != "open" or standing.get("rank") == 1 or "limit" not in standing:
        return None
    limit = Decimal(standing["limit"]["amount"])
    if limit < temper.lowest:
        return None
    share = Decimal(1) - Decimal(str(temper.boldness * luck))
    amount = max((limit * share).quantize(Decimal("0.01"), ROUND_DOWN), temper.lowest)
    if "floor" in standing:
        amount = max(amount, Decimal(standing["floor"]["amount"]))
    return amount


async def ensure_auction(http: httpx.AsyncClient, demo: DemoKeys) -> str:
    """Give the id of the demo's running auction; a new one where the last has ended."""
    buyer = Actor(http, demo.buyer.name, demo.buyer.key, Recorder())
    for auction in (await buyer.get("/v1/auctions"))["items"]:
        if auction["title"] == TITLE and auction["status"] in RUNNING:
            return str(auction["id"])
    made = await buyer.post("/v1/auctions", _auction(demo), once=True)
    await buyer.send(
        "POST", f"/v1/auctions/{made['id']}/schedule", headers={"If-Match": f'"{made["version"]}"'}
    )
    return str(made["id"])


def _auction(demo: DemoKeys) -> dict[str, Any]:
    starts_at = datetime.now(UTC) + STARTS_IN
    return {
        "title": TITLE,
        "currency": "EUR",
        "lots": [
            {
                "title": "Bearings, bolts and cables, frame contract",
                "disclosure": "open",
                "ceiling": str(CEILING),
                "decrement": {"step": {"measure": "percent", "value": "0.2"}},
                "overtime": {
                    "window": "PT20S",
                    "extension": "PT20S",
                    "at_most": 10,
                    "total_max": "PT4M",
                },
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + RUNS_FOR).isoformat(),
                "participants": [
                    {"organization_id": one.organization_id} for one in demo.suppliers
                ],
            }
        ],
    }


async def run_bidders(url: str, demo: DemoKeys) -> None:
    """Keep an auction running and bid in it, until cancelled."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        while True:
            try:
                auction_id = await ensure_auction(http, demo)
                async with asyncio.TaskGroup() as group:
                    for supplier in demo.suppliers:
                        group.create_task(_bid_until_closed(http, supplier, auction_id))
                log.info("demo_auction_ended", auction=auction_id)
                await asyncio.sleep(PAUSE_S)
            except (httpx.TransportError, UnexpectedAnswer) as error:
                log.info("demo_waits", error=repr(error))
                await asyncio.sleep(RETRY_S)


async def _bid_until_closed(http: httpx.AsyncClient, supplier: DemoCompany, auction: str) -> None:
    chance = random.Random(f"{supplier.organization_id} {auction}")  # noqa: S311 - a game
    temper = Temper(
        lowest=(CEILING * Decimal(chance.randrange(700, 860)) / 1000).quantize(Decimal("0.01")),
        seconds=chance.uniform(3, 9),
        boldness=chance.uniform(0.003, 0.015),
    )
    actor = Actor(http, supplier.name, supplier.key, Recorder())
    while True:
        await asyncio.sleep(chance.expovariate(1 / temper.seconds))
        try:
            standing = (await actor.get(f"/v1/auctions/{auction}/standing"))["standing"]
            if standing["phase"] not in RUNNING:
                return
            amount = next_amount(standing, temper, chance.random())
            if amount is not None:
                await _bid(actor, auction, amount)
        except (httpx.TransportError, UnexpectedAnswer) as error:
            log.info("demo_bidder_waits", bidder=supplier.name, error=repr(error))


async def _bid(actor: Actor, auction: str, amount: Decimal) -> None:
    """Send a bid until there is an answer; its key makes it one bid however often it is sent.

    A refusal is an answer: a rival was faster, or the auction closed.
    """
    key = str(uuid4())
    body = {"amount": {"amount": str(amount), "currency": "EUR"}}
    path = f"/v1/auctions/{auction}/bids"
    for _ in range(ATTEMPTS_MAX):
        try:
            answer = await actor.send(
                "POST", path, body, expect=(201, 409, 422), headers={"Idempotency-Key": key}
            )
        except (httpx.TransportError, UnexpectedAnswer) as error:
            log.info("demo_bid_unknown", bidder=actor.name, error=repr(error))
            await asyncio.sleep(RETRY_S)
            continue
        outcome = answer.get("outcome", answer.get("code"))
        log.info("demo_bid", bidder=actor.name, amount=str(amount), outcome=outcome)
        return
