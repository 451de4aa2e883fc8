"""Procedures over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey
from rfq.procedures import cancelling, listing, publishing, reading
from rfq.procedures.schemas import (
    BuyerProcedureView,
    CancellationInput,
    InvitationInput,
    ProcedureInput,
    ProcedureSummary,
    SupplierProcedureView,
)
from rfq.rules.procedure import Kind

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures",
    operation_id="createProcedure",
    tags=TAGS,
    summary="Draft a request for information or quotation, or a tender",
)
async def create_procedure(
    data: JSONBody[ProcedureInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[BuyerProcedureView]:
    """Draft a procedure."""
    return versioned(await publishing.create_procedure(platform, caller, data, idempotency_key))


@get(
    "/v1/procedures",
    operation_id="listProcedures",
    tags=TAGS,
    summary="List own procedures and those you may bid in",
)
async def list_procedures(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[ProcedureSummary]]:
    """List procedures."""
    return paged(page_request, await reading.list_procedures(platform, caller, page_request))


@get(
    "/v1/open-procedures",
    operation_id="listOpenProcedures",
    tags=TAGS,
    summary="List what every supplier may bid in now, the nearest deadline first",
)
async def list_open_procedures(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    kind: Annotated[Kind | None, QueryParameter(description="Only of this kind.")] = None,
) -> Response[Page[ProcedureSummary]]:
    """List open procedures."""
    found = await listing.list_open_procedures(platform, caller, page_request, kind)
    return paged(page_request, found)


@get(
    "/v1/procedures/{procedure_id:uuid}",
    operation_id="readProcedure",
    tags=TAGS,
    summary="Read a procedure: as its buyer, or as a supplier who may bid",
)
async def read_procedure(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[BuyerProcedureView | SupplierProcedureView]:
    """Read a procedure."""
    return versioned(await reading.read_procedure(platform, caller, procedure_id))


@put(
    "/v1/procedures/{procedure_id:uuid}",
    operation_id="updateProcedure",
    tags=TAGS,
    summary="Write a draft anew, whole",
)
async def update_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[ProcedureInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Write a draft anew."""
    return versioned(await publishing.update_draft(platform, caller, procedure_id, data, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/invitations",
    operation_id="inviteSuppliers",
    tags=TAGS,
    summary="Invite suppliers to bid",
)
async def invite_suppliers(
    procedure_id: FromPath[UUID],
    data: JSONBody[InvitationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[BuyerProcedureView]:
    """Invite suppliers."""
    return versioned(
        await publishing.invite_suppliers(platform, caller, procedure_id, data, idempotency_key)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/publish",
    operation_id="publishProcedure",
    tags=TAGS,
    summary="Publish a draft and receive bids",
    status_code=200,
)
async def publish_procedure(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Publish a procedure."""
    return versioned(await publishing.publish_procedure(platform, caller, procedure_id, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/cancel",
    operation_id="cancelProcedure",
    tags=TAGS,
    summary="Cancel a procedure; sealed bids are never opened",
    status_code=200,
)
async def cancel_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[CancellationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Cancel a procedure."""
    return versioned(
        await cancelling.cancel_procedure(platform, caller, procedure_id, data, if_match)
    )


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    create_procedure,
    list_procedures,
    list_open_procedures,
    read_procedure,
    update_procedure,
    invite_suppliers,
    publish_procedure,
    cancel_procedure,
)
