"""The live channel over HTTP: WebSocket, and server-sent events with the same messages."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import MediaType, Request, Response, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Schema,
)
from litestar.params import HeaderParameter, QueryParameter
from litestar.response.base import ASGIResponse
from uvicorn.protocols.utils import ClientDisconnected

from auctions.admission import Admission
from auctions.bidding import READ
from auctions.crowd import Crowd
from auctions.live.document import asyncapi_document
from auctions.live.hub import NOT_TOLD, SEPARATOR, Hub, Seat
from auctions.live.messages import RETRY_MS, Message
from marketplace.kernel.errors import MarketplaceError, NotFound, Unavailable
from marketplace.kernel.limits import AUCTION_LOTS_MAX, VIEWER_SEND_SECONDS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.documents import document_text
from marketplace.platform.http.access import authenticate, refuse_socket
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.parameters import check_names

RECHECK_SECONDS: Final = 15
"""How often an open channel's key is looked at again; it may have been revoked."""
EVENT_STREAM: Final = "text/event-stream"
_NUMBER: Final = r"([0-9]{1,18}|-)"
_POSITION: Final = re.compile(rf"{_NUMBER}(\.{_NUMBER})*")
_POSITION_CHARACTERS_MAX: Final = 20 * AUCTION_LOTS_MAX
_NOT_ALLOWED: Final = 4003


def position_of(lots: Sequence[UUID], text: str | None) -> dict[UUID, int | None]:
    """Read the numbers seen last of lots; where they are none of these, none was seen.

    Of what he did not see a viewer gets a snapshot.
    """
    numbers = text.split(SEPARATOR) if text and _POSITION.fullmatch(text) else []
    if len(numbers) != len(lots):
        return dict.fromkeys(lots)
    return {
        lot_id: None if number == NOT_TOLD else int(number)
        for lot_id, number in zip(lots, numbers, strict=True)
    }


def _lot(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise NotFound("There is no such lot.") from None


@asynccontextmanager
async def _seat(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    after: str | None,
    lot_id: UUID | None,
) -> AsyncIterator[Seat]:
    """Let a company's member watch a lot or all it sees.

    Raises NotFound, NotPermitted, Unavailable, TooManyRequests.
    """
    caller.require(READ)
    company, admission = caller.organization_id, platform.get(Admission)
    if lot_id is None:
        cards, viewer = await admission.viewers_cards(auction_id, company)
    else:
        card, viewer = await admission.viewers_card(auction_id, company, lot_id)
        cards = [card]
    seen = position_of([card.lot_id for card in cards], after)
    with platform.get(Crowd).joined(company):
        async with platform.get(Hub).seat(seen, viewer) as seat:
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
            async with asyncio.timeout(VIEWER_SEND_SECONDS_MAX):
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
    """Follow an auction: snapshots, then numbered changes; `after` are the last numbers seen."""
    accepted = False
    try:
        caller = await authenticate(socket, platform)
        query = socket.query_params
        check_names(query, ("after", "lot_id"))
        after, lot_id = query.get("after"), _lot(query.get("lot_id"))
        async with _seat(platform, caller, auction_id, after, lot_id) as seat:
            accepted = True
            await socket.accept()
            await _serve_socket(socket, platform, seat)
    except MarketplaceError as error:
        if accepted:
            raise
        await refuse_socket(socket, error)


async def _serve_socket(socket: "WebSocket[Any, Any, Any]", platform: Platform, seat: Seat) -> None:
    async def send(message: Message) -> None:
        try:
            await socket.send_data(message.json, "text")
        except RuntimeError as error:  # so uvicorn says that the connection was closed meanwhile
            raise ClientDisconnected from error

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
        str | None,
        QueryParameter(
            required=False,
            pattern=f"^{_POSITION.pattern}$",
            max_length=_POSITION_CHARACTERS_MAX,
            description="The number of the last change you saw; of several lots all numbers, in "
            "the order of the lots, with dots between, and a dash where you saw none.",
            examples=[Example(value="7"), Example(value="7.-.12")],
        ),
    ] = None,
    lot_id: Annotated[
        UUID | None,
        QueryParameter(required=False, description="Follow this lot alone, not all you see."),
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
    """Follow an auction: of each lot a snapshot, then numbered changes, and a heartbeat at times.

    The same messages as over WebSocket at this address, one event each.
    """
    known = last_event_id is not None and _POSITION.fullmatch(last_event_id)
    return _Events(platform, caller, auction_id, last_event_id if known else after, lot_id)


class _Events(Response[None]):
    """Events for one viewer, for as long as he stays."""

    def __init__(
        self,
        platform: Platform,
        caller: Caller,
        auction_id: UUID,
        after: str | None,
        lot_id: UUID | None,
    ) -> None:
        super().__init__(None, media_type=EVENT_STREAM)
        self._platform = platform
        self._watching = (platform, caller, auction_id, after, lot_id)

    def to_asgi_response(
        self,
        app: Any,  # noqa: ARG002 - Litestar passes it by name
        request: "Request[Any, Any, Any]",
        **_given: Any,
    ) -> ASGIResponse:
        """Give what sends the events; Litestar's own streams notice too late that one has left."""

        async def respond(_scope: Any, receive: Any, send: Any) -> None:
            async with _seat(*self._watching) as seat:
                await _serve_events(request, self._platform, seat, receive, send)

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
        body = message.event(seat.position(message))
        await write({"type": "http.response.body", "body": body, "more_body": True})

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
