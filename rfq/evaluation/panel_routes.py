"""The panel and its scores over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.evaluation import panel, scoring
from rfq.evaluation.panel_schemas import (
    DeclarationInput,
    EvaluatorView,
    LeavingInput,
    PanelInput,
    PanelView,
    ScoresInput,
    SheetView,
)
from rfq.procedures.schemas import BuyerProcedureView

TAGS: Final = ["evaluation"]


@post(
    "/v1/procedures/{procedure_id:uuid}/panel",
    operation_id="nameEvaluators",
    tags=TAGS,
    summary="Name members of your company who judge the bids",
    status_code=200,
)
async def name_evaluators(
    procedure_id: FromPath[UUID],
    data: JSONBody[PanelInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> PanelView:
    """Name evaluators."""
    return await panel.name_evaluators(platform, caller, procedure_id, data, idempotency_key)


@get(
    "/v1/procedures/{procedure_id:uuid}/panel",
    operation_id="listPanel",
    tags=TAGS,
    summary="Read who is on the panel, and where each stands",
)
async def list_panel(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> PanelView:
    """Read the panel."""
    return await panel.list_panel(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/panel/declaration",
    operation_id="declareInterest",
    tags=TAGS,
    summary="Declare a conflict of interest, or that you have none; before that you see no bid",
    status_code=200,
)
async def declare_interest(
    procedure_id: FromPath[UUID],
    data: JSONBody[DeclarationInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> EvaluatorView:
    """Declare an interest."""
    return await panel.declare_interest(platform, caller, procedure_id, data)


@post(
    "/v1/procedures/{procedure_id:uuid}/panel/{member_id:uuid}/leave",
    operation_id="leavePanel",
    tags=TAGS,
    summary="Leave the panel, or take somebody off it, who has not handed in",
    status_code=200,
)
async def leave_panel(
    procedure_id: FromPath[UUID],
    member_id: FromPath[UUID],
    data: JSONBody[LeavingInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> EvaluatorView:
    """Leave the panel."""
    return await panel.leave_panel(platform, caller, procedure_id, member_id, data)


@get(
    "/v1/procedures/{procedure_id:uuid}/scores",
    operation_id="readScores",
    tags=TAGS,
    summary="Read what you judge as an evaluator, and what you gave",
)
async def read_scores(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> SheetView:
    """Read the own sheet."""
    return await scoring.read_sheet(platform, caller, procedure_id)


@put(
    "/v1/procedures/{procedure_id:uuid}/scores",
    operation_id="putScores",
    tags=TAGS,
    summary="Write your own scores, until you hand in",
)
async def put_scores(
    procedure_id: FromPath[UUID],
    data: JSONBody[ScoresInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> SheetView:
    """Write own scores."""
    return await scoring.put_scores(platform, caller, procedure_id, data)


@post(
    "/v1/procedures/{procedure_id:uuid}/scores/hand-in",
    operation_id="handInScores",
    tags=TAGS,
    summary="Hand in your scores: nobody changes them any more",
    status_code=200,
)
async def hand_in(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> EvaluatorView:
    """Hand in."""
    return await scoring.hand_in(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/scores/lock",
    operation_id="lockScores",
    tags=TAGS,
    summary="Lock the panel's scores; then, or after the consensus, prices are shown",
    status_code=200,
)
async def lock_scores(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Lock the scores."""
    return versioned(await scoring.lock_scores(platform, caller, procedure_id, if_match))


@put(
    "/v1/procedures/{procedure_id:uuid}/consensus",
    operation_id="putAgreedScores",
    tags=TAGS,
    summary="Write what the panel agrees on; all have to agree to it anew",
)
async def put_agreed_scores(
    procedure_id: FromPath[UUID],
    data: JSONBody[ScoresInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> SheetView:
    """Write agreed scores."""
    return await scoring.put_agreed_scores(platform, caller, procedure_id, data)


@post(
    "/v1/procedures/{procedure_id:uuid}/consensus/agree",
    operation_id="agreeToScores",
    tags=TAGS,
    summary="Agree to the panel's scores as they stand",
    status_code=200,
)
async def agree(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> SheetView:
    """Agree."""
    return await scoring.agree(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    name_evaluators,
    list_panel,
    declare_interest,
    leave_panel,
    read_scores,
    put_scores,
    hand_in,
    lock_scores,
    put_agreed_scores,
    agree,
)
