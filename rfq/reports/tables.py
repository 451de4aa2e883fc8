"""Who looked at a procedure, for the buyer's report of participation."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Instant


class ReaderRow(Base):
    """That a supplier read a procedure while bids were received, and when first.

    The buyer sees it after the opening alone: before, it would tell him who bids.
    """

    __tablename__ = "procedure_readers"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    supplier_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    first_read_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_procedure_readers_buyer_id", "buyer_id"),
        Index("ix_procedure_readers_supplier_id", "supplier_id"),
    )
