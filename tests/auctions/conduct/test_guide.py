"""The guide for users is true: its requests are sent, and its answers are part of what comes."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from auctions.intake import Intake
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import money
from tests.auctions.test_auctions import clock
from tests.conftest import MoveClock
from tests.support.world import Company, World

GUIDE = Path(__file__).parents[3] / "docs" / "auctions.md"
WRITTEN = datetime.fromisoformat("2027-03-04T09:00:00Z")
"""When the guide's auction starts; it is played now."""
_STEP = re.compile(
    r"```http\n(?P<who>\w+): (?P<method>[A-Z]+) (?P<path>\S+)\n(?P<body>.*?)```\n"
    r"```json\n(?P<answer>.*?)```|<!-- clock: (?P<clock>\w+) -->"
    r"|<!-- (?P<bidder>\w+) bids (?P<amount>[0-9.]+) -->",
    re.DOTALL,
)
_INSTANT = re.compile(r"2027-03-04T[0-9:]+Z")


def missing(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """Name where `found` lacks something of `expected`; lists are compared item by item."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from missing(value, found.get(name, "nothing"), f"{place}/{name}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, pair in enumerate(zip(expected, found, strict=True)):
            yield from missing(*pair, f"{place}/{number}")
    elif expected != found:
        yield f"{place}: {expected!r} is told, {found!r} came"


class Reader:
    """Follows the guide as it stands, with the names it uses."""

    def __init__(
        self, client: httpx.AsyncClient, people: dict[str, Company], now: datetime
    ) -> None:
        self.client = client
        self.people = people
        self.late = now.replace(microsecond=0) + timedelta(minutes=1) - WRITTEN
        self.names = {name: str(who.id) for name, who in people.items()}

    def filled(self, text: str) -> str:
        """Put identifiers for names, and instants of today for those of the guide."""
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)

        def today(match: re.Match[str]) -> str:
            moved = datetime.fromisoformat(match[0]) + self.late
            return moved.isoformat().replace("+00:00", "Z")

        return _INSTANT.sub(today, text)

    async def send(self, step: re.Match[str]) -> None:
        who = self.people[step["who"]]
        headers = {**who.headers, "Idempotency-Key": str(new_id()), "If-Match": '"1"'}
        body = json.loads(self.filled(step["body"])) if step["body"].strip() else None
        path = self.filled(step["path"])
        answer = await self.client.request(step["method"], path, json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        if path == "/v1/auctions":
            self.names["auction"] = answer.json()["id"]
        told = json.loads(self.filled(step["answer"]))
        assert list(missing(told, answer.json())) == [], path

    async def bid(self, bidder: str, amount: str) -> None:
        who = self.people[bidder]
        path = f"/v1/auctions/{self.names['auction']}/bids"
        answer = await self.client.post(path, json=money(amount), headers=who.writing)
        assert answer.status_code == 201, answer.text


async def test_the_guide_is_played_as_it_stands(
    client: httpx.AsyncClient, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    people = {"buyer": await world.buyer()}
    people |= {name: await world.supplier(name.title()) for name in ("acme", "bolt", "core")}
    reader = Reader(client, people, await clock(platform))
    steps = list(_STEP.finditer(GUIDE.read_text()))
    assert len(steps) > 18
    for step in steps:
        if step["clock"] == "start":
            await move_clock(timedelta(minutes=2))
        elif step["clock"] == "close":
            await move_clock(timedelta(hours=2))
            await platform.get(Intake).drain()
            path = f"/v1/auctions/{reader.names['auction']}/close"
            assert (await client.post(path, headers=people["buyer"].headers)).is_success
        elif step["bidder"]:
            await reader.bid(step["bidder"], step["amount"])
        else:
            await reader.send(step)
