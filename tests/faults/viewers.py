"""Viewers who note every number they are shown, over each of the three ways."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.arena import Auction

POLL_S = 0.05
STAY_S = 1.0
"""How long a reader of events stays with one process once it has told him something."""


@dataclass
class Witness:
    """One viewer: the numbers he was shown, in their order, and what he last saw."""

    way: str
    numbers: list[int] = field(default_factory=list)
    standing: dict[str, Any] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    @property
    def after(self) -> str:
        return f"?after={self.numbers[-1]}" if self.numbers else ""

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.standing = message["standing"]
            self.numbers.append(self.standing["number"])
        elif message["type"] == "delta":
            if message["previous"] != self.numbers[-1]:
                self.strange.append(f"a gap: {message['previous']} after {self.numbers[-1]}")
            self.standing = {**self.standing, **message["changes"], "number": message["number"]}
            self.numbers.append(message["number"])

    def faults(self) -> list[str]:
        """Name each time a state was shown that was before what he saw."""
        return [
            *(f"{self.way}: {fault}" for fault in self.strange),
            *(
                f"{self.way}: {later} after {earlier}"
                for earlier, later in zip(self.numbers, self.numbers[1:], strict=False)
                if later < earlier
            ),
        ]


@asynccontextmanager
async def watched(
    urls: list[str], auction: Auction, key: str
) -> AsyncIterator[tuple[Witness, Witness, Witness]]:
    """Watch by socket at the first process, by events and by polling at all of them in turn."""
    witnesses = Witness("socket"), Witness("events"), Witness("polling")
    ways = (
        _by_socket(urls[:1], *_at(auction, key), witnesses[0]),
        _by_events(urls, *_at(auction, key), witnesses[1]),
        _by_polling(urls, *_at(auction, key), witnesses[2]),
    )
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        yield witnesses
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                witnesses[0].strange.append(f"a viewer ended: {ended!r}")


def _at(auction: Auction, key: str) -> tuple[str, dict[str, str]]:
    return f"/v1/auctions/{auction.id}", {"Authorization": f"Bearer {key}"}


async def _by_socket(urls: list[str], path: str, headers: dict[str, str], me: Witness) -> None:
    for url in cycle(urls):
        address = f"{url.replace('http', 'ws', 1)}{path}/live{me.after}"
        with suppress(OSError, WebSocketException):
            async with connect(address, additional_headers=headers) as socket:
                async for message in socket:
                    me.take(json.loads(message))
        await asyncio.sleep(POLL_S)


async def _by_events(urls: list[str], path: str, headers: dict[str, str], me: Witness) -> None:
    async with httpx.AsyncClient(headers=headers, timeout=10) as http:
        for url in cycle(urls):
            with suppress(TimeoutError, httpx.TransportError):
                async with (
                    asyncio.timeout(None) as stay,
                    http.stream("GET", f"{url}{path}/live{me.after}") as stream,
                ):
                    async for line in stream.aiter_lines():
                        if line.startswith("data: "):
                            me.take(json.loads(line.removeprefix("data: ")))
                        if stay.when() is None:
                            stay.reschedule(asyncio.get_running_loop().time() + STAY_S)


async def _by_polling(urls: list[str], path: str, headers: dict[str, str], me: Witness) -> None:
    async with httpx.AsyncClient(headers=headers, timeout=10) as http:
        for url in cycle(urls):
            with suppress(httpx.TransportError):
                answer = await http.get(f"{url}{path}/standing{me.after}")
                if answer.status_code == 200:
                    me.take(answer.json())
            await asyncio.sleep(POLL_S)
