"""The HTTP server's bounds: how long a request's head may be, and how long it may take to come.

The server reads a head into memory before anybody can say who sends it; by itself it would do so
without end. Nor would it ever stop waiting for a reader to take what is written for him.
"""

import asyncio
import sys
import time
from contextlib import suppress
from typing import Any, Final

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from marketplace.kernel.limits import (
    HEAD_BYTES_MAX,
    HEAD_SECONDS_MAX,
    TAKEN_BYTES_MIN,
    TAKEN_SECONDS_MAX,
)
from marketplace.platform.arrival import WHOLE

LISTENERS: Final = 8
"""How many handles the loop has on the listening socket.

In a round it takes one new connection of each. In a rush a round lasts some milliseconds: by one
handle no more than 200 connections a second came in, and the others stood in the backlog, where
nobody can tell since when.
"""


def serve_until_told(config: Config) -> None:
    """Serve until the process is told to end, by as many processes as the configuration says.

    What `uvicorn.run` does, but for the handles; exits where the application does not start.
    """
    listening = config.bind_socket()
    sockets = [listening, *(listening.dup() for _ in range(LISTENERS - 1))]
    if config.workers > 1:
        Multiprocess(config, sockets).run()
        return
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol, for clients who may mean ill."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        self._is_taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the reader, who has more before him than is held."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on: he has taken most of it."""
        self._is_taken()
        super().resume_writing()

    def shutdown(self) -> None:
        """End with the process: its readers would hold a stream open for as long as it waits."""
        super().shutdown()
        if self.scope is not None and self.scope.get("streams"):
            self.transport.close()

    def on_message_begin(self) -> None:
        """Count the head that begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop to count: whatever follows is the body."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Tell that all of the request is here, most often before anybody begins to serve it."""
        self.scope[WHOLE] = time.monotonic()  # type: ignore[typeddict-unknown-key]
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too long."""
        super().data_received(data)
        if not self._in_head:
            self._wait_no_more()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response(f"The head of a request has at most {HEAD_BYTES_MAX} bytes.")
        elif self._patience is None:
            self._wait()

    def _wait_for_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        self._untaken = loop.call_later(TAKEN_SECONDS_MAX, self._lose_reader, left)

    def _lose_reader(self, before: int) -> None:
        """Cut the connection of a reader who takes next to nothing: what is kept for him goes."""
        if before - self.transport.get_write_buffer_size() < TAKEN_BYTES_MIN:
            self.transport.abort()
        else:
            self._wait_for_reader()

    def _is_taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(HEAD_SECONDS_MAX, self._lose_patience)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
