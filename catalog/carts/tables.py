"""Carts with their lines, and requisition lists.

A line keeps no price: `shown_amount` per `shown_basis` is what the member saw when he put it in, so
that he can be told what changed; it prices nothing.
"""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, func, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, CurrencyCode, Id, Instant, Quantity


class CartRow(Base):
    """A cart of a unit; its owner's alone, or `shared` with who acts for the unit."""

    __tablename__ = "carts"
    id: Mapped[Id]
    company_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    name: Mapped[str]
    currency: Mapped[CurrencyCode]
    shared: Mapped[bool]
    state: Mapped[str]
    order_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("state in ('open', 'ordered')", name="state"),
        CheckConstraint("(state = 'ordered') = (order_id is not null)", name="order"),
        Index("ix_carts_unit_id", "company_id", "unit_id", "id"),
        Index("ix_carts_updated_at", "updated_at"),
        Index(
            "uq_carts_name",
            "unit_id",
            "owner_id",
            "name",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )


class CartLineRow(Base):
    """A line; the same SKU may stand on several, each with its own day and cost centre."""

    __tablename__ = "cart_lines"
    id: Mapped[Id]
    cart_id: Mapped[UUID] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"))
    company_id: Mapped[UUID]
    position: Mapped[int]
    supplier_id: Mapped[UUID]
    sku: Mapped[str]
    unit: Mapped[str]
    quantity: Mapped[Quantity]
    requested_on: Mapped[date | None]
    cost_centre: Mapped[str]
    quote_id: Mapped[UUID | None]
    shown_amount: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    shown_basis: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    added_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (Index("ix_cart_lines_cart_id", "cart_id", "position", "id"),)


class RequisitionListRow(Base):
    """What a unit orders again and again; `lines` are written and read whole."""

    __tablename__ = "requisition_lists"
    id: Mapped[Id]
    company_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    name: Mapped[str]
    lines: Mapped[list[dict[str, Any]]]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_by: Mapped[UUID]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        Index("uq_requisition_lists_name", "unit_id", "name", unique=True),
        Index("ix_requisition_lists_unit_id", "company_id", "unit_id", "id"),
    )
