"""A company that makes facts all the time, and an ERP that follows the feed and must miss none."""

import asyncio
import itertools
import time
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.bidders import LONG, RETRY_S, Crowd

PAUSE_S = 0.1 if LONG else 0.3
RUN_NAME = "company-"


class Registrar:
    """The operator's program: registers companies, each until it is done, and follows his feed.

    Every registration is one transaction with an event, through the ordinary services: so the feed
    has something to lose while servers die, and idempotency keys have something to double.
    """

    def __init__(self, crowd: Crowd, http: httpx.AsyncClient, operator_key: str) -> None:
        self.crowd = crowd
        self.registered: dict[str, float] = {}
        """Identifiers of companies, and when the request that was answered was sent."""
        self.read: dict[str, float] = {}
        """Identifiers of companies in the order of the feed, and when they were read."""
        self.over = False
        self._run = uuid4()
        self._http = http
        self._headers = {"Authorization": f"Bearer {operator_key}"}

    async def register(self) -> None:
        """Register one company after the other until the run is over."""
        for number in itertools.count():
            if self.over:
                return
            await self._register(f"{RUN_NAME}{self._run}-{number}")
            await asyncio.sleep(PAUSE_S)

    async def _register(self, name: str) -> None:
        administrator = {"name": "First", "email": "first@company.example"}
        body = {"name": name, "country": "DE", "buyer": True, "administrator": administrator}
        headers = {**self._headers, "Idempotency-Key": name}
        while True:
            sent = time.monotonic()
            answer = await self._ask("POST", "/v1/organizations", headers=headers, json=body)
            if answer is not None:
                company = answer["organization"]["id"]
                if company in self.registered:
                    self.crowd.strange.append(f"{company} was registered for two requests")
                self.registered[company] = sent
                return
            await asyncio.sleep(RETRY_S)

    async def follow(self) -> None:
        """Read the feed by its cursor until all that was registered is read, or for ever."""
        after = "0"
        while not (self.over and self.registered.keys() <= self.read.keys()):
            params = {"after": after, "limit": "200", "wait": "1"}
            page = await self._ask("GET", "/v1/events", headers=self._headers, params=params)
            if page is None:
                await asyncio.sleep(RETRY_S)
                continue
            for event in page["items"]:
                self._take(event)
            after = page["next"]

    def _take(self, event: dict[str, Any]) -> None:
        if event["kind"] != "organization.registered":
            return
        company = event["subject"]["id"]
        if company in self.read:
            self.crowd.strange.append(f"{company} is twice in the feed")
        self.read[company] = time.monotonic()

    def read_after(self, instant: float) -> list[float]:
        """Give when those were read whose registration was sent after an instant."""
        return [
            self.read[company]
            for company, sent in self.registered.items()
            if sent > instant and company in self.read
        ]

    async def _ask(self, method: str, path: str, **given: Any) -> Any:
        """Give the answer; None where there is none or it is 503, or the twin still runs."""
        try:
            answer = await self._http.request(method, path, **given)
        except httpx.TransportError:
            self.crowd.lost_connections += 1
            return None
        if answer.status_code == 503:
            self.crowd.unavailable += 1
            return None
        if answer.status_code == 409 and answer.json()["code"] == "still_running":
            return None
        if not answer.is_success:
            self.crowd.strange.append(f"{method} {path} got {answer.status_code}: {answer.text}")
            return None
        return answer.json()
