"""What goes over the wire about officers and the minutes of an opening."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.platform.http.schemas import Input, Output
from rfq.rules.bid import Part
from rfq.rules.procedure import Status


class OpeningCodeView(Output):
    """An officer's code, shown this once; nobody can open without two of them. Keep it apart."""

    procedure_id: UUID
    officer_id: UUID
    code: str


class OpeningApprovalInput(Input):
    """An officer's approval: his code."""

    code: Annotated[
        str,
        Meta(
            max_length=64,
            pattern=r"^[0-9A-Fa-f]+(?!\n)$",
            description="As it was shown when it was taken: digits and letters from a to f.",
            examples=["0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
        ),
    ]


class OpeningApprovalView(Output):
    """Who approved, and when."""

    envelope: Part
    officer_id: UUID
    approved_at: datetime


class SetAsideView(Output):
    """An attachment that nobody reads, and why: it did not open, or is nothing that is taken."""

    attachment_id: UUID
    bid_id: UUID
    bidder_id: UUID
    part: Part
    name: str
    reason: str


class OpeningMinutesView(Output):
    """The minutes: when bids closed under which root, who approved, when they were opened.

    `set_aside` are attachments that failed. `not_looked_at` counts those which bidders' own
    programs sealed and that are still to be looked at: it is 0 soon after the opening.
    """

    procedure_id: UUID
    status: Status
    officer_ids: list[UUID]
    deadline_at: datetime
    closed_at: datetime | None
    bids_root: str | None
    approvals: list[OpeningApprovalView]
    opened_at: datetime | None
    prices_opened_at: datetime | None
    set_aside: list[SetAsideView]
    not_looked_at: int
