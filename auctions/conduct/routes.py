"""Conducting auctions over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from litestar import delete, get, post, put
from litestar.params import QueryParameter

from auctions.conduct import awards, interventions, messages, outcomes, proxies, surrogates, trials
from auctions.conduct import withdrawals as struck
from auctions.conduct.schemas import (
    AuctionAwardInput,
    AuctionAwardList,
    AuctionAwardView,
    BiddersResultView,
    BuyersResultView,
    CloseExtensionInput,
    MessageInput,
    MessageList,
    MessageView,
    PauseInput,
    ProxyInput,
    ProxyView,
    StrikeInput,
    SurrogateBidInput,
    TrialInput,
    TrialView,
    WithdrawalInput,
)
from auctions.routes import ClientBidId, LotId
from auctions.schemas import BidView, SnapshotView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["auctions"]


@post(
    "/v1/auctions/{auction_id:uuid}/trial",
    operation_id="tryAuction",
    tags=_TAGS,
    summary="What would these terms make of these bids?",
    status_code=200,
)
async def try_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[TrialInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> TrialView:
    """Try bids and proxies on an auction's terms, before anybody is invited or later.

    All its lots run on one clock, as they would: overtime of all lots moves each of them, and a
    serial lot starts when the one before has ended. Nothing is kept.
    """
    return await trials.try_auction(platform, caller, auction_id, data)


@post(
    "/v1/auctions/{auction_id:uuid}/pause",
    operation_id="pauseAuction",
    tags=_TAGS,
    summary="Stop the clock",
    status_code=200,
)
async def pause_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[PauseInput],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Stop the clock of an open auction; bids are refused, and the time that is left stays."""
    return await interventions.pause(platform, caller, auction_id, data, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/resume",
    operation_id="resumeAuction",
    tags=_TAGS,
    summary="Let the clock go on",
    status_code=200,
)
async def resume_auction(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Go on with the time that was left when the clock was stopped."""
    return await interventions.resume(platform, caller, auction_id, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/extend",
    operation_id="extendAuction",
    tags=_TAGS,
    summary="Move the close by hand",
    status_code=200,
)
async def extend_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[CloseExtensionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Let an open auction close later, no further than its overtime allows in all."""
    return await interventions.extend(platform, caller, auction_id, data, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/messages",
    operation_id="sendAuctionMessage",
    tags=_TAGS,
    summary="Tell all bidders something",
)
async def send_message(
    auction_id: FromPath[UUID],
    data: JSONBody[MessageInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
    lot_id: LotId = None,
) -> MessageView:
    """Send a message to all bidders: it goes to all who watch and stands in the log."""
    return await messages.send_message(platform, caller, auction_id, idempotency_key, data, lot_id)


@get(
    "/v1/auctions/{auction_id:uuid}/messages",
    operation_id="listAuctionMessages",
    tags=_TAGS,
    summary="What did the buyer tell all?",
)
async def list_messages(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> MessageList:
    """List the buyer's messages to all, the first one first."""
    return await messages.read_messages(platform, caller, auction_id, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/bids/strike",
    operation_id="strikeBid",
    tags=_TAGS,
    summary="Strike a standing bid",
    status_code=200,
)
async def strike_bid(
    auction_id: FromPath[UUID],
    data: JSONBody[StrikeInput],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Strike a bidder's standing bid, because it is a slip or because he asked for it."""
    return await struck.strike_bid(platform, caller, auction_id, data, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/bids/withdraw",
    operation_id="withdrawOwnBid",
    tags=_TAGS,
    summary="Take your bid back, or ask for it",
    status_code=200,
)
async def withdraw_bid(
    auction_id: FromPath[UUID],
    data: JSONBody[WithdrawalInput],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Take your standing bid back where the terms let you (`freely`), or ask the buyer to strike
    it (`on_request`): until he does it stands.
    """  # noqa: D205
    return await struck.withdraw_bid(platform, caller, auction_id, data, lot_id)


@put(
    "/v1/auctions/{auction_id:uuid}/proxy",
    operation_id="putProxy",
    tags=_TAGS,
    summary="Let the auction bid for you",
)
async def put_proxy(
    auction_id: FromPath[UUID],
    data: JSONBody[ProxyInput],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId = None,
    lot_id: LotId = None,
) -> ProxyView:
    """Set or change the limit down to which the auction bids for you; it bids at once if it must.

    After 503, or no answer, send it again with the same key: it counts once.
    """
    return await proxies.put_proxy(platform, caller, auction_id, client_bid_id, data, lot_id)


@get(
    "/v1/auctions/{auction_id:uuid}/proxy",
    operation_id="readProxy",
    tags=_TAGS,
    summary="Read your proxy",
)
async def read_proxy(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> ProxyView:
    """Read your own limit; nobody else can."""
    return await proxies.read_proxy(platform, caller, auction_id, lot_id)


@delete(
    "/v1/auctions/{auction_id:uuid}/proxy",
    operation_id="deleteProxy",
    tags=_TAGS,
    summary="Take your proxy back",
)
async def delete_proxy(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId = None,
    lot_id: LotId = None,
) -> None:
    """Bid by hand again; what the auction has bid for you stands."""
    await proxies.remove_proxy(platform, caller, auction_id, client_bid_id, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/surrogate-consent",
    operation_id="allowSurrogate",
    tags=_TAGS,
    summary="Let the buyer enter bids for you",
    status_code=200,
)
async def allow_surrogate(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Consent to bids the buyer enters for you; the log keeps that you did."""
    return await surrogates.allow_surrogate(platform, caller, auction_id, lot_id)


@delete(
    "/v1/auctions/{auction_id:uuid}/surrogate-consent",
    operation_id="revokeSurrogate",
    tags=_TAGS,
    summary="Let the buyer enter no more bids for you",
    status_code=200,
)
async def revoke_surrogate(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> SnapshotView:
    """Take your consent back; bids the buyer entered for you before stand, and the log has both."""
    return await surrogates.revoke_surrogate(platform, caller, auction_id, lot_id)


@post(
    "/v1/auctions/{auction_id:uuid}/surrogate-bids",
    operation_id="enterSurrogateBid",
    tags=_TAGS,
    summary="Enter a bid for a bidder",
)
async def enter_bid(
    auction_id: FromPath[UUID],
    data: JSONBody[SurrogateBidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId = None,
    lot_id: LotId = None,
) -> BidView:
    """Enter a bid for a bidder who consented; the log names who did it and by what proof.

    After 503, or no answer, send the bid again with the same key: it counts once.
    """
    return await surrogates.enter_bid(platform, caller, auction_id, client_bid_id, data, lot_id)


@get(
    "/v1/auctions/{auction_id:uuid}/result",
    operation_id="readAuctionResult",
    tags=_TAGS,
    summary="What did it end with?",
)
async def read_result(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
    baseline: Annotated[
        str | None,
        QueryParameter(
            required=False,
            pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?(?!\n)$",
            description="An amount to reckon savings against as well, such as the last price.",
        ),
    ] = None,
) -> BuyersResultView | BiddersResultView:
    """Read the result: the buyer winner, price and savings; a bidder his own part."""
    return await outcomes.read_result(platform, caller, auction_id, lot_id, baseline)


@post(
    "/v1/auctions/{auction_id:uuid}/awards",
    operation_id="awardAuction",
    tags=_TAGS,
    summary="Award a lot",
)
async def award_auction(
    auction_id: FromPath[UUID],
    data: JSONBody[AuctionAwardInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
    lot_id: LotId = None,
) -> AuctionAwardView:
    """Conclude the contract a lot was auctioned for; above your limit it waits for approval."""
    return await awards.award_auction(platform, caller, auction_id, data, idempotency_key, lot_id)


@get(
    "/v1/auctions/{auction_id:uuid}/awards",
    operation_id="listAuctionAwards",
    tags=_TAGS,
    summary="To whom did it go?",
)
async def list_awards(
    auction_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> AuctionAwardList:
    """List the awards of an auction: all to its buyer, his own to a supplier."""
    return await awards.list_awards(platform, caller, auction_id)


ROUTES: Final = (
    award_auction,
    list_awards,
    try_auction,
    pause_auction,
    resume_auction,
    extend_auction,
    send_message,
    list_messages,
    strike_bid,
    withdraw_bid,
    put_proxy,
    read_proxy,
    delete_proxy,
    allow_surrogate,
    revoke_surrogate,
    enter_bid,
    read_result,
)
