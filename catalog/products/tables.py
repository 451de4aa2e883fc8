"""Products and offers."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant, Number, Quantity

OFFER_SEARCH_DOCUMENT = (
    "case when product_id is null then "
    "setweight(to_tsvector('search_simple', search_spaced(name)), 'B') || "
    "setweight(to_tsvector('search_en', search_spaced(name || ' ' || description)), 'C') || "
    "setweight(to_tsvector('search_de', search_spaced(name || ' ' || description)), 'C') || "
    "setweight(to_tsvector('search_simple', translate(name || ' ' || description, "
    "'-_./,:;+*#()', '')), 'D') end"
)
"""What an offer of no product is found by; products have documents (`catalog.search`)."""


_NOT_OPEN = "audience_id <> '00000000-0000-0000-0000-000000000000'::uuid"
_OPEN = "state = 'active' and audience_id = '00000000-0000-0000-0000-000000000000'::uuid"


class ProductRow(Base):
    """What is sold: public to all, kept by the operator, proposed by whoever first sells it.

    `maker_key` and `maker_number_key` are the forms in which imports compare them. `attributes` are
    those of its category: numbers as text in the attribute's unit, enums as their option's code.
    `merged_into` is the product that a discontinued one turned out to be: its numbers lead there.
    """

    __tablename__ = "products"
    id: Mapped[Id]
    name: Mapped[str]
    description: Mapped[str]
    maker: Mapped[str | None]
    maker_number: Mapped[str | None]
    maker_key: Mapped[str | None]
    maker_number_key: Mapped[str | None]
    gtin: Mapped[str | None]
    state: Mapped[str]
    proposed_by: Mapped[UUID]
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    replacement_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("state in ('proposed', 'draft', 'active', 'discontinued')", name="state"),
        CheckConstraint(
            "state = 'discontinued' or (replacement_id is null and merged_into is null)",
            name="only_discontinued_is_replaced",
        ),
        CheckConstraint("replacement_id <> id and merged_into <> id", name="not_its_own"),
        Index("uq_products_gtin", "gtin", unique=True, postgresql_where=text("gtin is not null")),
        Index(
            "uq_products_maker",
            "maker_key",
            "maker_number_key",
            unique=True,
            postgresql_where=text("maker_number_key is not null"),
        ),
        Index("ix_products_name_id", "name", "id"),
        Index("ix_products_category_id", "category_id", "name", "id"),
        Index("ix_products_proposed", "id", postgresql_where=text("state = 'proposed'")),
        Index(
            "ix_products_replacement_id",
            "replacement_id",
            postgresql_where=text("replacement_id is not null"),
        ),
        Index(
            "ix_products_merged_into",
            "merged_into",
            postgresql_where=text("merged_into is not null"),
        ),
    )


class ProductTextRow(Base):
    """What a product is called in one language; `ProductRow` has the text for all others."""

    __tablename__ = "product_texts"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    keywords: Mapped[list[str]]


class ProductRelationRow(Base):
    """One product's accessory, spare part, substitute, or part of the bundle it is."""

    __tablename__ = "product_relations"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    related_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    __table_args__ = (
        CheckConstraint("kind in ('accessory', 'spare_part', 'substitute', 'bundle')", name="kind"),
        CheckConstraint("product_id <> related_id", name="not_itself"),
        Index("ix_product_relations_related_id", "related_id"),
    )


class ProductCodeRow(Base):
    """A product's class in a scheme (UNSPSC, eCl@ss, …); `version` is '' where none is told."""

    __tablename__ = "product_codes"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    scheme: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    code: Mapped[str]
    __table_args__ = (Index("ix_product_codes_scheme_code", "scheme", "code"),)


class ProductMediaRow(Base):
    """A picture or a paper of a product: at an address, or one that was uploaded."""

    __tablename__ = "product_media"
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    url: Mapped[str | None]
    medium_id: Mapped[UUID | None] = mapped_column(ForeignKey("media.id"))
    title: Mapped[str] = mapped_column(server_default=text("''"))
    __table_args__ = (
        CheckConstraint(
            "kind in ('image', 'datasheet', 'safety_data_sheet', 'certificate', 'drawing', "
            "'manual', 'video', 'other')",
            name="kind",
        ),
        CheckConstraint("num_nonnulls(url, medium_id) = 1", name="url_or_medium"),
        Index(
            "ix_product_media_medium_id",
            "medium_id",
            postgresql_where=text("medium_id is not null"),
        ),
    )


