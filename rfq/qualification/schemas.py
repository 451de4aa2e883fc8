"""What goes over the wire about qualification."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import REQUIREMENTS_MAX
from marketplace.platform.http.schemas import Input, InstantIn, Name, Output, Text
from rfq.evaluation.panel_schemas import JudgedAnswerView
from rfq.rules.qualification import Outcome


class FindingInput(Input):
    """What was found of one requirement; where it is not met, `reason` says why."""

    requirement_id: UUID
    met: bool
    reason: Text = ""


class BidderDecisionInput(Input):
    """What was found of a bidder: every requirement of the terms, once."""

    bidder_id: UUID
    findings: Annotated[list[FindingInput], Meta(min_length=1, max_length=REQUIREMENTS_MAX)]


class FindingView(Output):
    """What was found of one requirement."""

    requirement_id: UUID
    met: bool
    reason: str


class BidderDecisionView(Output):
    """Whether a bidder is qualified, and why not."""

    procedure_id: UUID
    bidder_id: UUID
    outcome: Outcome
    findings: list[FindingView]
    decided_at: datetime


class OpenedBidderView(Output):
    """A bidder as those see him who qualify: no price; `decision` is missing until there is one."""

    bidder_id: UUID
    submitted_at: datetime
    lot_ids: list[UUID]
    note: str
    answers: list[JudgedAnswerView]
    decision: BidderDecisionView | None


class OpenedBidderList(Output):
    """All bidders of a procedure for its buyer, the earliest bid first; or the own one."""

    items: list[OpenedBidderView]


class OwnDecisionList(Output):
    """What was decided of the own company; empty until all bidders are decided on."""

    items: list[BidderDecisionView]


class SupplierQualificationInput(Input):
    """For what a supplier is qualified, and until when: at that instant no more."""

    title: Name
    valid_until: InstantIn


class SupplierQualificationView(Output):
    """A supplier's qualification with one buyer."""

    buyer_id: UUID
    supplier_id: UUID
    code: str
    title: str
    valid_until: datetime
