"""What every route has in common."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.response import Stream
from uvicorn import Config
from uvicorn.server import ServerState

from marketplace.kernel.limits import TAKEN_BYTES_MIN
from marketplace.platform.arrival import WHOLE, Arrival
from marketplace.platform.http.contents import streamed
from marketplace.platform.http.edge import Edge
from marketplace.platform.http.openapi import openapi_document
from marketplace.platform.http.request import WholeRequest
from marketplace.platform.http.server import BoundedHttp
from tests.support.waiting import until

Message = dict[str, Any]


async def test_the_process_tells_that_it_is_alive(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert answer.headers["x-request-id"]


async def test_an_unknown_address_answers_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


async def test_a_wrong_method_is_told_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/v1/ping")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


async def test_a_nul_in_an_address_is_refused_before_anything_else(
    client: httpx.AsyncClient,
) -> None:
    asked = await client.get("/v1/catalog?limit=1&q=a%00b")
    assert (asked.status_code, asked.json()["errors"][0]["pointer"]) == (400, "?q")
    assert (await client.get("/v1/offers/by-sku/a%00b")).status_code == 400


async def test_every_operation_refuses_a_parameter_it_does_not_know(
    app: Edge, client: httpx.AsyncClient
) -> None:
    """Who mistypes a filter would take the answer for what he asked."""
    wrong = []
    for path, item in openapi_document(app.litestar)["paths"].items():
        for method, operation in item.items():
            declared = operation.get("parameters", [])
            known = sorted(each["name"] for each in declared if each["in"] == "query")
            asked = f"{_filled(path, declared)}?limitt=1"
            answer = await client.request(method, asked)
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            detail = f"Unknown in the query: ?limitt. {takes}"
            if (answer.status_code, answer.json()["detail"]) != (400, detail):
                wrong.append((operation["operationId"], answer.text))
            assert [e["pointer"] for e in answer.json()["errors"]] == ["?limitt"]
    assert not wrong


def _filled(path: str, declared: list[dict[str, Any]]) -> str:
    """Put something that fits into the places of a path."""
    fitting = {"integer": "1", "uuid": str(UUID(int=7)), "date": "2026-01-01"}
    for each in declared:
        schema = each["schema"]
        value = fitting.get(schema.get("format", schema.get("type", "")), "x")
        path = path.replace(f"{{{each['name']}}}", value)
    return path


async def test_what_is_no_operation_takes_any_parameter(client: httpx.AsyncClient) -> None:
    assert (await client.options("/v1/catalog?limitt=1")).status_code == 204
    assert (await client.get("/schema/page.js?version=2")).status_code == 200


async def test_no_page_of_the_framework_is_served(client: httpx.AsyncClient) -> None:
    for path in ("/openapi-internal", "/openapi-internal/openapi.json"):
        assert (await client.get(path)).status_code == 404


# The edge itself


async def answers(
    app: Callable[..., Awaitable[None]], asked: int, receive: Callable[[], Awaitable[Message]]
) -> tuple[Edge, list["asyncio.Task[list[Message]]"]]:
    """An edge around an application, and the answers to requests that are all under way."""
    edge = Edge(app)  # type: ignore[arg-type]

    async def ask() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": []}
        await edge(scope, receive, send)
        return sent

    tasks = [asyncio.create_task(ask()) for _ in range(asked)]
    await asyncio.sleep(0.01)
    return edge, tasks


async def whole() -> Message:
    return {"type": "http.request", "body": b"{}", "more_body": False}


async def answer_ok(send: Callable[[Message], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_beyond_its_bound_a_process_refuses_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.platform.http.edge.REQUESTS_IN_FLIGHT_MAX", 3)
    gate = asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await gate.wait()
        await answer_ok(send)

    edge, tasks = await answers(app, 5, whole)
    await until(lambda: sum(task.done() for task in tasks) >= 2)
    refused = [task.result() for task in tasks if task.done()]
    assert len(refused) == 2
    start, body = refused[0]
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert msgspec.json.decode(body["body"])["code"] == "unavailable"
    gate.set()
    assert [(await task)[0]["status"] for task in tasks].count(200) == 3
    assert edge._in_flight == 0


async def test_who_is_slow_to_send_takes_no_place_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("marketplace.platform.http.edge.REQUESTS_IN_FLIGHT_MAX", 3)
    arrives = asyncio.Event()

    async def slowly() -> Message:
        await arrives.wait()
        return await whole()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await answer_ok(send)

    edge, tasks = await answers(app, 10, slowly)
    assert not any(task.done() for task in tasks)
    arrives.set()
    assert {(await task)[0]["status"] for task in tasks} == {200}
    assert edge._in_flight == 0


async def test_an_answer_may_take_longer_than_the_parts_of_a_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who watches for the client to go, while it sends a large file, is not told that he went."""
    monkeypatch.setattr("marketplace.platform.http.edge.BODY_SECONDS_MAX", 0.01)
    told: list[Message] = []
    parts = [await whole()]

    async def then_nothing() -> Message:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                told.append(await receive())
        await answer_ok(send)

    edge, (task,) = await answers(app, 1, then_nothing)
    await task
    assert told == []
    assert edge._in_flight == 0


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.platform.http.edge.BODY_SECONDS_MAX", 0.01)
    received: list[str] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        received.append((await receive())["type"])
        await answer_ok(send)

    _, (task,) = await answers(app, 1, never)
    await task
    assert received == ["http.disconnect"]


