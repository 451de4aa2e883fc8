"""Procedures, sealed and opened bids; what becomes of them is in `rfq.awards.tables`.

A sealed bid's row is the bidder's; he may write it, and read what is on his receipt, not what is in
the envelope (column rights, see the migration). The buyer sees no row of it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant, Quantity


class ProcedureRow(Base):
    """A procedure. `audience` is who sees it beside the buyer, empty in a draft.

    `sealing_key` is for strict clients and for the record; what we seal ourselves, we seal to the
    key that the key store names. `bid_entries` is what lies below `bids_root`: each
    version of each bid as its commitment and its status at the close, in an order that tells
    nothing. `documents` are those of the terms in force, each with its name and SHA-256.
    `calendar` is how days are counted (`rfq.procedures.calendars`), where the terms say it.
    """

    __tablename__ = "procedures"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    kind: Mapped[str]
    openness: Mapped[str]
    status: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    currency: Mapped[CurrencyCode]
    deadline_at: Mapped[Instant]
    minimum_bids: Mapped[int]
    terms_version: Mapped[int] = mapped_column(server_default=text("1"))
    questions_until: Mapped[datetime | None]
    answer_hours: Mapped[int | None]
    amendment_notice_hours: Mapped[int] = mapped_column(server_default=text("0"))
    beyond_quantity: Mapped[str | None]
    low_below_mean: Mapped[int | None]
    low_below_next: Mapped[int | None]
    offering: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    award_division: Mapped[str] = mapped_column(server_default=text("'lot'"))
    award_shares: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))
    standstill_days: Mapped[int] = mapped_column(server_default=text("0"))
    time_zone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    signatures: Mapped[bool] = mapped_column(server_default=false())
    calendar: Mapped[dict[str, Any] | None]
    judging: Mapped[dict[str, Any] | None]
    requirements: Mapped[list[dict[str, Any]] | None]
    documents: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    scores_locked_at: Mapped[datetime | None]
    audience: Mapped[list[UUID]]
    officer_ids: Mapped[list[UUID]]
    buyer_key: Mapped[bytes | None]
    auditor_key: Mapped[bytes | None]
    sealing_key: Mapped[bytes | None]
    financial_buyer_key: Mapped[bytes | None]
    financial_auditor_key: Mapped[bytes | None]
    financial_sealing_key: Mapped[bytes | None]
    bids_root: Mapped[bytes | None]
    bids_blinding: Mapped[bytes | None]
    bid_entries: Mapped[list[dict[str, Any]] | None]
    cancelled_because: Mapped[str | None]
    created_by: Mapped[UUID]
    created_at: Mapped[Instant]
    published_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    prices_opened_at: Mapped[datetime | None]
    remind_days: Mapped[int | None]
    reminded_for: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(
            "beyond_quantity in ('stop', 'next_price', 'split')", name="beyond_quantity"
        ),
        Index("ix_procedures_buyer_id_id", "buyer_id", "id"),
        Index(
            "ix_procedures_receiving",
            "deadline_at",
            "id",
            postgresql_where=text("status = 'published' and openness = 'open'"),
        ),
    )


class BudgetRow(Base):
    """What a buyer means to spend at most; a hidden one no bidder's role can read.

    A column of the procedure would be in every row a bidder reads.
    """

    __tablename__ = "procedure_budgets"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    buyer_id: Mapped[UUID]
    amount: Mapped[Amount]
    shown: Mapped[bool]
    __table_args__ = (Index("ix_procedure_budgets_buyer_id", "buyer_id"),)


class InvitationRow(Base):
    """A supplier who may bid in a procedure by invitation."""

    __tablename__ = "procedure_invitations"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    supplier_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    invited_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_procedure_invitations_buyer_id", "buyer_id"),
        Index("ix_procedure_invitations_supplier_id", "supplier_id"),
    )


class LotRow(Base):
    """A part that is awarded by itself."""

    __tablename__ = "procedure_lots"
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    position: Mapped[int]
    title: Mapped[str]
    status: Mapped[str]
    __table_args__ = (
        UniqueConstraint("procedure_id", "position"),
        Index("ix_procedure_lots_buyer_id", "buyer_id"),
    )


class LineRow(Base):
    """One thing asked for; `sku` is the buyer's hint, `terms` are a `contracts.terms.LineTerms`."""

    __tablename__ = "procedure_lines"
    id: Mapped[Id]
    procedure_id: Mapped[UUID]
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"))
    buyer_id: Mapped[UUID]
    position: Mapped[int]
    quantity: Mapped[Quantity]
    unit: Mapped[str]
    description: Mapped[str]
    sku: Mapped[str | None]
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    __table_args__ = (
        UniqueConstraint("lot_id", "position"),
        Index("ix_procedure_lines_procedure_id", "procedure_id"),
        Index("ix_procedure_lines_buyer_id", "buyer_id"),
    )


