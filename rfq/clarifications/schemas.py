"""What goes over the wire about questions and answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from marketplace.platform.http.schemas import Input, Output, Text
from rfq.rules.clarification import QuestionStatus


class QuestionInput(Input):
    """A question to the buyer. He is not told who asks; do not name your company in it."""

    question: Annotated[Text, Meta(min_length=1)]


class AnswerInput(Input):
    """An answer to all who may bid, with the question in words that do not tell who asked."""

    question: Annotated[Text, Meta(min_length=1)]
    answer: Annotated[Text, Meta(min_length=1)]


class QuestionDeclineInput(Input):
    """Why a question is not answered; its asker reads it, nobody else."""

    reason: Annotated[Text, Meta(min_length=1)]


class QuestionView(Output):
    """A question. `original` is what was asked: the buyer and the asker read it, nobody else.

    `question` and `answer` are what all read; to a question that was declined `answer` is the
    reason, for the asker.
    """

    id: UUID
    procedure_id: UUID
    version: int
    status: QuestionStatus
    question: str | None
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None
    original: str | UnsetType = UNSET
