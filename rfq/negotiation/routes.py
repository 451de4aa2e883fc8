"""Negotiations over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey
from rfq.negotiation import messages, service
from rfq.negotiation.schemas import (
    NegotiationEndInput,
    NegotiationInput,
    NegotiationMessageInput,
    NegotiationMessageView,
    NegotiationOfferInput,
    NegotiationSummary,
    NegotiationView,
)

TAGS: Final = ["negotiations"]


@post(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/negotiations",
    operation_id="beginNegotiation",
    tags=TAGS,
    summary="Make a bidder a first offer for a lot of a request for quotation",
)
async def begin_negotiation(
    *,
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[NegotiationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[NegotiationView]:
    """Begin a negotiation."""
    return versioned(
        await service.begin_negotiation(
            platform, caller, procedure_id, lot_id, data, idempotency_key
        )
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/negotiations",
    operation_id="listNegotiations",
    tags=TAGS,
    summary="List the negotiations of a procedure: as the buyer all, as a bidder your own",
)
async def list_negotiations(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[NegotiationSummary]]:
    """List negotiations."""
    found = await service.list_negotiations(platform, caller, procedure_id, page_request)
    return paged(page_request, found)


@get(
    "/v1/negotiations/{negotiation_id:uuid}",
    operation_id="readNegotiation",
    tags=TAGS,
    summary="Read a negotiation with the offers of both sides",
)
async def read_negotiation(
    negotiation_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[NegotiationView]:
    """Read a negotiation."""
    return versioned(await service.read_negotiation(platform, caller, negotiation_id))


@post(
    "/v1/negotiations/{negotiation_id:uuid}/offers",
    operation_id="makeOffer",
    tags=TAGS,
    summary="Answer an offer with another, in your turn",
)
async def make_offer(
    *,
    negotiation_id: FromPath[UUID],
    data: JSONBody[NegotiationOfferInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    idempotency_key: Given[IdempotencyKey],
) -> Response[NegotiationView]:
    """Make an offer."""
    return versioned(
        await service.make_offer(
            platform, caller, negotiation_id, data=data, version=if_match, key=idempotency_key
        )
    )


@post(
    "/v1/negotiations/{negotiation_id:uuid}/accept",
    operation_id="acceptOffer",
    tags=TAGS,
    summary="Accept the other side's offer, in your turn: the award is made from it",
    status_code=200,
)
async def accept_offer(
    negotiation_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[NegotiationView]:
    """Accept an offer."""
    return versioned(await service.accept_offer(platform, caller, negotiation_id, if_match))


@post(
    "/v1/negotiations/{negotiation_id:uuid}/end",
    operation_id="endNegotiation",
    tags=TAGS,
    summary="End a negotiation in your turn; the sealed bid stands",
    status_code=200,
)
async def end_negotiation(
    negotiation_id: FromPath[UUID],
    data: JSONBody[NegotiationEndInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[NegotiationView]:
    """End a negotiation."""
    return versioned(
        await service.end_negotiation(platform, caller, negotiation_id, data, if_match)
    )


@post(
    "/v1/negotiations/{negotiation_id:uuid}/messages",
    operation_id="sendNegotiationMessage",
    tags=TAGS,
    summary="Write to the other side",
)
async def send_message(
    negotiation_id: FromPath[UUID],
    data: JSONBody[NegotiationMessageInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> NegotiationMessageView:
    """Send a message."""
    return await messages.send_message(platform, caller, negotiation_id, data, idempotency_key)


@get(
    "/v1/negotiations/{negotiation_id:uuid}/messages",
    operation_id="listNegotiationMessages",
    tags=TAGS,
    summary="Read the messages of both sides",
)
async def list_messages(
    negotiation_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[NegotiationMessageView]]:
    """List messages."""
    return paged(
        page_request, await messages.list_messages(platform, caller, negotiation_id, page_request)
    )


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    begin_negotiation,
    list_negotiations,
    read_negotiation,
    make_offer,
    accept_offer,
    end_negotiation,
    send_message,
    list_messages,
)
