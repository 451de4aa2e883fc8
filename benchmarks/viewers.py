"""WebSocket clients that cost little, so that thousands of them measure the server and not us."""

import asyncio
import base64
import os
import re
import time
from typing import Any, Final

from benchmarks.load import http_request

_NUMBER: Final = re.compile(rb'"type":"(\w+)".*?"number":(\d+)')
_PREVIOUS: Final = re.compile(rb'"previous":(\d+)')


class Viewer(asyncio.Protocol):
    """A WebSocket client that notes when it saw which number, and does as little else as it can."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self._open = False
        self.number = -1
        self.seen: dict[int, float] = {}
        self.gaps = 0
        self.ready = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        self.transport = transport
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits for the first message that none comes."""
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError(self._buffer[:300].decode()))

    def data_received(self, data: bytes) -> None:
        """Take what is whole."""
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0 or not self._buffer.startswith(b"HTTP/1.1 101"):
                return
            self._open, self._buffer = True, self._buffer[end + 4 :]
        while (frame := self._frame()) is not None:
            self._take(frame)

    def _frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the shortest head of a frame
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:  # noqa: PLR2004 - RFC 6455: two bytes of length follow
            if len(buffer) < 4:  # noqa: PLR2004
                return None
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + length:
            return None
        self._buffer = buffer[start + length :]
        return buffer[start : start + length]

    def _take(self, message: bytes) -> None:
        found = _NUMBER.search(message)
        if found is None:
            return
        kind, number = found[1], int(found[2])
        if kind == b"delta":
            previous = _PREVIOUS.search(message)
            self.gaps += previous is None or int(previous[1]) != self.number
        if kind != b"heartbeat":
            self.number = number
            self.seen[number] = time.perf_counter()
        if not self.ready.done():
            self.ready.set_result(None)


async def watch(port: int, path: str, key: str) -> Viewer:
    """Follow an auction; returns when the first message has come."""
    request = http_request(
        "GET",
        f"{path}/live",
        key,
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key=base64.b64encode(os.urandom(16)).decode(),
    )
    loop = asyncio.get_running_loop()
    _, viewer = await loop.create_connection(lambda: Viewer(request), "127.0.0.1", port)
    await viewer.ready
    return viewer
