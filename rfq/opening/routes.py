"""The opening over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given
from rfq.opening import proofs, service
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.proof import OpeningProof

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/open",
    operation_id="openProcedure",
    tags=TAGS,
    summary="Open the bids after the deadline, if the timer has not yet",
    status_code=200,
)
async def open_procedure(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[BuyerProcedureView]:
    """Open the bids."""
    return versioned(await service.open_procedure(platform, caller, procedure_id))


@get(
    "/v1/procedures/{procedure_id:uuid}/opening",
    operation_id="readOpening",
    tags=TAGS,
    summary="Read what proves the opening, for `marketplace verify-opening`",
)
async def read_opening(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpeningProof:
    """Read the opening's proof."""
    return await proofs.read_opening(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (open_procedure, read_opening)
