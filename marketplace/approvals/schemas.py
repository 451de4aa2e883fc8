"""Approvals on the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from marketplace.platform.http.schemas import Input, MoneyView, Output, Text


class DecisionInput(Input):
    """What the caller says to a request."""

    verdict: Literal["approve", "reject"]
    comment: Text = ""


class DecisionView(Output):
    """What somebody said."""

    member_id: UUID
    verdict: str
    comment: str
    decided_at: datetime


class ApprovalView(Output):
    """A document that waits, or waited, for people of its company.

    `waits_for` lists, while it is pending, the roles of which one person each is still asked for at
    the open level.
    """

    id: UUID
    version: int
    state: str
    subject_kind: str
    subject_id: UUID
    title: str
    amount: MoneyView
    requester_id: UUID
    rule: str
    rule_version: int
    waits_for: list[list[str]]
    decisions: list[DecisionView]
    created_at: datetime
    decided_at: datetime | None
