"""The outermost layer of every request: its id, its bound, its log line, its metrics."""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import REQUESTS_IN_FLIGHT_MAX
from marketplace.platform.http.problems import PROBLEM_JSON, problem_of
from marketplace.platform.telemetry import REQUEST_SECONDS, REQUESTS, log

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
_SECURITY: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Edge:
    """Wraps the application; refuses early when the process has too much under way."""

    def __init__(self, app: Litestar) -> None:
        self.litestar = app
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                scope["request_id"] = str(new_id())
            await self.litestar(scope, receive, send)
            return
        request_id = _given_id(scope) or str(new_id())
        scope["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _headers(scope, request_id, message["headers"])
            await send(message)

        if self._in_flight >= REQUESTS_IN_FLIGHT_MAX:
            await _refuse(scope, request_id, send_with_headers)
            return
        self._in_flight += 1
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.litestar(scope, receive, send_with_headers)
        finally:
            self._in_flight -= 1
            _observe(scope, status, time.perf_counter() - began)


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return None


def _headers(scope: Scope, request_id: str, headers: Any) -> list[tuple[bytes, bytes]]:
    result = [*headers, (b"x-request-id", request_id.encode())]
    names = {name for name, _ in headers}
    result += [pair for pair in _SECURITY if pair[0] not in names]
    rate = scope.get("rate_limit")
    if rate is not None:
        limit, left = rate
        result.append((b"ratelimit-limit", str(limit).encode()))
        result.append((b"ratelimit-remaining", str(left).encode()))
        result.append((b"ratelimit-reset", str(60 - int(time.time()) % 60).encode()))
    return result


async def _refuse(scope: Scope, request_id: str, send: Send) -> None:
    error = Unavailable("The server has too much to do; nothing was done.", retry_after_s=1)
    body = msgspec.json.encode(problem_of(error, scope["path"], request_id))
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unknown"
    REQUESTS.labels(scope["method"], route, status).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    if status >= 500:  # noqa: PLR2004 - our faults
        log.error("answered", method=scope["method"], route=route, status=status)
    else:
        log.debug("answered", method=scope["method"], route=route, status=status, seconds=seconds)
