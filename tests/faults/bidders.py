"""Bidders that do what a good client does when servers die: send again under the same key.

Each program bids on one lot, one bid after the other, and stays with a bid until it knows what
became of it. Everything it was told is kept as evidence.
"""

import asyncio
import inspect
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from marketplace.demo.registration import DemoCompany
from tests.faults.evidence import Told

CEILING = Decimal("10000000.00")
CENT = Decimal("0.01")
LONG = "FAULT_ROUNDS" in os.environ
"""Whether this is `make faults`, which has the machine to itself."""
RETRY_S = 0.05 if LONG else 0.2
PAUSE_S = (0.01, 0.05) if LONG else (0.05, 0.15)
"""Between the bids of one program: a dozen of them fill a batch and leave cores to others."""
LOOK_S = 0.01
ASK_S = 0.05
"""Between two looks of who waits: into this process, and into a server, whom that costs."""
SENT_TWICE = 0.05
LOOKED_UP = 0.5
TOO_HIGH = 0.04


@dataclass
class Crowd:
    """All bidders of a run: whether they may bid, and what happened to them."""

    may_bid: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    under_way: int = 0
    answers: list[tuple[int, float, float]] = field(default_factory=list)
    """Whose request was acknowledged, when it was sent and when answered, by a monotonic clock."""
    lost_connections: int = 0
    unavailable: int = 0
    found_by_key: int = 0
    strange: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""

    def served_again(self, instant: float) -> dict[int, float]:
        """Give for each bidder when the first bid he sent after an instant was acknowledged."""
        again: dict[int, float] = {}
        for bidder, sent, answered in reversed(self.answers):
            if sent > instant:
                again[bidder] = answered
            if answered < instant:
                break
        return again

    async def bids(self, count: int) -> None:
        """Wait for so many further answers."""
        enough = len(self.answers) + count
        await until(lambda: len(self.answers) >= enough, 60, f"{count} bids")

    async def rest(self) -> None:
        """Let nobody begin a bid, and wait until all that are under way have their answer."""
        self.may_bid.clear()
        await until(lambda: self.under_way == 0, 60, "the answers to the bids under way")


class Bidder:
    """One program of a supplier that bids on one lot."""

    def __init__(
        self,
        crowd: Crowd,
        http: httpx.AsyncClient,
        supplier: DemoCompany,
        auction_id: str,
        chance: random.Random,
    ) -> None:
        self.crowd = crowd
        self.organization_id = UUID(supplier.organization_id)
        self.told: list[Told] = []
        self._http = http
        self._headers = {"Authorization": f"Bearer {supplier.key}"}
        self._path = f"/v1/auctions/{auction_id}/bids"
        self._chance = chance
        self._standing = CEILING
        self._count = 0

    async def run(self) -> None:
        """Bid until the auction closes or the run is over."""
        while not self.crowd.over:
            await self.crowd.may_bid.wait()
            self.crowd.under_way += 1
            try:
                told = await self._bid()
            finally:
                self.crowd.under_way -= 1
            if told.outcome == "late":
                return
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))

    async def _bid(self) -> Told:
        self._count += 1
        key, amount = f"bid-{self._count}", self._standing
        if self._chance.random() >= TOO_HIGH:
            amount -= CENT * self._chance.randint(1, 500)
        told = await self._settle(key, amount)
        if self._chance.random() < SENT_TWICE:
            again = await self._settle(key, amount)
            if again != told:
                self.crowd.strange.append(f"{key} was answered {told} and then {again}")
        if told.outcome == "accepted":
            self._standing = amount
        self.told.append(told)
        return told

    async def _settle(self, key: str, amount: Decimal) -> Told:
        """Send a bid, then look it up or send it again, until it is known what became of it."""
        look = False
        while True:
            sent = time.monotonic()
            told = await (self._look_up(key, amount) if look else self._send(key, amount))
            if told is not None:
                self.crowd.answers.append((id(self), sent, time.monotonic()))
                return told
            await asyncio.sleep(RETRY_S)
            look = self._chance.random() < LOOKED_UP

    async def _send(self, key: str, amount: Decimal) -> Told | None:
        answer = await self._request(
            "POST",
            self._path,
            headers={**self._headers, "Idempotency-Key": key},
            json={"amount": {"amount": str(amount), "currency": "EUR"}},
        )
        if answer is None:
            return None
        body = answer.json()
        if answer.status_code == 201:
            return self._told(key, amount, body)
        if answer.status_code == 422 and body.get("errors"):
            code = body["errors"][0]["code"]
            return Told(self.organization_id, key, amount, "refused", code=code)
        if answer.status_code == 409 and body.get("state") == "closed":
            return Told(self.organization_id, key, amount, "late")
        self.crowd.strange.append(f"a bid was answered {answer.status_code}: {answer.text}")
        return None

    async def _look_up(self, key: str, amount: Decimal) -> Told | None:
        """Ask what became of a bid; None where it is in no entry, or there is no answer."""
        path = f"{self._path}/by-key/{key}"
        answer = await self._request("GET", path, headers=self._headers)
        if answer is None or answer.status_code == 404:
            return None
        if answer.status_code != 200:
            self.crowd.strange.append(f"a look-up got {answer.status_code}: {answer.text}")
            return None
        self.crowd.found_by_key += 1
        return self._told(key, amount, answer.json())

    async def _request(self, method: str, path: str, **given: Any) -> httpx.Response | None:
        try:
            answer = await self._http.request(method, path, **given)
        except httpx.TransportError:
            self.crowd.lost_connections += 1
            return None
        if answer.status_code == 503:
            self.crowd.unavailable += 1
            return None
        return answer

    def _told(self, key: str, amount: Decimal, body: dict[str, Any]) -> Told:
        if body["outcome"] == "refused":
            code = body["refusal"]["code"]
            if code == "too_late":
                return Told(self.organization_id, key, amount, "late")
            return Told(self.organization_id, key, amount, "refused", code=code)
        return Told(
            bidder=self.organization_id,
            key=key,
            amount=Decimal(body["amount"]["amount"]),
            outcome="accepted",
            bid_id=UUID(body["id"]),
            decided_at=datetime.fromisoformat(body["decided_at"]),
            rank=body["rank"],
        )


def seeded(seed: float) -> random.Random:
    """Give chance that is the same in every run."""
    return random.Random(seed)  # noqa: S311 - no secret


async def until(
    holds: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float, what: str
) -> float:
    """Wait until something holds and give the seconds; fails, naming it, after `seconds`."""
    began = time.monotonic()
    while True:
        answer = holds()
        asks = inspect.isawaitable(answer)
        if await answer if asks else answer:
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds:.1f} s"
        await asyncio.sleep(ASK_S if asks else LOOK_S)
