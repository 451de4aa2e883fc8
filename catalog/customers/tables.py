"""Customers of a supplier, his segments, and who is in them."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class CustomerRow(Base):
    """What holds between a supplier and one company that buys of him; both may read it.

    Where there is no row the policy is ``priority``.
    """

    __tablename__ = "customers"
    supplier_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    price_policy: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("price_policy in ('priority', 'best_price')", name="price_policy"),
    )


class SegmentRow(Base):
    """A supplier's group of customers; its members never learn that there is one."""

    __tablename__ = "segments"
    id: Mapped[Id]
    supplier_id: Mapped[UUID]
    name: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        Unique("supplier_id", "name"),
        Unique("supplier_id", "id"),
    )


class SegmentMemberRow(Base):
    """A company in a segment. Only its supplier reads this; prices ask `app_segments()`."""

    __tablename__ = "segment_members"
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    supplier_id: Mapped[UUID]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        ForeignKeyConstraint(
            ["supplier_id", "segment_id"],
            ["segments.supplier_id", "segments.id"],
            name="fk_segment_members_segment",
        ),
        Index("ix_segment_members_company_id", "company_id", "supplier_id", "segment_id"),
    )
