"""Requests for approval and what was decided on them. Rows belong to the asking company."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Numeric, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant


class ApprovalRow(Base):
    """A document of some kind that waits, bound to the hash of its content.

    `unit_path` leads from the unit that asks up to the company. `rule` is the rule as it was when
    approval was asked, levels and all.
    """

    __tablename__ = "approvals"
    id: Mapped[Id]
    organization_id: Mapped[UUID]
    unit_path: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    title: Mapped[str]
    rule: Mapped[dict[str, Any]]
    requester_id: Mapped[UUID]
    amount: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    content_hash: Mapped[Hash]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    decided_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_approvals_organization_id_id", "organization_id", "id"),
        Index("ix_approvals_organization_id_state_id", "organization_id", "state", "id"),
        Index(
            "uq_approvals_pending_subject",
            "organization_id",
            "subject_kind",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
    )


class ApprovalDecisionRow(Base):
    """What one member said; a member speaks once per request."""

    __tablename__ = "approval_decisions"
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    roles: Mapped[list[str]]
    verdict: Mapped[str]
    comment: Mapped[str]
    decided_at: Mapped[Instant]


class AwardPolicyRow(Base):
    """Above which amount awards of a company wait for a second person; no amount, none waits."""

    __tablename__ = "award_policies"
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    approval_above: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    currency: Mapped[str | None]
    changed_by: Mapped[UUID]
    changed_at: Mapped[Instant]
    __table_args__ = (
        CheckConstraint("(approval_above is null) = (currency is null)", name="threshold"),
    )
