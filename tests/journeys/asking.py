"""A client that costs little: thousands of requests in turn, over one connection that stays open.

A client for programs spends more time on a request than the server does. This one knows no
redirects, no cookies and no concurrency; `Answer` has what tests look at.
"""

import http.client
import json
import select
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit

ANSWER_SECONDS_MAX = 60


@dataclass(frozen=True)
class Answer:
    """What came; its headers have their names in small letters."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


class Asker:
    """Asks one server, one request after the other; close it after use."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=ANSWER_SECONDS_MAX
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str | bytes],
        *,
        content: bytes | None = None,
        body: Any = None,
    ) -> Answer:
        """Send `content`, or `body` as JSON, or nothing; give the whole answer."""
        if body is not None:
            content = json.dumps(body).encode()
        self._leave_if_closed()
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())

    def _leave_if_closed(self) -> None:
        """Begin anew where the server has hung up: it does so after a while without a request."""
        socket = self._connection.sock
        if socket is not None and select.select([socket], [], [], 0)[0]:
            self._connection.close()