class QuestionRow(Base):
    """A question to the buyer; who asked stands in `QuestionAskerRow`, which he cannot read.

    `published_question` is the buyer's wording, which everybody reads with the answer; to a
    question that is declined `answer` is the reason, and the asker alone reads it.
    """

    __tablename__ = "procedure_questions"
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    status: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    question: Mapped[str]
    published_question: Mapped[str | None]
    answer: Mapped[str | None]
    asked_at: Mapped[Instant]
    answered_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_procedure_questions_procedure_id_id", "procedure_id", "id"),
        Index("ix_procedure_questions_buyer_id", "buyer_id"),
    )


class QuestionAskerRow(Base):
    """Who asked a question: the asker's own row."""

    __tablename__ = "procedure_question_askers"
    question_id: Mapped[UUID] = mapped_column(
        ForeignKey("procedure_questions.id"), primary_key=True
    )
    asker_id: Mapped[UUID]
    procedure_id: Mapped[UUID]
    __table_args__ = (Index("ix_procedure_question_askers_asker_id", "asker_id", "procedure_id"),)


class AmendmentRow(Base):
    """One amendment: `number` is the version of the terms from it on, `changes` the diff.

    `terms_before` is what was asked for until then, whole.
    """

    __tablename__ = "procedure_amendments"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    summary: Mapped[str]
    changes: Mapped[list[dict[str, Any]]]
    lines_changed: Mapped[bool]
    terms_before: Mapped[dict[str, Any]]
    deadline_before: Mapped[Instant]
    deadline_after: Mapped[Instant]
    amended_by: Mapped[UUID]
    amended_at: Mapped[Instant]
    __table_args__ = (Index("ix_procedure_amendments_buyer_id", "buyer_id"),)


class SealedBidRow(Base):
    """One version of a bid, as it was received; of a bidder his main bid, and variants beside it.

    `variant` is 0 of a main bid. `terms_version` are the terms it was submitted or confirmed for.
    With two envelopes this one is the technical, and `commitment` binds those of both
    (`rules.envelopes.Commitments`).
    """

    __tablename__ = "sealed_bids"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(primary_key=True)
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    bidder_id: Mapped[UUID]
    variant: Mapped[int] = mapped_column(server_default=text("0"))
    status: Mapped[str]
    terms_version: Mapped[int] = mapped_column(server_default=text("1"))
    submitted_at: Mapped[Instant]
    changed_at: Mapped[datetime | None]
    commitment: Mapped[Hash]
    technical_commitment: Mapped[bytes | None]
    financial_commitment: Mapped[bytes | None]
    ephemeral_key: Mapped[bytes]
    wrapped_key: Mapped[bytes]
    ciphertext: Mapped[bytes]
    __table_args__ = (
        UniqueConstraint("procedure_id", "bidder_id", "variant", "version"),
        Index("ix_sealed_bids_bidder_id", "bidder_id"),
        Index(
            "uq_sealed_bids_live",
            "procedure_id",
            "bidder_id",
            "variant",
            unique=True,
            postgresql_where=text("status = 'live'"),
        ),
    )


