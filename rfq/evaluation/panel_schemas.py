"""What goes over the wire about a panel and what it gives."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import EVALUATORS_MAX, SCORES_MAX
from marketplace.platform.http.schemas import AmountText, Input, Output, Text
from rfq.procedures.judging import JudgingView
from rfq.rules.panel import EvaluatorStatus
from rfq.rules.procedure import Status
from rfq.variants.schemas import VariantView


class PanelInput(Input):
    """Members of the own company who are to judge the bids; who is named already stays so."""

    member_ids: Annotated[list[UUID], Meta(min_length=1, max_length=EVALUATORS_MAX)]


class EvaluatorView(Output):
    """A member of a panel, and where he stands."""

    member_id: UUID
    status: EvaluatorStatus
    declaration: str | None
    left_because: str | None
    named_at: datetime
    declared_at: datetime | None
    handed_in_at: datetime | None
    agreed_at: datetime | None


class PanelView(Output):
    """The panel of a procedure, in the order in which its members were named."""

    items: list[EvaluatorView]


class DeclarationInput(Input):
    """Whether you have a conflict of interest with any bidder; one is told in words."""

    conflict: bool
    statement: Text = ""


class LeavingInput(Input):
    """Why an evaluator leaves the panel."""

    reason: Annotated[Text, Meta(min_length=1)]


class ScoreInput(Input):
    """What a bid is given for a criterion; passed is 1, failed 0.

    `lot_id` is for criteria that name lots; for those of all lots it is left out.
    """

    bid_id: UUID
    criterion_id: UUID
    score: AmountText
    lot_id: UUID | None = None
    comment: Text = ""


class ScoresInput(Input):
    """Scores, in any number of requests; a later one for the same place replaces the earlier."""

    scores: Annotated[list[ScoreInput], Meta(min_length=1, max_length=SCORES_MAX)]


class ScoreView(Output):
    """A score, with whose it is."""

    evaluator_id: UUID
    bid_id: UUID
    criterion_id: UUID
    lot_id: UUID | None
    score: str
    comment: str


class JudgedAnswerView(Output):
    """What a bidder answers to the item `code` of the questionnaire."""

    code: str
    answer: str


class JudgedBidView(Output):
    """A bid as those see it who judge or qualify: no price."""

    bid_id: UUID
    bidder_id: UUID
    submitted_at: datetime
    lot_ids: list[UUID]
    note: str
    answers: list[JudgedAnswerView]
    variant: VariantView | None


class SheetView(Output):
    """What an evaluator judges, and what he gave. `missing` judgements are still to be given.

    `scores` are his own alone until all have handed in; `agreed` is what the panel agreed on.
    """

    procedure_id: UUID
    status: Status
    judging: JudgingView
    own_status: EvaluatorStatus
    bids: list[JudgedBidView]
    missing: int
    scores: list[ScoreView]
    agreed: list[ScoreView]
