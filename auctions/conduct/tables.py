"""Awards of auctions that nothing else asked for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant


class AuctionAwardRow(Base):
    """To whom the buyer awards a lot, at which price; with a contract once nobody need approve it.

    `agreed` is what the contract is to say beside the price. A rejected award leaves the lot free.
    """

    __tablename__ = "auction_awards"
    id: Mapped[Id]
    auction_id: Mapped[UUID] = mapped_column(ForeignKey("auctions.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("auction_lots.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    bid_id: Mapped[UUID]
    rank: Mapped[int]
    reason: Mapped[str]
    price: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    agreed: Mapped[dict[str, Any]]
    provenance: Mapped[list[dict[str, Any]]]
    content_hash: Mapped[Hash]
    state: Mapped[str]
    approval_id: Mapped[UUID | None]
    contract_id: Mapped[UUID | None]
    asked_at: Mapped[Instant]
    decided_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_auction_awards_lot_id",
            "lot_id",
            unique=True,
            postgresql_where=text("state <> 'rejected'"),
        ),
        Index("ix_auction_awards_buyer_id", "buyer_id", "auction_id"),
        Index("ix_auction_awards_supplier_id", "supplier_id", "auction_id"),
        Index("ix_auction_awards_auction_id", "auction_id", "id"),
        CheckConstraint("state in ('waiting', 'awarded', 'rejected')", name="state"),
    )
