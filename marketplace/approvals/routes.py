"""HTTP of approvals."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import QueryParameter

from marketplace.approvals import service
from marketplace.approvals.rules import ApprovalState
from marketplace.approvals.schemas import ApprovalView, DecisionInput
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey


@get(
    "/v1/approvals",
    operation_id="listApprovals",
    tags=["approvals"],
    summary="What waits for approval in your company, or did; the newest first.",
)
async def list_approvals(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    in_state: Annotated[ApprovalState | None, QueryParameter(name="state")] = None,
) -> Response[Page[ApprovalView]]:
    """List requests for approval."""
    return paged(
        page_request, await service.list_approvals(platform, caller, page_request, in_state)
    )


@get(
    "/v1/approvals/{approval_id:uuid}",
    operation_id="readApproval",
    tags=["approvals"],
    summary="One request for approval, with what was said to it.",
)
async def read_approval(
    approval_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ApprovalView]:
    """Read a request for approval."""
    return versioned(await service.read_approval(platform, caller, approval_id))


@post(
    "/v1/approvals/{approval_id:uuid}/decisions",
    operation_id="decideApproval",
    tags=["approvals"],
    summary="Approve or reject; the last approval needed lets the document go on.",
)
async def decide_approval(
    approval_id: FromPath[UUID],
    data: JSONBody[DecisionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> ApprovalView:
    """Decide on a request; of two at once one wins and the other gets 409."""
    return await service.decide(platform, caller, approval_id, data, idempotency_key)


ROUTES = [list_approvals, read_approval, decide_approval]