class OpenedBidRow(Base):
    """A bid after the opening: its text, with what proves that it is the one of the receipt.

    `content` is null where the envelope did not open; `invalid_reason` says why. With two envelopes
    it is the technical; prices stand in `opening.tables.OpenedPricesRow`.
    """

    __tablename__ = "opened_bids"
    id: Mapped[Id]
    version: Mapped[int]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    variant: Mapped[int] = mapped_column(server_default=text("0"))
    submitted_at: Mapped[Instant]
    commitment: Mapped[Hash]
    technical_commitment: Mapped[bytes | None]
    financial_commitment: Mapped[bytes | None]
    nonce: Mapped[bytes | None]
    content: Mapped[str | None]
    invalid_reason: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("procedure_id", "bidder_id", "variant"),
        Index("ix_opened_bids_buyer_id", "buyer_id"),
        Index("ix_opened_bids_bidder_id", "bidder_id"),
    )


class LotAuctionRow(Base):
    """The auction a lot went into, and as which lot; `ledger_head` is the hash its log ended with.

    Several lots may be in one auction; with `per_lot` each result comes back by itself. Once it has
    ended either somebody won, or `no_winner` says
    why nobody did by himself.
    """

    __tablename__ = "lot_auctions"
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"), primary_key=True)
    auction_id: Mapped[UUID]
    auction_lot_id: Mapped[UUID]
    procedure_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    status: Mapped[str]
    opened_at: Mapped[Instant]
    ended_at: Mapped[datetime | None]
    ledger_head: Mapped[bytes | None]
    no_winner: Mapped[str | None]
    per_lot: Mapped[bool] = mapped_column(server_default=false())
    __table_args__ = (
        Index("uq_lot_auctions_auction_lot_id", "auction_lot_id", unique=True),
        Index("ix_lot_auctions_auction_id", "auction_id"),
        Index("ix_lot_auctions_procedure_id", "procedure_id"),
        Index("ix_lot_auctions_buyer_id", "buyer_id"),
    )


class LotResultRow(Base):
    """Where one bidder ended in a lot's auction: his last amount, and the ledger entry of it.

    `price` is the total he is awarded at: what the auction's rules give the winner,
    or his amount.
    """

    __tablename__ = "lot_results"
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"), primary_key=True)
    bidder_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    rank: Mapped[int]
    amount: Mapped[Amount]
    price: Mapped[Amount]
    bid_id: Mapped[UUID]
    entry_hash: Mapped[Hash]
    bid_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_lot_results_buyer_id", "buyer_id"),
        Index("ix_lot_results_bidder_id", "bidder_id"),
    )


class BreakdownRow(Base):
    """A bidder's own unit prices for the total he won in a lot's auction, before its award."""

    __tablename__ = "lot_breakdowns"
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"), primary_key=True)
    bidder_id: Mapped[UUID] = mapped_column(primary_key=True)
    procedure_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    total: Mapped[Amount]
    unit_amounts: Mapped[dict[str, Any]]
    sent_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_lot_breakdowns_buyer_id", "buyer_id"),
        Index("ix_lot_breakdowns_bidder_id", "bidder_id"),
    )


class ExplanationRow(Base):
    """What a bidder says of an abnormally low offer; `flag` is why he was asked."""

    __tablename__ = "bid_explanations"
    id: Mapped[Id]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("procedure_lots.id"))
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    status: Mapped[str]
    flag: Mapped[str]
    question: Mapped[str]
    explanation: Mapped[str | None]
    decision_reason: Mapped[str | None]
    requested_at: Mapped[Instant]
    explained_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("lot_id", "bid_id"),
        Index("ix_bid_explanations_procedure_id_id", "procedure_id", "id"),
        Index("ix_bid_explanations_buyer_id", "buyer_id"),
        Index("ix_bid_explanations_bidder_id", "bidder_id"),
    )
