"""What goes over the wire about abnormally low offers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.platform.http.schemas import Input, Output, Text
from rfq.rules.abnormal import ExplanationStatus


class ExplanationRequestInput(Input):
    """A question to the bidder of an abnormally low offer."""

    bid_id: UUID
    question: Annotated[Text, Meta(min_length=1)]


class ExplanationInput(Input):
    """How the own price comes about."""

    explanation: Annotated[Text, Meta(min_length=1)]


class ExplanationDecisionInput(Input):
    """Whether the explanation convinces; a rejection says why not."""

    accepted: bool
    reason: Text = ""


class ExplanationView(Output):
    """An explanation as both sides read it."""

    id: UUID
    version: int
    procedure_id: UUID
    lot_id: UUID
    bid_id: UUID
    bidder_id: UUID
    status: ExplanationStatus
    flag: str
    question: str
    explanation: str | None
    decision_reason: str | None
    requested_at: datetime
    explained_at: datetime | None
    decided_at: datetime | None
