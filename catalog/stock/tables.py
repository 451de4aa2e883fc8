"""Suppliers' locations, what lies there, and what placed orders have reserved of it.

Quantities count in the offer's own unit.
"""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant, Number, Quantity


class StockSettingRow(Base):
    """How a supplier treats stock; without a row the defaults hold.

    `shown` is what buyers see, `low_below` the quantity under which it is called low, `policy`
    what happens to an order for more than there is.
    """

    __tablename__ = "stock_settings"
    supplier_id: Mapped[UUID] = mapped_column(primary_key=True)
    shown: Mapped[str] = mapped_column(server_default=text("'level'"))
    low_below: Mapped[Quantity] = mapped_column(server_default=text("10"))
    policy: Mapped[str] = mapped_column(server_default=text("'backorder'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("shown in ('exact', 'level', 'nothing')", name="shown"),
        CheckConstraint("policy in ('refuse', 'backorder')", name="policy"),
        CheckConstraint("low_below >= 0", name="low_below"),
    )


class StockLocationRow(Base):
    """A place a supplier delivers from: a warehouse, a shop."""

    __tablename__ = "stock_locations"
    id: Mapped[Id]
    supplier_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str]
    country: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (UniqueConstraint("supplier_id", "code"),)


class StockLevelRow(Base):
    """What lies of an offer at a location.

    `reported` is what the supplier's system said at `source_version`; `on_hand` is that less what
    left since; `reserved` is promised to placed orders. An offer without rows is not
    stock-managed.
    """

    __tablename__ = "stock_levels"
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id"), primary_key=True)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("stock_locations.id"), primary_key=True)
    supplier_id: Mapped[UUID]
    reported: Mapped[Quantity]
    source_version: Mapped[Number]
    on_hand: Mapped[Quantity]
    reserved: Mapped[Quantity] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("on_hand >= 0 and reported >= 0", name="on_hand"),
        CheckConstraint("reserved >= 0", name="reserved"),
        Index("ix_stock_levels_supplier_id", "supplier_id", "offer_id", "location_id"),
    )


class StockReservationRow(Base):
    """What a line of a supplier order holds at one location.

    Of `quantity`, `consumed` has left with despatches and `released` was given back; the rest is
    held. One unit of the line is factor_numerator ÷ factor_denominator of the offer's unit.
    """

    __tablename__ = "stock_reservations"
    supplier_order_id: Mapped[UUID] = mapped_column(
        ForeignKey("supplier_orders.id"), primary_key=True
    )
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    location_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    quantity: Mapped[Quantity]
    consumed: Mapped[Quantity] = mapped_column(server_default=text("0"))
    released: Mapped[Quantity] = mapped_column(server_default=text("0"))
    factor_numerator: Mapped[Number]
    factor_denominator: Mapped[Number]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint(
            "consumed >= 0 and released >= 0 and consumed + released <= quantity", name="parts"
        ),
        Index("ix_stock_reservations_offer_id", "offer_id", "location_id"),
    )


class StagedStockRow(Base):
    """A row of stock on its way in; see `catalog.staging`.

    `outcome` is written by `catalog.stock.writing`.
    """

    __tablename__ = "staged_stock"
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    organization_id: Mapped[UUID]
    sku: Mapped[str]
    location: Mapped[str]
    on_hand: Mapped[Decimal] = mapped_column(Numeric(24, 6))
    source_version: Mapped[Number]
    outcome: Mapped[str | None]
    __table_args__ = (Index("ix_staged_stock_batch_id_sku", "batch_id", "sku"),)