async def test_what_an_answer_holds_is_closed_with_it_when_its_reader_leaves() -> None:
    taken, closed = asyncio.Event(), asyncio.Event()

    async def rows() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"row"
        finally:
            closed.set()

    @get("/file")
    async def file() -> Stream:
        return await streamed(rows(), "text/plain", {})

    async def leaves() -> Message:
        await taken.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            taken.set()
            await asyncio.Event().wait()

    edge = Edge(Litestar([file], openapi_config=None))
    scope = {"type": "http", "method": "GET", "path": "/file", "raw_path": b"/file"}
    scope |= {"query_string": b"", "headers": [], "http_version": "1.1", "root_path": ""}
    async with asyncio.timeout(10):
        await edge(scope, leaves, send)
    assert closed.is_set()
    assert edge._in_flight == 0


# Bodies, by the server's own protocol


class Wire(asyncio.Transport):
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.cut = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.cut.set()

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""

    def resume_reading(self) -> None:
        """Nothing was paused."""

    def pause_reading(self) -> None:
        """Nothing waits."""


@post("/echo", dto=None)
async def echo(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Read the body twice, as a key's fingerprint and a handler do."""
    first, again = (await request.body()).decode(), (await request.body()).decode()
    arrived = time.monotonic() - Arrival(request.scope).ago().total_seconds()
    late = WHOLE in request.scope and arrived >= SENT["last part"] - ROUNDED_S
    return {"first": first, "again": again, "arrived": "last part" if late else "before"}


SENT: dict[str, float] = {}
ROUNDED_S = 1e-5
"""An age in microseconds, and the instant it was asked at."""


HEAD = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n"


def connected() -> tuple[BoundedHttp, ServerState, Wire]:
    """A connection to an application that echoes, and its other end."""
    app = Litestar(
        [echo], request_class=WholeRequest, request_max_body_size=10, openapi_config=None
    )
    config = Config(Edge(app), lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    state, wire = ServerState(), Wire()
    protocol = BoundedHttp(config=config, server_state=state, app_state={})
    protocol.connection_made(wire)
    return protocol, state, wire


async def sent_in(*parts: bytes) -> bytes:
    """What is answered to a request that comes in these parts."""
    protocol, state, wire = connected()
    for part in parts:
        SENT["last part"] = time.monotonic()
        protocol.data_received(part)
        await asyncio.sleep(0.01)
    if protocol.cycle.more_body:
        protocol.connection_lost(None)
    async with asyncio.timeout(10):
        await asyncio.gather(*state.tasks)
    return wire.written


def in_one_or_two(body: bytes) -> list[tuple[bytes, ...]]:
    request = HEAD % len(body) + body
    return [(request,), (request[:-4], request[-4:])]


@pytest.mark.parametrize("parts", in_one_or_two(b"12345678"), ids=["at once", "in two parts"])
async def test_a_body_is_the_same_however_it_comes(parts: tuple[bytes, ...]) -> None:
    answer = await sent_in(*parts)
    assert answer.startswith(b"HTTP/1.1 201")
    # It has arrived when all of it has: who sends the first half in time and dawdles is late.
    assert answer.endswith(b'{"first":"12345678","again":"12345678","arrived":"last part"}')


@pytest.mark.parametrize("parts", in_one_or_two(b"12345678901"), ids=["at once", "in two parts"])
async def test_a_body_beyond_the_bound_is_refused_however_it_comes(
    parts: tuple[bytes, ...],
) -> None:
    assert (await sent_in(*parts)).startswith(b"HTTP/1.1 413")


async def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    assert b"12345678" not in await sent_in(HEAD % 12 + b"12345678")


async def test_who_takes_nothing_of_an_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.platform.http.server.TAKEN_SECONDS_MAX", 0.01)
    protocol, _, wire = connected()
    wire.unsent = 100_000
    protocol.pause_writing()
    async with asyncio.timeout(10):
        await wire.cut.wait()
    protocol.connection_lost(None)


async def test_who_takes_it_slowly_is_waited_for() -> None:
    protocol, _, wire = connected()
    for taken, is_cut in ((TAKEN_BYTES_MIN, False), (TAKEN_BYTES_MIN - 1, True)):
        wire.unsent = 100_000
        protocol.pause_writing()
        before, wire.unsent = wire.unsent, wire.unsent - taken
        protocol._is_taken()  # the minute is over
        protocol._lose_reader(before)
        assert wire.cut.is_set() is is_cut
    protocol.connection_lost(None)


async def test_who_took_it_all_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.platform.http.server.TAKEN_SECONDS_MAX", 0.01)
    protocol, _, wire = connected()
    wire.unsent = 100
    protocol.pause_writing()
    protocol.resume_writing()
    await asyncio.sleep(0.05)
    assert not wire.cut.is_set()
    protocol.connection_lost(None)
