"""Auctions over HTTP; the live channel has routes of its own."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.params import HeaderParameter, QueryParameter

from auctions import bidding, reading, service
from auctions.draft_schemas import AuctionInput
from auctions.schemas import (
    AuctionSummary,
    AuctionView,
    BidInput,
    BidView,
    CancelInput,
    InvitationView,
    LogView,
    SnapshotView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.direct import Direct
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["auctions"]
ClientBidId = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description="The bid's name, `client_bid_id`: the same when it is sent again. Required.",
    ),
]
LotId = Annotated[
    UUID | None,
    QueryParameter(
        required=False, description="Which lot; needed where you see several of the auction."
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


@put(
    "/v1/auctions/{auction_id:uuid}",
    operation_id="updateAuction",
    tags=_TAGS,
    summary="Change a draft",
)
async def update_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[AuctionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AuctionView]:
    """Lay a draft down anew, whole, before anybody is invited; its lots get new identifiers."""
    return versioned(await service.update_auction(platform, caller, auction_id, if_match, data))


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
    """Call off all lots that have not ended; no standing of theirs becomes an award."""
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
    """Close the lots whose deadline has come; 409 if none has: they close by their clocks alone."""
    return versioned(await service.close_auction(platform, caller, auction_id))


@post(
    "/v1/auctions/{auction_id:uuid}/bids",
    operation_id="placeBid",
    tags=_TAGS,
    summary="Bid",
    middleware=[Direct],
)
async def place_bid(
    auction_id: FromPath[UUID],
    data: JSONBody[BidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId = None,
) -> BidView:
    """Bid for a lot. 201: the bid stands and is durable; 422: it was not low enough, and why.

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
    lot_id: LotId = None,
) -> BidView:
    """Look up one of your bids, accepted or refused, by the key you sent it under."""
    return await bidding.find_bid(platform, caller, auction_id, client_bid_id, lot_id)


@get(
    "/v1/auctions/{auction_id:uuid}/standing",
    operation_id="readStanding",
    tags=_TAGS,
    summary="Where does the auction stand?",
    middleware=[Direct],
)
async def read_standing(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    after: Annotated[
        int | None,
        QueryParameter(
            required=False,
            ge=0,
            lt=10**18,
            description="`standing.number` as you saw it last: what you get is never older.",
        ),
    ] = None,
    lot_id: LotId = None,
) -> SnapshotView:
    """Read the standing of a lot as you may see it, with the server's time."""
    return await bidding.read_standing(platform, caller, auction_id, after, lot_id)


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
    copy: Annotated[
        reading.LogCopy,
        QueryParameter(
            required=False,
            description="`own`: opened as far as your company may see; `public`: as far as anybody "
            "may, to hand on; `auditor`: all of it, for who has the scope auctions:audit.",
        ),
    ] = reading.LogCopy.OWN,
    lot_id: LotId = None,
) -> LogView:
    """Read a lot's log after it ended, opened for you or another reader, and chained by hashes."""
    return await reading.read_log(platform, caller, auction_id, page_request, copy, lot_id)


ROUTES: Final = (
    create_auction,
    list_auctions,
    read_auction,
    update_auction,
    schedule_auction,
    cancel_auction,
    close_auction,
    place_bid,
    find_bid,
    read_standing,
    read_log,
)
