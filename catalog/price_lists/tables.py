"""Price lists, to whom they are assigned, and their ladders."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    bindparam,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Id, Instant, Quantity

OPEN: Final = 2_147_483_647
"""The end of a range of versions that goes on."""


ALL_OFFERS: Final = UUID(int=0)
"""In place of an offer: whatever the other list prices."""


class PriceListRow(Base):
    """A supplier's list as he keeps it; buyers see only its `PriceListAssignmentRow`.

    `published_version` 0 was never published; the version after it is the draft.
    """

    __tablename__ = "price_lists"
    id: Mapped[Id]
    supplier_id: Mapped[UUID]
    name: Mapped[str]
    level: Mapped[str]
    currency: Mapped[CurrencyCode]
    priority: Mapped[int]
    mode: Mapped[str]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    published_version: Mapped[int]
    published_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("level in ('organization', 'segment', 'base')", name="level"),
        CheckConstraint("mode in ('exclusive', 'fill_gaps')", name="mode"),
        Index("ix_price_lists_supplier_id_id", "supplier_id", "id"),
    )


class PriceListAssignmentRow(Base):
    """The face of a list to one company, unit or segment, or to everybody: all a price needs of it.

    Publication moves `published_version`, and says whether there are `discounts` in it. One scope
    has one list of a level per priority, so no two lists of a supplier ever tie; for everybody the
    scope is `PUBLIC`.
    """

    __tablename__ = "price_list_assignments"
    list_id: Mapped[UUID] = mapped_column(ForeignKey("price_lists.id"), primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_id: Mapped[UUID]
    company_id: Mapped[UUID]
    level: Mapped[str]
    priority: Mapped[int]
    mode: Mapped[str]
    currency: Mapped[CurrencyCode]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    title: Mapped[str]
    published_version: Mapped[int]
    discounts: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        UniqueConstraint(
            "supplier_id",
            "scope_id",
            "level",
            "priority",
            name="uq_price_list_assignments_rank",
        ),
        Index(
            "uq_price_list_assignments_segment_rank",
            "supplier_id",
            "priority",
            unique=True,
            postgresql_where=text("level = 'segment'"),
        ),
    )


DRAFT: Final = bindparam("draft", type_=Integer, literal_execute=True)
"""The version of a draft, written into its statement: which indexes have it, its number says."""


class PriceLadderRow(Base):
    """One ladder: the price of one offer in one unit, in a validity, in a range of versions.

    `tiers` is ``[{"minimum_quantity": "1", "amount": "12.5"}, …]``, ascending, amounts per `basis`,
    numbers without superfluous zeros, so that equal ladders are equal. Validity is
    ``[valid_from, valid_until)``, versions are ``[from_version, until_version)``; what is
    unbounded ends at infinity and at `OPEN`. List and offer are no foreign keys: whoever writes a
    ladder has both from their rows, which no role may delete.
    """

    __tablename__ = "price_ladders"
    list_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    from_version: Mapped[int] = mapped_column(primary_key=True)
    until_version: Mapped[int]
    supplier_id: Mapped[UUID]
    valid_until: Mapped[Instant]
    basis: Mapped[Quantity]
    volume_mode: Mapped[str]
    tiers: Mapped[list[Any]] = mapped_column(JSONB)
    __table_args__ = (
        CheckConstraint("valid_from < valid_until", name="validity"),
        CheckConstraint("from_version < until_version", name="versions"),
        CheckConstraint("volume_mode in ('volume', 'graduated')", name="volume_mode"),
        # Until its first version is published, a list has no other ladders.
        Index(
            "ix_price_ladders_draft",
            "list_id",
            "from_version",
            postgresql_where=text("from_version > 1"),
        ),
        Index(
            "ix_price_ladders_closed",
            "list_id",
            "until_version",
            postgresql_where=text(f"until_version < {OPEN}"),
        ),
    )


class PriceDiscountRow(Base):
    """So many percent off what another list says: for one offer, or (`ALL_OFFERS`) for all of them.

    `of_list_id` is a base list of the same supplier, in the same currency. Validity and versions
    are as of a ladder.
    """

    __tablename__ = "price_discounts"
    list_id: Mapped[UUID] = mapped_column(ForeignKey("price_lists.id"), primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    from_version: Mapped[int] = mapped_column(primary_key=True)
    until_version: Mapped[int]
    supplier_id: Mapped[UUID]
    valid_until: Mapped[Instant]
    percent_off: Mapped[Quantity]
    of_list_id: Mapped[UUID] = mapped_column(ForeignKey("price_lists.id"))
    __table_args__ = (
        CheckConstraint("valid_from < valid_until", name="validity"),
        CheckConstraint("from_version < until_version", name="versions"),
        CheckConstraint("percent_off > 0 and percent_off <= 100", name="percent_off"),
        Index("ix_price_discounts_of_list_id", "of_list_id"),
    )


class MarginFloorRow(Base):
    """Below which amount per unit its supplier lets no price go out by one person alone."""

    __tablename__ = "margin_floors"
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id"), primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[CurrencyCode] = mapped_column(primary_key=True)
    supplier_id: Mapped[UUID]
    amount: Mapped[Amount]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (Index("ix_margin_floors_supplier_id", "supplier_id"),)


class StagedPriceRow(Base):
    """A tier of a price on its way in; see `catalog.staging`."""

    __tablename__ = "staged_prices"
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tier: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    sku: Mapped[str]
    unit: Mapped[str]
    minimum_quantity: Mapped[Quantity]
    amount: Mapped[Amount]
    basis: Mapped[Quantity]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    volume_mode: Mapped[str]
    __table_args__ = (Index("ix_staged_prices_batch_id_sku", "batch_id", "sku"),)
