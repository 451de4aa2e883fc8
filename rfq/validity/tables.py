"""Requests to extend bids: one row for each bidder who is asked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class BidExtensionRow(Base):
    """What one bidder was asked, and his answer; all of a `request_id` were asked together.

    `bound_until` is when his bid would have ended at the time. The answer is his to write alone.
    """

    __tablename__ = "bid_extensions"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    request_id: Mapped[UUID]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    status: Mapped[str]
    bound_until: Mapped[Instant]
    until: Mapped[Instant]
    reason: Mapped[str]
    requested_at: Mapped[Instant]
    answered_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("request_id", "bid_id"),
        Index("ix_bid_extensions_procedure_id_id", "procedure_id", "id"),
        Index("ix_bid_extensions_bid_id", "bid_id"),
        Index("ix_bid_extensions_buyer_id", "buyer_id"),
        Index("ix_bid_extensions_bidder_id", "bidder_id"),
    )
