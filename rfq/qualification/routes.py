"""Qualification over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey
from rfq.procedures.schemas import BuyerProcedureView
from rfq.qualification import service
from rfq.qualification.schemas import (
    BidderDecisionInput,
    BidderDecisionView,
    OpenedBidderList,
    OwnDecisionList,
    SupplierQualificationInput,
    SupplierQualificationView,
)

TAGS: Final = ["evaluation"]


@post(
    "/v1/procedures/{procedure_id:uuid}/bidders",
    operation_id="decideBidder",
    tags=TAGS,
    summary="Decide whether a bidder is qualified, before prices are known",
    status_code=200,
)
async def decide_bidder(
    procedure_id: FromPath[UUID],
    data: JSONBody[BidderDecisionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> BidderDecisionView:
    """Decide on a bidder."""
    return await service.decide_bidder(platform, caller, procedure_id, data, idempotency_key)


@get(
    "/v1/procedures/{procedure_id:uuid}/bidders",
    operation_id="listBidders",
    tags=TAGS,
    summary="List the bidders without prices, and what was decided; as a bidder your own decision",
)
async def list_bidders(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpenedBidderList | OwnDecisionList:
    """List bidders."""
    return await service.list_bidders(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/qualification/end",
    operation_id="endQualification",
    tags=TAGS,
    summary="End the qualification once all bidders are decided on",
    status_code=200,
)
async def end_qualification(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """End the qualification."""
    return versioned(await service.end_qualification(platform, caller, procedure_id, if_match))


@put(
    "/v1/supplier-qualifications/{supplier_id:uuid}/{qualification_code:str}",
    operation_id="putSupplierQualification",
    tags=TAGS,
    summary="Say until when a supplier is qualified for something",
)
async def put_supplier_qualification(
    supplier_id: FromPath[UUID],
    qualification_code: FromPath[str],
    data: JSONBody[SupplierQualificationInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> SupplierQualificationView:
    """Qualify a supplier."""
    return await service.put_supplier_qualification(
        platform, caller, supplier_id, qualification_code, data
    )


@get(
    "/v1/supplier-qualifications",
    operation_id="listSupplierQualifications",
    tags=TAGS,
    summary="List whom you have qualified, and for what you are qualified",
)
async def list_supplier_qualifications(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[SupplierQualificationView]]:
    """List qualifications of suppliers."""
    return paged(
        page_request,
        await service.list_supplier_qualifications(platform, caller, page_request),
    )


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    decide_bidder,
    list_bidders,
    end_qualification,
    put_supplier_qualification,
    list_supplier_qualifications,
)