class ProductSuggestionRow(Base):
    """What a supplier tells of a product that is not his to change; the operator decides.

    `content` is a `Told` of `catalog.products.telling`. A supplier has one open suggestion for a
    product: telling again replaces it.
    """

    __tablename__ = "product_suggestions"
    id: Mapped[Id]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    supplier_id: Mapped[UUID]
    content: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        CheckConstraint("state in ('open', 'taken', 'declined')", name="state"),
        Index(
            "uq_product_suggestions_open",
            "product_id",
            "supplier_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_product_suggestions_supplier_id", "supplier_id", "id"),
        Index("ix_product_suggestions_state", "state", "id"),
    )


class ProductSourceRow(Base):
    """The newest source version in which a company's system told of a product."""

    __tablename__ = "product_sources"
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    source_version: Mapped[Number]


class OfferRow(Base):
    """One supplier's way of selling a product.

    `audience_id` says who may see it: `PUBLIC` everybody, a company that one alone, `RESTRICTED`
    those who were granted an assortment it is in, null nobody but the supplier. One that is not
    everybody's may be of no product; then its own name and description tell what it is. One `unit`
    holds content_numerator ÷ content_denominator of `content_unit`, exactly.
    `sku_key` is the SKU in the form in which buyers search for it.
    """

    __tablename__ = "offers"
    id: Mapped[Id]
    supplier_id: Mapped[UUID]
    sku: Mapped[str]
    sku_key: Mapped[str] = mapped_column(Computed("search_code(sku)", persisted=True))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    name: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    content_numerator: Mapped[Number]
    content_denominator: Mapped[Number]
    content_unit: Mapped[str]
    minimum_quantity: Mapped[Quantity]
    multiple: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    maximum_quantity: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    lead_time_days: Mapped[int | None]
    tax_category: Mapped[str]
    audience_id: Mapped[UUID | None]
    origin: Mapped[str]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock())
    search_document: Mapped[Any] = mapped_column(
        TSVECTOR, Computed(OFFER_SEARCH_DOCUMENT, persisted=True)
    )
    __table_args__ = (
        UniqueConstraint("supplier_id", "sku"),
        CheckConstraint("state in ('active', 'withdrawn')", name="state"),
        CheckConstraint("origin in ('supplier', 'award')", name="origin"),
        CheckConstraint(
            "product_id is not null or audience_id is distinct from "
            "'00000000-0000-0000-0000-000000000000'::uuid",
            name="public_offer_has_product",
        ),
        Index("ix_offers_product_id", "product_id", "supplier_id", "sku"),
        Index("ix_offers_sku_key", "sku_key"),
        Index("ix_offers_audience_id", "audience_id", postgresql_where=text(_NOT_OPEN)),
        Index("ix_offers_lead_time_days", "lead_time_days", postgresql_where=text(_OPEN)),
        Index(
            "ix_offers_private",
            "audience_id",
            "name",
            "id",
            postgresql_where=text("product_id is null"),
        ),
    )


class StagedOfferRow(Base):
    """A row of offers on its way in; see `catalog.staging`.

    `product_id` is given or found out by `catalog.products.writing`.
    """

    __tablename__ = "staged_offers"
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    organization_id: Mapped[UUID]
    sku: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    maker: Mapped[str | None]
    maker_number: Mapped[str | None]
    maker_key: Mapped[str | None]
    maker_number_key: Mapped[str | None]
    gtin: Mapped[str | None]
    unit: Mapped[str]
    content_numerator: Mapped[Number]
    content_denominator: Mapped[Number]
    content_unit: Mapped[str]
    minimum_quantity: Mapped[Quantity]
    multiple: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    maximum_quantity: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    lead_time_days: Mapped[int | None]
    tax_category: Mapped[str]
    audience_id: Mapped[UUID | None]
    state: Mapped[str]
    offer_id: Mapped[UUID]
    new_product_id: Mapped[UUID]
    product_id: Mapped[UUID | None]
    __table_args__ = (Index("ix_staged_offers_batch_id_sku", "batch_id", "sku"),)
