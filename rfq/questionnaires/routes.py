"""Answers to questionnaires over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import Page, PageRequest, paged
from rfq.questionnaires import service
from rfq.questionnaires.schemas import BidAnswersView


@get(
    "/v1/procedures/{procedure_id:uuid}/answers",
    operation_id="listAnswers",
    tags=["procedures"],
    summary="Read what bidders answered to the questionnaire, after the opening",
)
async def list_answers(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[BidAnswersView]]:
    """List answers."""
    found = await service.list_answers(platform, caller, procedure_id, page_request)
    return paged(page_request, found)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (list_answers,)
