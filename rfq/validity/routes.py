"""How long bids bind, over HTTP."""

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
from rfq.validity import service
from rfq.validity.schemas import (
    BidExtensionAnswerInput,
    BidExtensionRequestInput,
    BidExtensionRequestView,
    BidExtensionView,
)

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/bid-extensions",
    operation_id="requestBidExtensions",
    tags=TAGS,
    summary="Ask all bidders in the running to let their bids bind longer",
)
async def request_bid_extensions(
    procedure_id: FromPath[UUID],
    data: JSONBody[BidExtensionRequestInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> BidExtensionRequestView:
    """Ask for extensions."""
    return await service.request_extension(platform, caller, procedure_id, data, idempotency_key)


@get(
    "/v1/procedures/{procedure_id:uuid}/bid-extensions",
    operation_id="listBidExtensions",
    tags=TAGS,
    summary="Read who was asked to bind longer, and the answers: as a bidder your own",
)
async def list_bid_extensions(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[BidExtensionView]]:
    """List extensions."""
    found = await service.list_extensions(platform, caller, procedure_id, page_request)
    return paged(page_request, found)


@post(
    "/v1/bid-extensions/{extension_id:uuid}/answer",
    operation_id="answerBidExtension",
    tags=TAGS,
    summary="Let your bid bind longer, or say no; silence is a no",
    status_code=200,
)
async def answer_bid_extension(
    extension_id: FromPath[UUID],
    data: JSONBody[BidExtensionAnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BidExtensionView]:
    """Answer."""
    return versioned(await service.answer_extension(platform, caller, extension_id, data, if_match))


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    request_bid_extensions,
    list_bid_extensions,
    answer_bid_extension,
)
