"""What was decided of variants."""

from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Instant


class VariantDecisionRow(Base):
    """Whether a variant meets the minimum requirements; `unmet` are the codes of those it does not.

    The buyer's row, which its bidder reads.
    """

    __tablename__ = "variant_decisions"
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    meets: Mapped[bool]
    unmet: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reason: Mapped[str]
    decided_by: Mapped[UUID]
    decided_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_variant_decisions_procedure_id_bid_id", "procedure_id", "bid_id"),
        Index("ix_variant_decisions_buyer_id", "buyer_id"),
        Index("ix_variant_decisions_bidder_id", "bidder_id"),
    )
