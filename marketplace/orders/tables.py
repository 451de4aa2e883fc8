"""Orders of buyers (their own rows) and supplier orders (rows of both parties).

What a supplier may see is copied to his tables; he reads none of the buyer's.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, or_, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant, Quantity


class OrderRow(Base):
    """A buyer's purchase order.

    `unit_path` is the buying unit and its ancestors at the submission; once placed, at the placing.

    `content_hash` covers what the buyer sent and the prices it was submitted at.
    """

    __tablename__ = "orders"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    unit_path: Mapped[list[UUID]]
    requester_id: Mapped[UUID]
    external_system: Mapped[str | None]
    external_id: Mapped[str | None]
    request_hash: Mapped[Hash]
    content_hash: Mapped[Hash]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    currency: Mapped[CurrencyCode]
    total: Mapped[Amount]
    line_count: Mapped[int]
    terms: Mapped[dict[str, Any]]
    note: Mapped[str]
    approval_id: Mapped[UUID | None]
    backdated: Mapped[bool] = mapped_column(server_default=text("false"))
    ordered_at: Mapped[Instant]
    submitted_at: Mapped[Instant]
    placed_at: Mapped[datetime | None]
    __table_args__ = (
        # The second duplicate key beside the transport key: the buyer's own order number.
        UniqueConstraint("buyer_id", "external_system", "external_id"),
        Index("ix_orders_buyer_id_id", "buyer_id", "id"),
        Index("ix_orders_buyer_id_state_id", "buyer_id", "state", "id"),
    )


class OrderLineRow(Base):
    """A line as ordered: SKU, text and price are copies that move with no price list.

    `supplier_order_id` and `supplier_line` are set when the order is placed.
    """

    __tablename__ = "order_lines"
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    sku: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    quantity: Mapped[Quantity]
    amount: Mapped[Amount]
    basis: Mapped[Quantity]
    tier_minimum: Mapped[Quantity]
    line_amount: Mapped[Amount]
    price_level: Mapped[str]
    source_kind: Mapped[str]
    source_id: Mapped[UUID]
    source_version: Mapped[int]
    provenance: Mapped[list[dict[str, Any]]]
    tax_category: Mapped[str]
    requested_on: Mapped[date | None]
    cost_centre: Mapped[str]
    supplier_order_id: Mapped[UUID | None]
    supplier_line: Mapped[int | None]
    price_detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    agreed_terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class SupplierOrderRow(Base):
    """One supplier's part of a placed order, with a state of its own."""

    __tablename__ = "supplier_orders"
    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    buyer_reference: Mapped[str | None]
    supplier_reference: Mapped[str | None]
    currency: Mapped[CurrencyCode]
    total: Mapped[Amount]
    terms: Mapped[dict[str, Any]]
    ordered_at: Mapped[Instant]
    placed_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_supplier_orders_buyer_id_order_id", "buyer_id", "order_id"),
        Index("ix_supplier_orders_supplier_id_id", "supplier_id", "id"),
        Index("ix_supplier_orders_supplier_id_state_id", "supplier_id", "state", "id"),
    )


class SupplierOrderLineRow(Base):
    """A line as its supplier sees it, numbered within his part, and how far it is."""

    __tablename__ = "supplier_order_lines"
    supplier_order_id: Mapped[UUID] = mapped_column(
        ForeignKey("supplier_orders.id"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    sku: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    quantity: Mapped[Quantity]
    amount: Mapped[Amount]
    basis: Mapped[Quantity]
    line_amount: Mapped[Amount]
    tax_category: Mapped[str]
    requested_on: Mapped[date | None]
    confirmed_quantity: Mapped[Quantity | None]
    promised_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    despatched_quantity: Mapped[Quantity] = mapped_column(server_default=text("0"))
    price_detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    agreed_terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


AS_WHOLE: Final = or_(
    SupplierOrderLineRow.price_detail["volume_mode"].astext == "graduated",
    func.jsonb_array_length(SupplierOrderLineRow.price_detail["parts"]) > 0,
)
"""The line's amount is that of the whole line: it was priced by slices, or in parts."""


class ConfirmationRow(Base):
    """A supplier's answer to an order, as given; never changed."""

    __tablename__ = "order_confirmations"
    id: Mapped[Id]
    supplier_order_id: Mapped[UUID] = mapped_column(ForeignKey("supplier_orders.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    supplier_reference: Mapped[str | None]
    lines: Mapped[list[dict[str, Any]]]
    confirmed_at: Mapped[Instant]
    __table_args__ = (Index("ix_order_confirmations_supplier_order_id", "supplier_order_id"),)


class DespatchRow(Base):
    """Goods that left: a despatch advice; never changed."""

    __tablename__ = "despatches"
    id: Mapped[Id]
    supplier_order_id: Mapped[UUID] = mapped_column(ForeignKey("supplier_orders.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    carrier: Mapped[str]
    tracking_number: Mapped[str]
    expected_on: Mapped[date | None]
    lines: Mapped[list[dict[str, Any]]]
    despatched_at: Mapped[Instant]
    __table_args__ = (Index("ix_despatches_supplier_order_id", "supplier_order_id"),)
