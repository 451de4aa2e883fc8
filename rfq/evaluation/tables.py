"""Panels, what they judge, and what each member gives.

A score is its evaluator's row: before the scores are locked nobody else's transaction sees it, and
after he has handed in nobody writes it (see the migration).
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, Instant

ALL_LOTS: Final = UUID(int=0)
"""Stands for the lot where a score counts for all lots of a bid."""


class JudgedBidRow(Base):
    """What a panel and those who qualify see of an opened bid while prices are hidden.

    `variant` is ``{"number": 1, "label": …, "description": …}``, null of a main bid.
    """

    __tablename__ = "judged_bids"
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"), primary_key=True)
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    submitted_at: Mapped[Instant]
    lot_ids: Mapped[list[UUID]]
    note: Mapped[str]
    answers: Mapped[list[dict[str, Any]]]
    variant: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    __table_args__ = (
        Index("ix_judged_bids_procedure_id", "procedure_id"),
        Index("ix_judged_bids_buyer_id", "buyer_id"),
    )


class EvaluatorRow(Base):
    """A member of a panel; `declaration` is what he said of his interests."""

    __tablename__ = "procedure_evaluators"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    status: Mapped[str]
    declaration: Mapped[str | None]
    left_because: Mapped[str | None]
    named_at: Mapped[Instant]
    declared_at: Mapped[datetime | None]
    handed_in_at: Mapped[datetime | None]
    agreed_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_procedure_evaluators_buyer_id", "buyer_id"),
        Index("ix_procedure_evaluators_member_id", "member_id"),
    )


class ScoreRow(Base):
    """What one evaluator gives a bid for a criterion; passed is 1, failed 0."""

    __tablename__ = "bid_scores"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    evaluator_id: Mapped[UUID] = mapped_column(primary_key=True)
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("judged_bids.bid_id"), primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    criterion_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    score: Mapped[Amount]
    comment: Mapped[str]
    given_at: Mapped[Instant]
    __table_args__ = (Index("ix_bid_scores_buyer_id", "buyer_id"),)


class AgreedScoreRow(Base):
    """What a panel agreed to give a bid for a criterion, and why."""

    __tablename__ = "agreed_scores"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("judged_bids.bid_id"), primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    criterion_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    score: Mapped[Amount]
    comment: Mapped[str]
    proposed_by: Mapped[UUID]
    proposed_at: Mapped[Instant]
    __table_args__ = (Index("ix_agreed_scores_buyer_id", "buyer_id"),)
