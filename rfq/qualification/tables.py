"""What was decided of bidders, and whom a buyer has qualified until when."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Instant


class BidderDecisionRow(Base):
    """Whether a bidder is qualified; `findings` answer each requirement of the terms."""

    __tablename__ = "bidder_decisions"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    bidder_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    outcome: Mapped[str]
    findings: Mapped[list[dict[str, Any]]]
    decided_by: Mapped[UUID]
    decided_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_bidder_decisions_buyer_id", "buyer_id"),
        Index("ix_bidder_decisions_bidder_id", "bidder_id"),
    )


class SupplierQualificationRow(Base):
    """A supplier whom a buyer has qualified for something, until it expires."""

    __tablename__ = "supplier_qualifications"
    buyer_id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    valid_until: Mapped[Instant]
    __table_args__ = (Index("ix_supplier_qualifications_supplier_id", "supplier_id"),)
