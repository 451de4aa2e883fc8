"""What goes over the wire about how long bids bind."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.platform.http.schemas import Input, InstantIn, Output, Text
from rfq.rules.validity import ExtensionStatus


class BidExtensionRequestInput(Input):
    """Until when all who are in the running shall bind, and why it takes so long."""

    until: InstantIn
    reason: Annotated[Text, Meta(min_length=1)]


class BidExtensionRequestView(Output):
    """A request to bind longer; `asked` is of how many bidders."""

    id: UUID
    procedure_id: UUID
    until: datetime
    reason: str
    asked: int
    requested_at: datetime


class BidExtensionAnswerInput(Input):
    """Whether the own bid binds until then, at the same prices."""

    extend: bool


class BidExtensionView(Output):
    """What one bidder is asked, and his answer; `bound_until` is when his bid ended as it stood.

    `lapsed` is one that he had not answered when it ended: silence is a no.
    """

    id: UUID
    version: int
    request_id: UUID
    procedure_id: UUID
    bid_id: UUID
    bidder_id: UUID
    status: ExtensionStatus
    bound_until: datetime
    until: datetime
    reason: str
    requested_at: datetime
    answered_at: datetime | None
