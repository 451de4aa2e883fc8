"""The outermost layer of every request: its id, its bound, its log line, its metrics."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog
from litestar import Litestar

from marketplace.kernel.errors import (
    FieldError,
    MalformedRequest,
    MarketplaceError,
    NotFound,
    Unavailable,
)
from marketplace.kernel.ids import new_id_text
from marketplace.kernel.limits import BODY_SECONDS_MAX, REQUESTS_IN_FLIGHT_MAX
from marketplace.platform.arrival import WHOLE
from marketplace.platform.http.problems import PROBLEM_JSON, headers_of, problem_of
from marketplace.platform.http.request import path_of
from marketplace.platform.telemetry import REQUEST_SECONDS, REQUESTS, log

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
RETRY_AFTER_S: Final = 1
_SECURITY: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Edge:
    """Wraps the application; refuses early when the process has too much under way."""

    def __init__(self, app: Litestar) -> None:
        self.litestar = app
        self._app: Any = app  # whose types of ASGI messages are narrower than what servers send
        self._in_flight = 0
        self._log = log.bind()  # the lazy one would be assembled anew for each line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
            return
        if scope["type"] == "websocket":
            scope["request_id"] = new_id_text()
            send = _handshake(scope, send)
        await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _given_id(scope) or new_id_text()
        scope["request_id"] = request_id
        began = time.perf_counter()
        status, streams, received = 500, False, False

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message["headers"]):
                    # It lasts as long as its reader stays, and is no work under way.
                    streams = scope["streams"] = True
                    self._in_flight -= 1
                message["headers"] = _headers(scope, request_id, message["headers"])
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            _requests(scope["method"], "unknown", refusal.status).inc()
            await _refuse(scope, refusal, send_with_headers)
            return

        async def receive_in_time() -> MutableMapping[str, Any]:
            nonlocal received
            if streams or received or WHOLE in scope:  # what may yet come is that the client goes
                return await receive()
            # Who is slow to send takes no place from those whose requests are there.
            self._in_flight -= 1
            try:
                async with asyncio.timeout(BODY_SECONDS_MAX):
                    message = await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}
            else:
                received = not message.get("more_body", False)
                return message
            finally:
                self._in_flight += 1

        self._in_flight += 1
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive_in_time, send_with_headers)
        finally:
            if streams:
                _requests(scope["method"], scope["path_template"], status).inc()
            else:
                self._in_flight -= 1
                self._observe(scope, status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> MarketplaceError | None:
        if self._in_flight >= REQUESTS_IN_FLIGHT_MAX:
            return Unavailable(
                "The server has too much to do; nothing was done.", retry_after_s=RETRY_AFTER_S
            )
        if b"%00" in scope["query_string"] or "\0" in scope["path"]:
            return _nul_error(scope["query_string"])
        return None

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], scope.get("path_template") or "unknown"
        _requests(method, route, status).inc()
        _seconds(route).observe(seconds)
        if status >= 500:  # noqa: PLR2004 - our faults
            self._log.error("answered", method=method, route=route, status=status)
        else:
            self._log.debug("answered", method=method, route=route, status=status, seconds=seconds)


# Finding a metric by its labels costs more than counting; routes, methods and statuses are few.
_requests: Final = cache(REQUESTS.labels)
_seconds: Final = cache(REQUEST_SECONDS.labels)


def _nul_error(query: bytes) -> MalformedRequest:
    detail = "An address has no NUL character (%00); remove it."
    names = [part.partition(b"=")[0] for part in query.split(b"&") if b"%00" in part]
    pointers = [f"?{name.decode(errors='replace')}" for name in names] or [""]
    return MalformedRequest(detail, errors=[FieldError(p, "invalid", detail) for p in pointers])


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return None


def _is_stream(headers: Any) -> bool:
    return any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in headers)


def _headers(scope: Scope, request_id: str, headers: Any) -> list[tuple[bytes, bytes]]:
    result = [*headers, (b"x-request-id", request_id.encode())]
    given = [name for name, _ in headers]
    result += [pair for pair in _SECURITY if pair[0] not in given]
    rate = scope.get("rate_limit")
    if rate is not None:
        limit, left, resets_s = rate
        result.append((b"ratelimit-limit", str(limit).encode()))
        result.append((b"ratelimit-remaining", str(left).encode()))
        result.append((b"ratelimit-reset", str(resets_s).encode()))
    return result


async def _refuse(
    scope: Scope, error: MarketplaceError, send: Send, kind: str = "http.response"
) -> None:
    body = msgspec.json.encode(problem_of(error, quote(path_of(scope)), scope["request_id"]))
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(k.lower().encode(), v.encode()) for k, v in headers_of(error).items()]
    await send({"type": f"{kind}.start", "status": error.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _handshake(scope: Scope, send: Send) -> Send:
    """Answer a WebSocket that is refused as any request: with its status and a problem.

    Closed before it is accepted, the server would answer an empty 403 to all.
    """
    accepted = False

    async def send_or_refuse(message: MutableMapping[str, Any]) -> None:
        nonlocal accepted
        accepted = accepted or message["type"] == "websocket.accept"
        refused = message["type"] == "websocket.close" and not accepted
        if not refused or "websocket.http.response" not in scope.get("extensions", {}):
            await send(message)
            return
        error = scope.get("refusal") or (
            NotFound("There is nothing at this address.")
            if message.get("reason") == "Not Found"
            else MarketplaceError("This is our fault; the request's id helps to find it.")
        )
        await _refuse(scope, error, send, "websocket.http.response")

    return send_or_refuse
