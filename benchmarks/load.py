"""A load generator that costs little, so that two cores measure the server and not us.

Clients are closed loops: each has one connection that stays open, sends a request, reads the whole
answer and sends the next. Requests are bytes when the clock runs; of an answer only the status, the
length and what the client asks about are looked at.
"""

import asyncio
import functools
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

ANSWER_SECONDS_MAX: Final = 30.0
_LENGTH: Final = b"content-length: "


@dataclass(slots=True)
class Client:
    """One closed loop: `request` gives the next request's bytes, `counts` judges its answer."""

    request: Callable[[], bytes]
    counts: Callable[[int, bytes], bool]


@dataclass(slots=True)
class Outcome:
    """What came of one drive: answers that counted, and the others by their status."""

    seconds: float = 0.0
    counted: int = 0
    others: Counter[int] = field(default_factory=Counter)
    other_body: bytes = b""
    """The body of the last answer that did not count, to tell what is wrong."""
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def rate(self) -> float:
        """Answers that counted, per second."""
        return self.counted / self.seconds if self.seconds else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which `share` of `values` lie (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, client: Client, drive: "_Drive") -> None:
        self.client = client
        self.drive = drive
        self.buffer = b""
        self.sent_at = 0.0
        self.transport: Any = None
        self.idle = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.done():
            self.idle.set_exception(exc or ConnectionError("the server closed the connection"))

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.client.request())

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer = self.buffer + data if self.buffer else data
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        start = buffer.find(_LENGTH, 0, head_end)
        length = 0
        if start >= 0:
            start += len(_LENGTH)
            length = int(buffer[start : buffer.find(b"\r", start)])
        body_start = head_end + 4
        if len(buffer) < body_start + length:
            return
        now = time.perf_counter()
        self.buffer = b""
        status = int(buffer[9:12])
        counts = self.client.counts(status, buffer[body_start:])
        if self.drive.note(status, now, now - self.sent_at, counts=counts):
            self.send()
        else:
            if not counts:
                self.drive.outcome.other_body = buffer[body_start:]
            if not self.idle.done():
                self.idle.set_result(None)


class _Drive:
    def __init__(self, ends_at: float, requests_max: int | None) -> None:
        self.outcome = Outcome()
        self.ends_at = ends_at
        self.left = requests_max if requests_max is not None else 1 << 60

    def note(self, status: int, now: float, latency: float, *, counts: bool) -> bool:
        """Note an answer; tell whether to go on. What comes after the end does not count."""
        outcome = self.outcome
        if now >= self.ends_at or self.left <= 0:
            return False
        self.left -= 1
        if counts:
            outcome.counted += 1
            outcome.latencies.append(latency)
        else:
            outcome.others[status] += 1
        return counts or status < 500  # noqa: PLR2004 - a failing server is not asked again


def _itself(connection: _Connection) -> _Connection:
    return connection


async def drive(
    port: int, clients: Sequence[Client], seconds: float, requests_max: int | None = None
) -> Outcome:
    """Let all clients run for so many seconds, or until so many answers; return when all are idle.

    Raises TimeoutError when an answer does not come, ConnectionError when the server hangs up.
    """
    loop = asyncio.get_running_loop()
    work = _Drive(0.0, requests_max)
    connections = [_Connection(client, work) for client in clients]
    for connection in connections:
        await loop.create_connection(functools.partial(_itself, connection), "127.0.0.1", port)
    try:
        began = time.perf_counter()
        work.ends_at = began + seconds
        for connection in connections:
            connection.send()
        async with asyncio.timeout(seconds + ANSWER_SECONDS_MAX):
            await asyncio.gather(*(connection.idle for connection in connections))
        work.outcome.seconds = min(seconds, time.perf_counter() - began)
    finally:
        for connection in connections:
            if connection.idle.done():
                connection.idle.exception()
            else:
                connection.idle.cancel()
            connection.transport.close()
    return work.outcome


def http_request(
    method: str, path: str, key: str | None = None, body: bytes = b"", **headers: str
) -> bytes:
    """Write a request; header names are given with underscores (`idempotency_key=…`)."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
