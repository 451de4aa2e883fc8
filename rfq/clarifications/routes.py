"""Questions and answers over HTTP."""

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
from rfq.clarifications import service
from rfq.clarifications.schemas import (
    AnswerInput,
    QuestionDeclineInput,
    QuestionInput,
    QuestionView,
)

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/questions",
    operation_id="askQuestion",
    tags=TAGS,
    summary="Ask the buyer; nobody is told who asked",
)
async def ask_question(
    procedure_id: FromPath[UUID],
    data: JSONBody[QuestionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[QuestionView]:
    """Ask a question."""
    return versioned(
        await service.ask_question(platform, caller, procedure_id, data, idempotency_key)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/questions",
    operation_id="listQuestions",
    tags=TAGS,
    summary="Read the answered questions and your own; as the buyer all",
)
async def list_questions(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[QuestionView]]:
    """List questions."""
    return paged(
        page_request,
        await service.list_questions(platform, caller, procedure_id, page_request),
    )


@post(
    "/v1/questions/{question_id:uuid}/answer",
    operation_id="answerQuestion",
    tags=TAGS,
    summary="Answer a question to all who may bid",
    status_code=200,
)
async def answer_question(
    question_id: FromPath[UUID],
    data: JSONBody[AnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuestionView]:
    """Answer a question."""
    return versioned(await service.answer_question(platform, caller, question_id, data, if_match))


@post(
    "/v1/questions/{question_id:uuid}/decline",
    operation_id="declineQuestion",
    tags=TAGS,
    summary="Leave a question unanswered; its asker reads why",
    status_code=200,
)
async def decline_question(
    question_id: FromPath[UUID],
    data: JSONBody[QuestionDeclineInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuestionView]:
    """Decline a question."""
    return versioned(await service.decline_question(platform, caller, question_id, data, if_match))


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    ask_question,
    list_questions,
    answer_question,
    decline_question,
)
