"""What a buyer expects lots to cost; his rows alone, no bidder's role sees one."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Instant


class LotEstimateRow(Base):
    """What one lot is expected to cost (`estimate`), and cost the last time (`baseline`).

    In the procedure's currency. All rows of a procedure are written together: `version` is that of
    the whole. A lot that an amendment took away keeps its row, which nobody reads.
    """

    __tablename__ = "lot_estimates"
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    version: Mapped[int]
    estimate: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    baseline: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    set_by: Mapped[UUID]
    set_at: Mapped[Instant]
    __table_args__ = (
        CheckConstraint("estimate > 0", name="estimate"),
        CheckConstraint("baseline > 0", name="baseline"),
        Index("ix_lot_estimates_procedure_id", "procedure_id"),
        Index("ix_lot_estimates_buyer_id", "buyer_id"),
    )
