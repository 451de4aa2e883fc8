"""Requests as handlers get them: Litestar's, whose body costs little where it is here already."""

from typing import Any, Final

from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Empty

from marketplace.platform.arrival import WHOLE

_HEADERS: Final = "headers by name"


def header(scope: Any, name: bytes) -> str | None:
    """Give a request's first header of this name, which is in small letters; None if it has none.

    Litestar's `headers` would first make texts of all of them.
    """
    headers = scope.get(_HEADERS)
    if headers is None:
        headers = scope[_HEADERS] = dict(reversed(scope["headers"]))
    value: bytes | None = headers.get(name)
    return None if value is None else value.decode("latin-1")


def path_of(scope: Any) -> str:
    """Give a request's path, decoded, with what is before the application.

    Litestar's `url` would be put together of all its parts, and fails for a `Host` out of form.
    """
    path: str = scope.get("root_path", "") + scope["path"]
    return path


class WholeRequest(Request[Any, Any, Any]):
    """Litestar's request; a body that is here as a whole is not read as a stream."""

    __slots__ = ()

    async def body(self) -> bytes:
        """Give the body; raises what Litestar raises for one that is too large or broke off."""
        if WHOLE in self.scope and self._connection_state.body is Empty and self.is_connected:
            message = await self.receive()
            if message["type"] != "http.request":
                raise InternalServerException("client disconnected prematurely")
            body = message["body"]
            most = self.route_handler.resolve_request_max_body_size()
            if most is not None and len(body) > most:
                raise RequestEntityTooLarge
            self.is_connected = False  # as `stream` says that there is no more
            self._body = self._connection_state.body = body
        return await super().body()
