"""Negotiations with their offers and messages. Rows belong to the two sides, and nobody else."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant


class NegotiationRow(Base):
    """What buyer and one bidder negotiate of a lot; `agreed_offer` is the number both accepted."""

    __tablename__ = "negotiations"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"))
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    status: Mapped[str]
    rounds: Mapped[int]
    answer_by: Mapped[Instant]
    agreed_offer: Mapped[int | None]
    ended_because: Mapped[str | None]
    begun_at: Mapped[Instant]
    changed_at: Mapped[Instant]
    __table_args__ = (
        # One at a time: two agreed offers of one bidder for one lot would be two prices.
        Index(
            "uq_negotiations_going",
            "lot_id",
            "bidder_id",
            unique=True,
            postgresql_where=text("status in ('with_bidder', 'with_buyer', 'agreed')"),
        ),
        Index("ix_negotiations_procedure_id_id", "procedure_id", "id"),
        Index("ix_negotiations_buyer_id", "buyer_id"),
        Index("ix_negotiations_bidder_id", "bidder_id"),
    )


class NegotiationOfferRow(Base):
    """One version of what a side offers; never changed.

    `lines` are ``[{"line_id": …, "unit_amount": "9.5", "basis": "1", "terms": …}, …]``.
    """

    __tablename__ = "negotiation_offers"
    negotiation_id: Mapped[UUID] = mapped_column(ForeignKey("negotiations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    side: Mapped[str]
    lines: Mapped[list[dict[str, Any]]]
    note: Mapped[str]
    total: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    content_hash: Mapped[Hash]
    answer_by: Mapped[Instant]
    offered_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_negotiation_offers_buyer_id", "buyer_id"),
        Index("ix_negotiation_offers_bidder_id", "bidder_id"),
    )


class NegotiationMessageRow(Base):
    """What one side wrote to the other beside the offers; it changes nothing."""

    __tablename__ = "negotiation_messages"
    id: Mapped[Id]
    negotiation_id: Mapped[UUID] = mapped_column(ForeignKey("negotiations.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    side: Mapped[str]
    message: Mapped[str]
    sent_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_negotiation_messages_negotiation_id_id", "negotiation_id", "id"),
        Index("ix_negotiation_messages_buyer_id", "buyer_id"),
        Index("ix_negotiation_messages_bidder_id", "bidder_id"),
    )
