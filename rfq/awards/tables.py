"""Proposals of award, the awards in them, what bidders were told, and their complaints.

A proposal and its awards are the buyer's rows; a winner sees the awards that are his. What a bidder
is told stands in a notice of his own, and his complaint in a row of his: of others he sees nothing.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Id, Instant, Quantity


class ProposalRow(Base):
    """The decision for one lot, with the contract it leads to and how it was computed.

    `computation` is the ranking it was made from, `first_offer` the lowest total that was bid by
    who could win, before any auction or negotiation. `standstill_until` is set when bidders are
    told.
    """

    __tablename__ = "award_proposals"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"))
    buyer_id: Mapped[UUID]
    status: Mapped[str]
    reason: Mapped[str]
    total: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    first_day: Mapped[date | None]
    last_day: Mapped[date]
    time_zone: Mapped[str]
    first_offer: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    computation: Mapped[dict[str, Any]]
    approval_id: Mapped[UUID | None]
    standstill_until: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    proposed_by: Mapped[UUID]
    proposed_at: Mapped[Instant]
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_award_proposals_procedure_id_id", "procedure_id", "id"),
        Index("ix_award_proposals_buyer_id", "buyer_id"),
        # Of one lot one decision is under way at a time.
        Index(
            "uq_award_proposals_lot_id_under_way",
            "lot_id",
            unique=True,
            postgresql_where=text("status in ('proposed', 'in_approval', 'standstill')"),
        ),
    )


class AwardRow(Base):
    """What one supplier gets of a lot; `content_hash` is over all that was decided.

    A `variant` that won is here as it was opened. Contract, hash and instant are there once it is
    awarded. `released_at` is when an award that
    fell gave its quantities back to the lot.
    """

    __tablename__ = "awards"
    id: Mapped[Id]
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("award_proposals.id"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"))
    variant: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    status: Mapped[str]
    rank: Mapped[int]
    share: Mapped[int | None]
    reason: Mapped[str]
    total: Mapped[Amount]
    currency: Mapped[CurrencyCode]
    contract_id: Mapped[UUID | None]
    content_hash: Mapped[bytes | None]
    provenance: Mapped[list[dict[str, Any]]]
    awarded_by: Mapped[UUID]
    awarded_at: Mapped[datetime | None]
    cause: Mapped[str | None]
    ended_because: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("proposal_id", "supplier_id"),
        CheckConstraint(
            "awarded_at is null or (contract_id is not null and content_hash is not null)",
            name="contract",
        ),
        Index("ix_awards_procedure_id", "procedure_id"),
        Index("ix_awards_lot_id", "lot_id"),
        Index("ix_awards_contract_id", "contract_id"),
        Index("ix_awards_buyer_id_id", "buyer_id", "id"),
        Index("ix_awards_supplier_id_id", "supplier_id", "id"),
    )


class AwardLineRow(Base):
    """One line as awarded: `unit_amount` per `basis`, `amount` for the awarded quantity.

    `sku` is the bid's; where it named none, the offer made for this buyer once it is awarded.
    """

    __tablename__ = "award_lines"
    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    sku: Mapped[str | None]
    quantity: Mapped[Quantity]
    unit_amount: Mapped[Amount]
    basis: Mapped[Quantity]
    amount: Mapped[Amount]
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    __table_args__ = (
        ForeignKeyConstraint(["award_id"], ["awards.id"]),
        ForeignKeyConstraint(["line_id"], ["procedure_lines.id"]),
        Index("ix_award_lines_buyer_id", "buyer_id"),
        Index("ix_award_lines_supplier_id", "supplier_id"),
    )


class NoticeRow(Base):
    """What one bidder was told of a proposal: whether he won, his rank, and why."""

    __tablename__ = "award_notices"
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("award_proposals.id"), primary_key=True)
    bidder_id: Mapped[UUID] = mapped_column(primary_key=True)
    procedure_id: Mapped[UUID]
    lot_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    won: Mapped[bool]
    rank: Mapped[int | None]
    reasons: Mapped[list[str]]
    notified_at: Mapped[Instant]
    standstill_until: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_award_notices_procedure_id", "procedure_id"),
        Index("ix_award_notices_buyer_id", "buyer_id"),
        Index("ix_award_notices_bidder_id", "bidder_id"),
    )


class ComplaintRow(Base):
    """A bidder's complaint in a standstill, and the buyer's answer: one per bidder and proposal."""

    __tablename__ = "award_complaints"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("award_proposals.id"))
    procedure_id: Mapped[UUID]
    lot_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    status: Mapped[str]
    complaint: Mapped[str]
    answer: Mapped[str | None]
    filed_at: Mapped[Instant]
    answered_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("proposal_id", "bidder_id"),
        Index("ix_award_complaints_procedure_id_id", "procedure_id", "id"),
        Index("ix_award_complaints_buyer_id", "buyer_id"),
        Index("ix_award_complaints_bidder_id", "bidder_id"),
    )
