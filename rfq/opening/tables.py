"""The second envelope: sealed, what came of the first, and opened."""

from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base


class SealedPricesRow(Base):
    """The financial envelope of one version of a bid; its commitment stands with the version.

    Its bidder writes it, and no role reads it but the engine's, of who passed, while it opens them.
    """

    __tablename__ = "sealed_prices"
    bid_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    procedure_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    ephemeral_key: Mapped[bytes]
    wrapped_key: Mapped[bytes]
    ciphertext: Mapped[bytes]
    __table_args__ = (
        ForeignKeyConstraint(["bid_id", "version"], ["sealed_bids.id", "sealed_bids.version"]),
        Index("ix_sealed_prices_procedure_id", "procedure_id"),
        Index("ix_sealed_prices_bidder_id", "bidder_id"),
    )


class TechnicalResultRow(Base):
    """Whether a bid's financial envelope is opened, and why not; written once, at the lock.

    `lot_ids` are those it passed in.
    """

    __tablename__ = "technical_results"
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"), primary_key=True)
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    passed: Mapped[bool]
    lot_ids: Mapped[list[UUID]]
    reason: Mapped[str]
    __table_args__ = (
        Index("ix_technical_results_procedure_id", "procedure_id"),
        Index("ix_technical_results_buyer_id", "buyer_id"),
        Index("ix_technical_results_bidder_id", "bidder_id"),
    )


class OpenedPricesRow(Base):
    """An opened financial envelope: its text and nonce, or why it did not open."""

    __tablename__ = "opened_prices"
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"), primary_key=True)
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    nonce: Mapped[bytes | None]
    content: Mapped[str | None]
    invalid_reason: Mapped[str | None]
    __table_args__ = (
        Index("ix_opened_prices_procedure_id", "procedure_id"),
        Index("ix_opened_prices_buyer_id", "buyer_id"),
        Index("ix_opened_prices_bidder_id", "bidder_id"),
    )
