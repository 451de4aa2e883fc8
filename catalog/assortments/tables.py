"""Assortments, what is in them, and to whom they are granted."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class AssortmentRow(Base):
    """A supplier's named selection of restricted offers."""

    __tablename__ = "assortments"
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


class AssortmentOfferRow(Base):
    """An offer in an assortment. A buyer sees the rows of assortments granted to him.

    `name` is the offer's where it stands in catalogs by itself (restricted, active, of no product),
    kept by a trigger: so a page of such offers reads no more than it shows.
    """

    __tablename__ = "assortment_offers"
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id"), primary_key=True)
    assortment_id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_id: Mapped[UUID]
    name: Mapped[str | None]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        ForeignKeyConstraint(
            ["supplier_id", "assortment_id"],
            ["assortments.supplier_id", "assortments.id"],
            name="fk_assortment_offers_assortment",
        ),
        Index("ix_assortment_offers_assortment_id", "assortment_id"),
        Index(
            "ix_assortment_offers_by_itself",
            "assortment_id",
            "name",
            "offer_id",
            postgresql_where=text("name is not null"),
        ),
    )


class AssortmentGrantRow(Base):
    """To whom an assortment is shown: a company, a unit with all below it, or a segment.

    Only its supplier reads this; the catalog asks `app_assortments()`.
    """

    __tablename__ = "assortment_grants"
    assortment_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_id: Mapped[UUID]
    kind: Mapped[str]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        ForeignKeyConstraint(
            ["supplier_id", "assortment_id"],
            ["assortments.supplier_id", "assortments.id"],
            name="fk_assortment_grants_assortment",
        ),
        CheckConstraint("kind in ('organization', 'segment')", name="kind"),
        Index("ix_assortment_grants_scope_id", "scope_id", "assortment_id"),
    )
