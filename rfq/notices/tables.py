"""Where drafts come from that were notices first."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Instant, Number


class NoticeRow(Base):
    """The notice a draft was made of: its hash, and what became of it (a `NoticeReport`)."""

    __tablename__ = "procedure_notices"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    buyer_id: Mapped[UUID]
    sha256: Mapped[Hash]
    size_bytes: Mapped[Number]
    report: Mapped[dict[str, Any]]
    imported_by: Mapped[UUID]
    imported_at: Mapped[Instant]
    __table_args__ = (Index("ix_procedure_notices_buyer_id", "buyer_id"),)
