"""Officers' codes before the publication, and their approvals: the minutes of an opening."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Instant


class OfficerCodeRow(Base):
    """The hash of the code an officer took; at the publication the key store takes it over."""

    __tablename__ = "opening_codes"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    code_hash: Mapped[Hash]
    taken_at: Mapped[Instant]
    __table_args__ = (Index("ix_opening_codes_buyer_id", "buyer_id"),)


class ApprovalRow(Base):
    """An officer's approval of an opening, as the key store has it."""

    __tablename__ = "opening_approvals"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    envelope: Mapped[str] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    approved_at: Mapped[Instant]
    __table_args__ = (Index("ix_opening_approvals_buyer_id", "buyer_id"),)
