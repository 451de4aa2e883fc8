"""Officers over HTTP."""

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given, JSONBody
from rfq.officers import service
from rfq.officers.schemas import OpeningApprovalInput, OpeningCodeView, OpeningMinutesView

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/opening-code",
    operation_id="takeOpeningCode",
    tags=TAGS,
    summary="As an officer, take your code for the opening; a new one each time, in the draft",
    status_code=200,
)
async def take_code(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpeningCodeView:
    """Take a code."""
    return await service.take_code(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/opening-approvals",
    operation_id="approveOpening",
    tags=TAGS,
    summary="As an officer, approve the opening after the deadline; two different officers open",
    status_code=200,
)
async def approve_opening(
    procedure_id: FromPath[UUID],
    data: JSONBody[OpeningApprovalInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> OpeningMinutesView:
    """Approve the opening."""
    return await service.approve_opening(platform, caller, procedure_id, data)


@get(
    "/v1/procedures/{procedure_id:uuid}/opening-minutes",
    operation_id="readOpeningMinutes",
    tags=TAGS,
    summary="Read the minutes of the opening: root, officers, approvals",
)
async def read_minutes(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpeningMinutesView:
    """Read the minutes."""
    return await service.read_minutes(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (take_code, approve_opening, read_minutes)
