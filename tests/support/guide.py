"""Guides for users, followed as they stand: their requests are sent, and their answers come."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from marketplace.kernel.ids import new_id
from tests.support.world import Company

WRITTEN: Final = datetime.fromisoformat("2027-03-04T09:00:00Z")
"""When the guides' stories begin; they are played now."""
_STEP: Final = re.compile(
    r"```http\n(?P<who>\w+): (?P<method>[A-Z]+) (?P<path>\S+)"
    r"(?: If-Match: \"(?P<version>\d+)\")?\n(?P<body>.*?)```\n"
    r"```json(?: (?P<status>\d+))?\n(?P<answer>.*?)```|<!-- clock: (?P<clock>\w+) -->"
    r"|<!-- keep: (?P<keep>[^>]+) -->"
    r"|<!-- (?P<bidder>\w+) bids (?P<amount>[0-9.]+) -->",
    re.DOTALL,
)
_INSTANT: Final = re.compile(r"2027-03-04T[0-9:]+Z")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def steps_of(page: Path) -> list[re.Match[str]]:
    """Give what a guide tells to do, in its order."""
    return list(_STEP.finditer(page.read_text()))


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
    """Follows a guide as it stands, with the names it uses.

    A name in braces stands for a company, or for what `<!-- keep: name=place -->` took from the
    answer before. `If-Match` is what the guide says, or the version of what the path names
    that was seen last.
    """

    def __init__(
        self, client: httpx.AsyncClient, people: dict[str, Company], now: datetime
    ) -> None:
        self.client = client
        self.people = people
        self.late = now.replace(microsecond=0) + timedelta(minutes=1) - WRITTEN
        self.names = {name: str(who.id) for name, who in people.items()}
        self._versions: dict[str, int] = {}
        self._answer: Any = None

    def filled(self, text: str) -> str:
        """Put identifiers for names, and instants of today for those of the guide."""
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)

        def today(match: re.Match[str]) -> str:
            moved = datetime.fromisoformat(match[0]) + self.late
            return moved.isoformat().replace("+00:00", "Z")

        return _INSTANT.sub(today, text)

    async def send(self, step: re.Match[str]) -> None:
        """Send a request of the guide; its answer holds what the guide tells.

        It succeeds, or is refused with the status that stands behind ``json``.
        """
        path = self.filled(step["path"])
        seen = next((self._versions.get(found, 1) for found in _ID.findall(path)), 1)
        version = step["version"] or seen
        headers = {**self.people[step["who"]].headers, "Idempotency-Key": str(new_id())}
        headers["If-Match"] = f'"{version}"'
        body = json.loads(self.filled(step["body"])) if step["body"].strip() else None
        answer = await self.client.request(step["method"], path, json=body, headers=headers)
        expected = int(step["status"] or answer.status_code)
        assert answer.is_success is (step["status"] is None), (path, answer.text)
        assert answer.status_code == expected, (path, answer.text)
        self._answer = answer.json()
        if "id" in self._answer and "version" in self._answer:
            self._versions[self._answer["id"]] = self._answer["version"]
        self.took(step)
        told = json.loads(self.filled(step["answer"]))
        if isinstance(told, dict) and "id" in told:
            told["id"] = self._answer["id"]  # named after this answer
        lacking = list(missing(told, self._answer))
        assert lacking == [], (path, lacking)

    def took(self, step: re.Match[str]) -> None:
        """Take over what later steps need from an answer; a guide may have its own names."""

    def keep(self, wanted: str) -> None:
        """Keep parts of the last answer under names: ``lot=lots.0.id``."""
        for each in wanted.split():
            name, place = each.split("=")
            found = self._answer
            for key in place.split("."):
                found = found[int(key) if key.isdigit() else key]
            self.names[name] = str(found)
