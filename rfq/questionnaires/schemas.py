"""What goes over the wire about answers to questionnaires."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.http.schemas import Output


class GivenAnswerView(Output):
    """The answer to the item `code`, in the form it was asked in."""

    code: str
    answer: str


class BidAnswersView(Output):
    """What one bidder answered, of a bid that opened and is valid."""

    bid_id: UUID
    bidder_id: UUID
    variant: int
    submitted_at: datetime
    answers: list[GivenAnswerView]
