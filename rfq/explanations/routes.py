"""Explanations of low offers over HTTP."""

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
from rfq.explanations import service
from rfq.explanations.schemas import (
    ExplanationDecisionInput,
    ExplanationInput,
    ExplanationRequestInput,
    ExplanationView,
)

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/explanations",
    operation_id="requestExplanation",
    tags=TAGS,
    summary="Ask the bidder of an abnormally low offer to explain it",
)
async def request_explanation(
    *,
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[ExplanationRequestInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ExplanationView]:
    """Ask for an explanation."""
    return versioned(
        await service.request_explanation(
            platform, caller, procedure_id, lot_id, data, idempotency_key
        )
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/explanations",
    operation_id="listExplanations",
    tags=TAGS,
    summary="Read the explanations of low offers: as the buyer all, as a bidder your own",
)
async def list_explanations(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[ExplanationView]]:
    """List explanations."""
    found = await service.list_explanations(platform, caller, procedure_id, page_request)
    return paged(page_request, found)


@post(
    "/v1/explanations/{explanation_id:uuid}/explain",
    operation_id="explainOffer",
    tags=TAGS,
    summary="Explain your own low offer, once",
    status_code=200,
)
async def explain_offer(
    explanation_id: FromPath[UUID],
    data: JSONBody[ExplanationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ExplanationView]:
    """Explain an offer."""
    return versioned(await service.explain_offer(platform, caller, explanation_id, data, if_match))


@post(
    "/v1/explanations/{explanation_id:uuid}/decide",
    operation_id="decideExplanation",
    tags=TAGS,
    summary="Accept an explanation, or reject the offer with a reason",
    status_code=200,
)
async def decide_explanation(
    explanation_id: FromPath[UUID],
    data: JSONBody[ExplanationDecisionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ExplanationView]:
    """Decide on an explanation."""
    return versioned(
        await service.decide_explanation(platform, caller, explanation_id, data, if_match)
    )


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    request_explanation,
    list_explanations,
    explain_offer,
    decide_explanation,
)
