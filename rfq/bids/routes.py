"""Sealed bids over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.direct import Direct
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.bids import service
from rfq.bids.schemas import ReceiptList, ReceiptView, SealedBidInput

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}/confirm",
    operation_id="confirmBid",
    tags=TAGS,
    summary="Let the own bid stand for the amended terms",
    status_code=200,
)
async def confirm_bid(
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ReceiptView]:
    """Confirm a bid."""
    return versioned(await service.confirm_bid(platform, caller, procedure_id, bid_id, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/bids",
    operation_id="submitBid",
    tags=TAGS,
    middleware=[Direct],
    summary="Submit a sealed bid and get its receipt",
)
async def submit_bid(
    procedure_id: FromPath[UUID],
    data: JSONBody[SealedBidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ReceiptView]:
    """Submit a bid."""
    return versioned(
        await service.submit_bid(platform, caller, procedure_id, data, idempotency_key)
    )


@put(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}",
    operation_id="replaceBid",
    tags=TAGS,
    summary="Replace the own bid by another version",
)
async def replace_bid(
    *,
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    data: JSONBody[SealedBidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ReceiptView]:
    """Replace a bid."""
    return versioned(
        await service.replace_bid(
            platform,
            caller,
            procedure_id,
            bid_id,
            data=data,
            version=if_match,
            key=idempotency_key,
        )
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}/withdraw",
    operation_id="withdrawBid",
    tags=TAGS,
    summary="Withdraw the own bid before the deadline",
    status_code=200,
)
async def withdraw_bid(
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ReceiptView]:
    """Withdraw a bid."""
    return versioned(await service.withdraw_bid(platform, caller, procedure_id, bid_id, if_match))


@get(
    "/v1/procedures/{procedure_id:uuid}/receipts",
    operation_id="listReceipts",
    tags=TAGS,
    summary="List the receipts of the own bid, all versions",
)
async def list_receipts(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ReceiptList:
    """List the own receipts."""
    return await service.list_receipts(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    confirm_bid,
    submit_bid,
    replace_bid,
    withdraw_bid,
    list_receipts,
)
