"""Companies that speak to the product over its own HTTP API, to fill it and to be its load."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import httpx

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 8
"""Requests under way while filling: enough to keep one API process busy."""
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Refused(Exception):
    """The product refused what it was expected to do; the message holds its problem document."""


@dataclass(frozen=True, slots=True)
class Party:
    """A company with a key; its verbs give the decoded answer or raise Refused."""

    http: httpx.AsyncClient
    id: UUID
    key: str

    async def get(self, path: str, **query: object) -> Any:
        """Read something."""
        return await self._send("GET", path, params={k: str(v) for k, v in query.items()})

    async def post(
        self, path: str, body: object = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> Any:
        """Make something; each call under an Idempotency-Key of its own unless one is given."""
        headers = {"Idempotency-Key": str(uuid4()), **headers}
        return await self._send("POST", path, json=body, headers=headers)

    async def upload(self, path: str, content: bytes, **query: str) -> Any:
        """Send a CSV file."""
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "text/csv"}
        return await self._send("POST", path, content=content, headers=headers, params=query)

    async def put(self, path: str, body: object) -> Any:
        """Put something under a name of our own."""
        return await self._send("PUT", path, json=body)

    async def _send(self, method: str, path: str, **arguments: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **arguments.pop("headers", {})}
        answer = await self.http.request(method, path, headers=headers, **arguments)
        if not answer.is_success:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json() if answer.content else None


async def register(
    operator: Party, name: str, *, buyer: bool = False, supplier: bool = False
) -> Party:
    """Register a company by the operator's key; give it with its first administrator's key."""
    registered = await operator.post(
        "/v1/organizations",
        {
            "name": name,
            "country": "US",
            "buyer": buyer,
            "supplier": supplier,
            "administrator": {"name": f"Administrator of {name}"[:200], "email": "a@example.com"},
        },
    )
    return Party(
        operator.http,
        UUID(registered["organization"]["id"]),
        registered["api_key"]["key"],
    )


async def each(
    verb: Callable[[T], Awaitable[R]], things: Iterable[T], *, at_once: int = AT_ONCE
) -> list[R]:
    """Do a verb to all things, so many at once; give the results in order."""
    free = asyncio.Semaphore(at_once)

    async def one(thing: T) -> R:
        async with free:
            return await verb(thing)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(thing)) for thing in things]
    return [task.result() for task in tasks]


async def until(
    read: Callable[[], Awaitable[T]], settled: Callable[[T], bool], seconds_max: float
) -> T:
    """Read something again and again until it is settled; raises TimeoutError."""
    async with asyncio.timeout(seconds_max):
        while True:
            found = await read()
            if settled(found):
                return found
            await asyncio.sleep(0.05)
