"""The live channel over HTTP: WebSocket, and server-sent events with the same messages."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import MediaType, Request, Response, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import HeaderParameter, QueryParameter
from litestar.response.base import ASGIResponse

from auctions.admission import Admission
from auctions.bidding import READ
from auctions.crowd import Crowd
from auctions.live.document import asyncapi_document
from auctions.live.hub import Hub, Seat
from auctions.live.messages import RETRY_MS, Message
from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.documents import document_text
from marketplace.platform.http.access import authenticate, refuse_socket
from marketplace.platform.http.given import FromPath, Given

SEND_SECONDS_MAX: Final = 10
"""A viewer who takes nothing for so long is gone, whether or not his connection knows."""
RECHECK_SECONDS: Final = 15
"""How often an open channel's key is looked at again; it may have been revoked."""
EVENT_STREAM: Final = "text/event-stream"
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_NOT_ALLOWED: Final = 4003


def _number(text: str | None) -> int | None:
    """Read the number seen last; what is none counts as none, and gets a snapshot."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


@asynccontextmanager
async def _seat(
    platform: Platform, caller: Caller, auction_id: UUID, after: int | None
) -> AsyncIterator[Seat]:
    """Let a company's member watch; raises NotFound, NotPermitted, Unavailable, TooManyRequests."""
    caller.require(READ)
    company = caller.organization_id
    card, viewer = await platform.get(Admission).viewers_card(auction_id, company)
    with platform.get(Crowd).joined(company):
        async with platform.get(Hub).seat(card.lot_id, viewer, after) as seat:
            yield seat


@dataclass(slots=True)
class _Watch:
    """One open channel: hands on what arrives at a seat, for as long as its viewer may see it."""

    connection: Any
    platform: Platform
    seat: Seat

    async def run(
        self, send: Callable[[Message], Awaitable[None]], leaving: Coroutine[Any, Any, None]
    ) -> tuple[int, str] | None:
        """Send until the viewer leaves (`leaving` ends) or must; give why he must, None if he left.

        Only who also reads notices that he left.
        """
        sending = asyncio.create_task(self._send_until_ended(send))
        left = asyncio.create_task(leaving)
        try:
            await asyncio.wait((sending, left), return_when=asyncio.FIRST_COMPLETED)
            return sending.result() if sending.done() else None
        except TimeoutError:
            return None
        finally:
            for task in (sending, left):
                task.cancel()
            await asyncio.gather(sending, left, return_exceptions=True)

    async def _send_until_ended(
        self, send: Callable[[Message], Awaitable[None]]
    ) -> tuple[int, str]:
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while (message := await self.seat.mailbox.get()) is not None:
            if loop.time() - checked > RECHECK_SECONDS:
                if not await self._may_stay():
                    return _NOT_ALLOWED, "Your key or session counts no more."
                checked = loop.time()
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await send(message)
        return (1013, "You read too slowly.") if self.seat.dropped else (1012, "Come back.")

    async def _may_stay(self) -> bool:
        try:
            caller = await authenticate(self.connection, self.platform)
            caller.require(READ)
        except Unavailable:
            return True
        except MarketplaceError:
            return False
        return True


@websocket("/v1/auctions/{auction_id:uuid}/live")
async def live(
    socket: "WebSocket[Any, Any, Any]", auction_id: FromPath[UUID], platform: Given[Platform]
) -> None:
    """Follow an auction: a snapshot, then numbered changes; `after` is the last number seen."""
    accepted = False
    try:
        caller = await authenticate(socket, platform)
        after = _number(socket.query_params.get("after"))
        async with _seat(platform, caller, auction_id, after) as seat:
            accepted = True
            await socket.accept()
            await _serve_socket(socket, platform, seat)
    except MarketplaceError as error:
        if accepted:
            raise
        await refuse_socket(socket, error)


async def _serve_socket(socket: "WebSocket[Any, Any, Any]", platform: Platform, seat: Seat) -> None:
    async def send(message: Message) -> None:
        await socket.send_data(message.json, "text")

    async def read_until_left() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await socket.receive_data("text")

    ended = await _Watch(socket, platform, seat).run(send, read_until_left())
    if ended is not None:
        await socket.close(code=ended[0], reason=ended[1])


@dataclass
class EventStream(Operation):
    """An operation that answers with server-sent events."""

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        description = "Messages without end; `/schema/asyncapi.json` describes them."
        answer = OpenAPIResponse(description=description, content={EVENT_STREAM: text})
        self.responses = {**(self.responses or {}), "200": answer}


@get(
    "/v1/auctions/{auction_id:uuid}/live",
    operation_id="followAuction",
    operation_class=EventStream,
    tags=["auctions"],
    summary="Follow an auction by server-sent events",
)
async def follow_auction(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    after: Annotated[
        int | None,
        QueryParameter(
            required=False, ge=0, lt=10**18, description="The number of the last change you saw."
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID",
            required=False,
            description="The same, as a browser sends it that comes back by itself.",
        ),
    ] = None,
) -> Response[None]:
    """Follow an auction: a snapshot, then numbered changes, and a heartbeat every few seconds.

    The same messages as over WebSocket at this address, one event each.
    """
    number = _number(last_event_id)
    return _Events(platform, caller, auction_id, after if number is None else number)


class _Events(Response[None]):
    """Events for one viewer, for as long as he stays."""

    def __init__(
        self, platform: Platform, caller: Caller, auction_id: UUID, after: int | None
    ) -> None:
        super().__init__(None, media_type=EVENT_STREAM)
        self._watching = (platform, caller, auction_id, after)

    def to_asgi_response(
        self,
        app: Any,  # noqa: ARG002 - Litestar passes it by name
        request: "Request[Any, Any, Any]",
        **_given: Any,
    ) -> ASGIResponse:
        """Give what sends the events; Litestar's own streams notice too late that one has left."""

        async def respond(_scope: Any, receive: Any, send: Any) -> None:
            platform, caller, auction_id, after = self._watching
            async with _seat(platform, caller, auction_id, after) as seat:
                await _serve_events(request, platform, seat, receive, send)

        return respond  # type: ignore[return-value]


_EVENT_HEADERS: Final = [
    (b"content-type", EVENT_STREAM.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy must not keep messages back
]


async def _serve_events(
    request: "Request[Any, Any, Any]", platform: Platform, seat: Seat, receive: Any, write: Any
) -> None:
    async def send(message: Message) -> None:
        await write({"type": "http.response.body", "body": message.event, "more_body": True})

    async def read_until_left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    await write({"type": "http.response.start", "status": 200, "headers": _EVENT_HEADERS})
    retry = b"retry: %d\n\n" % RETRY_MS
    await write({"type": "http.response.body", "body": retry, "more_body": True})
    await _Watch(request, platform, seat).run(send, read_until_left())
    with suppress(TimeoutError):  # he may be gone, or take nothing
        async with asyncio.timeout(1):
            await write({"type": "http.response.body", "body": b"", "more_body": False})


@get("/schema/asyncapi.json", include_in_schema=False)
async def read_asyncapi() -> Response[bytes]:
    """Give the AsyncAPI document of this channel."""
    return Response(document_text(asyncapi_document()).encode(), media_type=MediaType.JSON)


ROUTES: Final = (live, follow_auction, read_asyncapi)
