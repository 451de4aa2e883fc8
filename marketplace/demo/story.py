"""How the road is told: callers that speak HTTP, a narrator, and the exchanges worth showing.

The same story is printed by `marketplace demo`, asserted by `tests/journeys`, and gives the API
documentation its examples.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self
from uuid import uuid4

import httpx


class UnexpectedAnswer(AssertionError):
    """The API answered otherwise than the story tells."""


class Narrator(Protocol):
    """Who tells the story: a terminal, or nobody."""

    def chapter(self, number: int, title: str) -> None:
        """Begin a step of the road."""

    def say(self, text: str) -> None:
        """Tell what happened."""

    async def wait(self, seconds: float, why: str) -> None:
        """Wait for the clock, and tell why."""


class Silence:
    """Tells nothing."""

    def chapter(self, number: int, title: str) -> None:
        """Begin a step of the road."""

    def say(self, text: str) -> None:
        """Tell what happened."""

    async def wait(self, seconds: float, why: str) -> None:
        """Wait for the clock."""
        del why
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, without the key that sent it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    status: int
    answer: Any
    answer_headers: Mapping[str, str]


@dataclass(slots=True)
class Recorder:
    """Keeps the exchanges that were marked for showing, by a name."""

    exchanges: dict[str, Exchange] = field(default_factory=dict)

    def keep(self, name: str, exchange: Exchange) -> None:
        """Keep the first exchange of a name."""
        self.exchanges.setdefault(name, exchange)


class Actor:
    """One program on the road: a portal, a bidding client, an ERP, with its key."""

    def __init__(
        self, http: httpx.AsyncClient, name: str, key: str | None, recorder: Recorder
    ) -> None:
        self.http = http
        self.name = name
        self.key = key
        self._recorder = recorder

    def with_key(self, name: str, key: str) -> Self:
        """Give another program on the same road."""
        return type(self)(self.http, name, key, self._recorder)

    async def get(
        self,
        path: str,
        *,
        show: str | None = None,
        expect: int = 200,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Read something."""
        return await self.send("GET", path, show=show, expect=expect, params=params)

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        show: str | None = None,
        expect: int | tuple[int, ...] = (200, 201, 202),
        once: str | bool = False,
    ) -> Any:
        """Make or do something; `once` gives it an Idempotency-Key, a given one or a new one."""
        headers = {}
        if once:
            headers["Idempotency-Key"] = once if isinstance(once, str) else str(uuid4())
        return await self.send("POST", path, body, show=show, expect=expect, headers=headers)

    async def put(
        self,
        path: str,
        body: Any,
        *,
        show: str | None = None,
        expect: int | tuple[int, ...] = (200, 201),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Set something."""
        return await self.send("PUT", path, body, show=show, expect=expect, headers=headers)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        show: str | None = None,
        expect: int | tuple[int, ...] = 200,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """Send a request; raises UnexpectedAnswer for another status than expected."""
        sent = dict(headers or {})
        given: dict[str, Any] = {"content": content} if content is not None else {}
        if body is not None:
            given["json"] = body
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        answer = await self.http.request(
            method, path, params=params, headers={**authorization, **sent}, **given
        )
        expected = (expect,) if isinstance(expect, int) else expect
        value = _value(answer)
        if answer.status_code not in expected:
            raise UnexpectedAnswer(
                f"{self.name}: {method} {answer.request.url.raw_path.decode()} answered "
                f"{answer.status_code} instead of {' or '.join(map(str, expected))}: {value}"
            )
        if show is not None:
            self._recorder.keep(
                show,
                Exchange(
                    method=method,
                    path=answer.request.url.raw_path.decode(),
                    headers=sent,
                    body=body if body is not None else (content or b"").decode() or None,
                    status=answer.status_code,
                    answer=value,
                    answer_headers=dict(answer.headers),
                ),
            )
        return value


def _value(answer: httpx.Response) -> Any:
    if "json" in answer.headers.get("content-type", ""):
        return answer.json()
    return answer.text or None


PATIENCE_S: Final = 120
"""What has not happened by then does not happen; a busy machine takes long for much."""


async def eventually(ask: Callable[[], Any], holds: Callable[[Any], bool], what: str) -> Any:
    """Ask until the answer holds; raises UnexpectedAnswer when it does not within `PATIENCE_S`."""
    until = time.monotonic() + PATIENCE_S
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        if time.monotonic() > until:
            raise UnexpectedAnswer(f"{what} did not happen within {PATIENCE_S} s: {answer}")
        await asyncio.sleep(0.05)
