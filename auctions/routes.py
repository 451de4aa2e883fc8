"""Auctions over HTTP and WebSocket."""

import asyncio
import re
from contextlib import ExitStack, suppress
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import HeaderParameter

from auctions import bidding, reading, service
from auctions.admission import Admission
from auctions.crowd import Crowd
from auctions.live import Hub, Seat
from auctions.schemas import (
    AuctionInput,
    AuctionSummary,
    AuctionView,
    BidInput,
    BidView,
    CancelInput,
    InvitationView,
    LogView,
    SnapshotView,
)
from marketplace.kernel.errors import MarketplaceError
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import authenticate, refuse_socket, versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["auctions"]
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
SEND_SECONDS_MAX: Final = 10
"""A viewer who takes nothing for so long is gone, whether or not his connection knows."""
ClientBidId = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description="The bid's name, `client_bid_id`: the same when it is sent again. Required.",
    ),
]


@post("/v1/auctions", operation_id="createAuction", tags=_TAGS, summary="Make an auction")
async def create_auction(
    data: JSONBody[AuctionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[AuctionView]:
    """Make a draft of a reverse auction; suppliers are invited when it is scheduled."""
    return versioned(await service.create_auction(platform, caller, idempotency_key, data))


@get("/v1/auctions", operation_id="listAuctions", tags=_TAGS, summary="List auctions")
async def list_auctions(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[AuctionSummary]]:
    """List the auctions your company buys or may bid in, the newest first."""
    return paged(page_request, await reading.list_auctions(platform, caller, page_request))


@get(
    "/v1/auctions/{auction_id:uuid}",
    operation_id="readAuction",
    tags=_TAGS,
    summary="Read an auction",
)
async def read_auction(
    auction_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[AuctionView | InvitationView]:
    """Read an auction: the buyer all of it, a bidder the terms and his own part."""
    return versioned(await reading.read_auction(platform, caller, auction_id))


@post(
    "/v1/auctions/{auction_id:uuid}/schedule",
    operation_id="scheduleAuction",
    tags=_TAGS,
    summary="Invite the suppliers",
    status_code=200,
)
async def schedule_auction(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AuctionView]:
    """Fix terms and participants and invite them; the auction starts and closes by itself."""
    return versioned(await service.schedule_auction(platform, caller, auction_id, if_match))


@post(
    "/v1/auctions/{auction_id:uuid}/cancel",
    operation_id="cancelAuction",
    tags=_TAGS,
    summary="Call an auction off",
    status_code=200,
)
async def cancel_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[CancelInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AuctionView]:
    """Call off an auction that has not ended; no standing becomes an award."""
    return versioned(
        await service.cancel_auction(platform, caller, auction_id, if_match, data.reason)
    )


@post(
    "/v1/auctions/{auction_id:uuid}/close",
    operation_id="closeAuction",
    tags=_TAGS,
    summary="Close an auction whose time is up",
    status_code=200,
)
async def close_auction(
    auction_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[AuctionView]:
    """Close an auction at or after its deadline; before it, 409: it closes by its clock alone."""
    return versioned(await service.close_auction(platform, caller, auction_id))


@post(
    "/v1/auctions/{auction_id:uuid}/bids",
    operation_id="placeBid",
    tags=_TAGS,
    summary="Bid",
)
async def place_bid(
    auction_id: FromPath[UUID],
    data: JSONBody[BidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId = None,
) -> BidView:
    """Bid for the lot. 201: the bid stands and is durable; 422: it was not low enough, and why.

    After 503, or no answer, send the bid again with the same key: it counts once.
    """
    return await bidding.place_bid(platform, caller, auction_id, client_bid_id, data)


@get(
    "/v1/auctions/{auction_id:uuid}/bids/by-key/{client_bid_id:str}",
    operation_id="findBid",
    tags=_TAGS,
    summary="What became of a bid?",
)
async def find_bid(
    auction_id: FromPath[UUID],
    client_bid_id: FromPath[str],
    caller: Given[Caller],
    platform: Given[Platform],
) -> BidView:
    """Look up one of your bids, accepted or refused, by the key you sent it under."""
    return await bidding.find_bid(platform, caller, auction_id, client_bid_id)


@get(
    "/v1/auctions/{auction_id:uuid}/standing",
    operation_id="readStanding",
    tags=_TAGS,
    summary="Where does the auction stand?",
)
async def read_standing(
    auction_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> SnapshotView:
    """Read the standing as you may see it, with the server's time."""
    return await bidding.read_standing(platform, caller, auction_id)


@get(
    "/v1/auctions/{auction_id:uuid}/log",
    operation_id="readAuctionLog",
    tags=_TAGS,
    summary="Read the published log",
)
async def read_log(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> LogView:
    """Read the log after the auction ended, opened as far as you may see, and chained by hashes."""
    return await reading.read_log(platform, caller, auction_id, page_request)


@websocket("/v1/auctions/{auction_id:uuid}/live")
async def live(
    socket: "WebSocket[Any, Any, Any]", auction_id: FromPath[UUID], platform: Given[Platform]
) -> None:
    """Follow an auction: a snapshot, then numbered changes; `after` is the last number seen."""
    with ExitStack() as crowd:
        try:
            caller = await authenticate(socket, platform)
            caller.require(bidding.READ)
            admission = platform.get(Admission)
            card, viewer = await admission.viewers_card(auction_id, caller.organization_id)
            crowd.enter_context(platform.get(Crowd).joined(caller.organization_id))
        except MarketplaceError as error:
            await refuse_socket(socket, error)
            return
        after = socket.query_params.get("after")
        number = int(after) if after is not None and _NUMBER.fullmatch(after) else None
        await socket.accept()
        async with platform.get(Hub).seat(card.lot_id, viewer, number) as seat:
            await _follow(socket, seat)


async def _follow(socket: "WebSocket[Any, Any, Any]", seat: Seat) -> None:
    """Send until the viewer leaves or is dropped; only who also reads notices that he left."""
    reading = asyncio.create_task(_read_until_left(socket))
    sending = asyncio.create_task(_send_until_ended(socket, seat))
    try:
        await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, sending):
            task.cancel()
        await asyncio.gather(reading, sending, return_exceptions=True)


async def _read_until_left(socket: "WebSocket[Any, Any, Any]") -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data("text")


async def _send_until_ended(socket: "WebSocket[Any, Any, Any]", seat: Seat) -> None:
    while (message := await seat.mailbox.get()) is not None:
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await socket.send_data(message, "text")
    code, reason = (1013, "You read too slowly.") if seat.dropped else (1012, "Come back.")
    await socket.close(code=code, reason=reason)


ROUTES: Final = (
    create_auction,
    list_auctions,
    read_auction,
    schedule_auction,
    cancel_auction,
    close_auction,
    place_bid,
    find_bid,
    read_standing,
    read_log,
    live,
)
