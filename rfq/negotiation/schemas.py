"""What goes over the wire about negotiations; both sides read the same."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.contracts.terms import LineTerms
from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import (
    AmountText,
    Input,
    InstantIn,
    MoneyView,
    Output,
    QuantityText,
    Text,
)
from rfq.rules.negotiation import NegotiationStatus, Side

AnswerBy = Annotated[
    InstantIn, Meta(description="The offer can be accepted before this instant, then it expires.")
]


class OfferedLineInput(Input):
    """The price of one line of the bid; `terms` that are left open stay those of the bid."""

    line_id: UUID
    unit_amount: AmountText
    basis: QuantityText = "1"
    terms: LineTerms | None = None


class NegotiationOfferInput(Input):
    """An offer for a lot, whole: all lines of the bid."""

    lines: Annotated[list[OfferedLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    answer_by: AnswerBy
    note: Text = ""


class NegotiationInput(NegotiationOfferInput, kw_only=True):
    """A first offer of the buyer to the bidder of `bid_id`."""

    bid_id: UUID


class NegotiationEndInput(Input):
    """Why a negotiation is ended; the other side reads it."""

    reason: Annotated[Text, Meta(min_length=1)]


class NegotiationMessageInput(Input):
    """Words to the other side; they change nothing of what is offered."""

    message: Annotated[Text, Meta(min_length=1)]


class OfferedLineView(Output):
    """The price of one line of an offer."""

    line_id: UUID
    unit_amount: str
    basis: str
    terms: LineTerms | None


class NegotiationOfferView(Output):
    """One version of what a side offered; `total` is for the quantities asked for."""

    number: int
    side: Side
    total: MoneyView
    lines: list[OfferedLineView]
    note: str
    hash: str
    answer_by: datetime
    offered_at: datetime


class NegotiationSummary(Output):
    """A negotiation in a list; `rounds` counts the offers of both sides."""

    id: UUID
    version: int
    procedure_id: UUID
    lot_id: UUID
    bid_id: UUID
    buyer_id: UUID
    bidder_id: UUID
    status: NegotiationStatus
    rounds: int
    answer_by: datetime
    begun_at: datetime


class NegotiationView(NegotiationSummary):
    """A negotiation with all offers, the first first."""

    offers: list[NegotiationOfferView]
    agreed_offer: int | None
    ended_because: str | None


class NegotiationMessageView(Output):
    """A message of one side to the other."""

    id: UUID
    side: Side
    message: str
    sent_at: datetime
