"""Scenarios: what a buyer asked, how far it is, and what came out."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, CurrencyCode, Id, Instant


class ScenarioRow(Base):
    """One scenario of a procedure; the buyer's alone.

    `asked` is what the buyer asked, `problem_hash` the SHA-256 of the offers and constraints that
    were solved, `result` a `schemas.ScenarioResult`. `solutions_done` of `solutions_total` are
    solved; `best` and `bound` are of the one under way.
    """

    __tablename__ = "award_scenarios"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    name: Mapped[str]
    asked: Mapped[dict[str, Any]]
    currency: Mapped[CurrencyCode]
    status: Mapped[str]
    phase: Mapped[str]
    solutions_done: Mapped[int] = mapped_column(server_default=text("0"))
    solutions_total: Mapped[int] = mapped_column(server_default=text("0"))
    best: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    bound: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    problem_hash: Mapped[bytes | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    failure: Mapped[str | None]
    created_by: Mapped[UUID]
    created_at: Mapped[Instant]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    proposed_by: Mapped[UUID | None]
    proposed_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("(proposed_by is null) = (proposed_at is null)", name="proposed"),
        Index("ix_award_scenarios_procedure_id_id", "procedure_id", "id"),
        Index("ix_award_scenarios_buyer_id", "buyer_id"),
    )
