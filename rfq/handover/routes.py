"""Auctions of lots over HTTP."""

from typing import Final
from uuid import UUID

from litestar import post
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.handover import service
from rfq.handover.schemas import (
    LotAuctionInput,
    LotAuctionView,
    LotsAuctionInput,
    LotsAuctionView,
)

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/auction",
    operation_id="startLotAuction",
    tags=TAGS,
    summary="Take the best bidders of a lot into a live auction",
)
async def start_lot_auction(
    procedure_id: FromPath[UUID],
    data: JSONBody[LotAuctionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> LotAuctionView:
    """Start a lot's auction."""
    return await service.start_lot_auction(platform, caller, procedure_id, data, idempotency_key)


@post(
    "/v1/procedures/{procedure_id:uuid}/auctions",
    operation_id="startLotsAuction",
    tags=TAGS,
    summary="Take the best bidders of several lots into one live auction",
)
async def start_auction(
    procedure_id: FromPath[UUID],
    data: JSONBody[LotsAuctionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> LotsAuctionView:
    """Start one auction of several lots: in parallel, staggered, or one after the other."""
    return await service.start_auction(platform, caller, procedure_id, data, idempotency_key)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (start_lot_auction, start_auction)
