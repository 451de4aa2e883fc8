"""Invoices and credit notes (rows of both parties); counters of their numbers (the issuer's)."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Id, Instant, Quantity


class InvoiceCounterRow(Base):
    """The last number of an issuer's series; taken under its row lock, in the issuing transaction.

    A sequence would leave gaps where a transaction rolls back.
    """

    __tablename__ = "invoice_counters"
    issuer_id: Mapped[UUID] = mapped_column(primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class InvoiceRow(Base):
    """An issued invoice; a document that never changes, but for its state."""

    __tablename__ = "invoices"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    series: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[str]
    supplier_order_id: Mapped[UUID] = mapped_column(ForeignKey("supplier_orders.id"))
    buyer_reference: Mapped[str | None]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    currency: Mapped[CurrencyCode]
    net: Mapped[Amount]
    tax: Mapped[Amount]
    gross: Mapped[Amount]
    breakdown: Mapped[list[dict[str, Any]]]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    issued_at: Mapped[Instant]
    __table_args__ = (
        UniqueConstraint("supplier_id", "series", "sequence"),
        Index("ix_invoices_buyer_id_id", "buyer_id", "id"),
        Index("ix_invoices_supplier_id_id", "supplier_id", "id"),
        Index("ix_invoices_supplier_order_id", "supplier_order_id"),
    )


class InvoiceLineRow(Base):
    """A line of an invoice, for a quantity of one line of a supplier order."""

    __tablename__ = "invoice_lines"
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    supplier_order_id: Mapped[UUID]
    supplier_line: Mapped[int]
    sku: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    quantity: Mapped[Quantity]
    amount: Mapped[Amount]
    basis: Mapped[Quantity]
    net: Mapped[Amount]
    tax_category: Mapped[str]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(7, 4))
    __table_args__ = (
        Index("ix_invoice_lines_supplier_order_id", "supplier_order_id", "supplier_line"),
    )


class CreditNoteRow(Base):
    """An issued credit note for an invoice; a document that never changes."""

    __tablename__ = "credit_notes"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoices.id"))
    invoice_number: Mapped[str]
    series: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[str]
    reason: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    currency: Mapped[CurrencyCode]
    net: Mapped[Amount]
    tax: Mapped[Amount]
    gross: Mapped[Amount]
    breakdown: Mapped[list[dict[str, Any]]]
    issued_on: Mapped[date]
    issued_at: Mapped[Instant]
    __table_args__ = (
        UniqueConstraint("supplier_id", "series", "sequence"),
        Index("ix_credit_notes_buyer_id_id", "buyer_id", "id"),
        Index("ix_credit_notes_supplier_id_id", "supplier_id", "id"),
        Index("ix_credit_notes_invoice_id", "invoice_id"),
    )


class CreditNoteLineRow(Base):
    """What a credit note gives back of a line of the invoice; without `quantity` no goods."""

    __tablename__ = "credit_note_lines"
    credit_note_id: Mapped[UUID] = mapped_column(ForeignKey("credit_notes.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    invoice_line: Mapped[int]
    sku: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    quantity: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    net: Mapped[Amount]
    tax_category: Mapped[str]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(7, 4))
    __table_args__ = (Index("ix_credit_note_lines_invoice_id", "invoice_id", "invoice_line"),)
