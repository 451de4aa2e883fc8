"""Awards over HTTP."""

from typing import Final
from uuid import UUID

from litestar import get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.awards import service
from rfq.awards.schemas import (
    AwardInput,
    BreakdownInput,
    BreakdownView,
    BuyerAwardList,
    BuyerAwardView,
    SupplierAwardList,
)

TAGS: Final = ["procedures"]


@put(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/breakdown",
    operation_id="sendBreakdown",
    tags=TAGS,
    summary="Send own unit prices for the total reached in a lot's auction",
)
async def send_breakdown(
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[BreakdownInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> BreakdownView:
    """Send a breakdown."""
    return await service.send_breakdown(platform, caller, procedure_id, lot_id, data)


@post(
    "/v1/procedures/{procedure_id:uuid}/awards",
    operation_id="awardLot",
    tags=TAGS,
    summary="Award a lot and conclude its contract",
)
async def award_lot(
    procedure_id: FromPath[UUID],
    data: JSONBody[AwardInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> BuyerAwardView:
    """Award a lot."""
    return await service.award_lot(platform, caller, procedure_id, data, idempotency_key)


@get(
    "/v1/procedures/{procedure_id:uuid}/awards",
    operation_id="listAwards",
    tags=TAGS,
    summary="List awards: all to the buyer, his own to a supplier",
)
async def list_awards(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> BuyerAwardList | SupplierAwardList:
    """List awards."""
    return await service.list_awards(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (send_breakdown, award_lot, list_awards)
