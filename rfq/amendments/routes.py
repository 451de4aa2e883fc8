"""Amendments over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from rfq.amendments import service
from rfq.amendments.schemas import AmendmentInput, AmendmentList, ExtensionInput
from rfq.procedures.schemas import BuyerProcedureView

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/deadline",
    operation_id="extendDeadline",
    tags=TAGS,
    summary="Move the deadline later; bids stand",
    status_code=200,
)
async def extend_deadline(
    procedure_id: FromPath[UUID],
    data: JSONBody[ExtensionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Extend the deadline."""
    return versioned(await service.extend_deadline(platform, caller, procedure_id, data, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/amendments",
    operation_id="amendProcedure",
    tags=TAGS,
    summary="Amend what is asked for; bids submitted before have to be confirmed or replaced",
    status_code=200,
)
async def amend_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[AmendmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Amend a procedure."""
    return versioned(await service.amend_procedure(platform, caller, procedure_id, data, if_match))


@get(
    "/v1/procedures/{procedure_id:uuid}/amendments",
    operation_id="listAmendments",
    tags=TAGS,
    summary="Read what was amended, as differences in words",
)
async def list_amendments(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> AmendmentList:
    """List amendments."""
    return await service.list_amendments(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    extend_deadline,
    amend_procedure,
    list_amendments,
)
