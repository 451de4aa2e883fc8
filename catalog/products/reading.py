"""Read products.

A product is known to everybody while it is active. Before and after, it is known to who proposed or
offers it, and to buyers who see an offer of it.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row, and_, exists, or_, select, true
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from catalog.categories.rules import Attributes, missing
from catalog.categories.schemas import value_views
from catalog.categories.service import WRITE, attributes_of, below
from catalog.price_lists.visibility import scopes_of, visible_offer
from catalog.products.lifecycle import ProductState
from catalog.products.records import OWN, PRODUCT
from catalog.products.rules import checked_gtin
from catalog.products.schemas import (
    ClassCodeView,
    MediaView,
    ProductSummary,
    ProductView,
    RelationView,
    TextView,
)
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

READ: Final = "catalog:read"


async def read_product(platform: Platform, caller: Caller, product_id: UUID) -> ProductView:
    """Read a product; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(*PRODUCT).where(ProductRow.id == product_id, known_to(caller)),
            who(caller),
        )
        if row is None:
            raise NotFound("There is no such product.")
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))


def known_to(caller: Caller) -> Any:
    """Say which products a caller knows of."""
    if caller.may(WRITE):
        return true()
    own = exists().where(
        OfferRow.product_id == ProductRow.id, OfferRow.supplier_id == caller.organization_id
    )
    seen = exists().where(OfferRow.product_id == ProductRow.id, visible_offer())
    return or_(
        ProductRow.state == ProductState.ACTIVE.value,
        and_(
            ProductRow.state != ProductState.DRAFT.value,
            or_(ProductRow.proposed_by == caller.organization_id, own, seen),
        ),
    )


def who(caller: Caller) -> dict[str, object]:
    """Give the values that `known_to` asks for."""
    return {"scopes": scopes_of(caller.path), "company_id": caller.organization_id}


async def list_products(
    platform: Platform,
    caller: Caller,
    state: str | None,
    category_id: UUID | None,
    gtin: str | None,
    asked: PageRequest,
) -> Page[ProductSummary]:
    """List products, oldest first: for the operator all, for others those they proposed.

    Raises InvalidInput for a GTIN that is none.
    """
    caller.require(READ)
    statement = select(*PRODUCT).order_by(ProductRow.id).limit(asked.fetch)
    if not caller.may(WRITE):
        statement = statement.where(
            ProductRow.proposed_by == caller.organization_id,
            ProductRow.state != ProductState.DRAFT.value,
        )
    if state is not None:
        statement = statement.where(ProductRow.state == state)
    if category_id is not None:
        statement = statement.where(ProductRow.category_id.in_(below(category_id)))
    if gtin is not None:
        statement = statement.where(ProductRow.gtin == checked_gtin(gtin, "?gtin"))
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ProductRow.id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [ProductSummary(**summary(row)) for row in rows], lambda view: view.id)


def summary(row: Row[Any]) -> dict[str, Any]:
    """Give what lists show of a product."""
    return {
        "id": row.id,
        "name": row.name,
        "maker": row.maker,
        "maker_number": row.maker_number,
        "gtin": row.gtin,
        "state": row.state,
        "proposed_by": row.proposed_by,
        "version": row.version,
        "created_at": row.created_at,
        "category_id": _told(row.category_id),
        "replacement_id": _told(row.replacement_id),
        "merged_into": _told(row.merged_into),
    }


def _told(identifier: UUID | None) -> UUID | UnsetType:
    return UNSET if identifier is None else identifier


_RELATIONS: Final = sql("""
select coalesce(jsonb_agg(jsonb_build_object('product_id', related_id, 'kind', kind)
                          order by position), '[]') as relations
from product_relations where product_id = :product_id
""").columns(relations=JSONB)


async def product_view(
    tx: Transaction, row: Row[Any], caller: Caller, attributes: Attributes
) -> ProductView:
    """Show a product in an open transaction."""
    own = await tx.one(select(*OWN).where(ProductRow.id == row.id))
    keeper = caller.may(WRITE)
    return ProductView(
        id=row.id,
        name=row.name,
        description=row.description,
        maker=row.maker,
        maker_number=row.maker_number,
        gtin=row.gtin,
        state=row.state,
        version=row.version,
        created_at=row.created_at,
        attributes=value_views(attributes, row.attributes, ()),
        texts=msgspec.convert(own.texts, list[TextView]),
        codes=msgspec.convert(own.codes, list[ClassCodeView]),
        media=msgspec.convert(own.media, list[MediaView]),
        category_id=_told(row.category_id),
        replacement_id=_told(row.replacement_id),
        merged_into=_told(row.merged_into),
        relations=await _relations(tx, row.id) if keeper else UNSET,
        missing=missing(attributes, row.attributes) if keeper else UNSET,
    )


async def _relations(tx: Transaction, product_id: UUID) -> list[RelationView]:
    found = await tx.scalar(_RELATIONS, {"product_id": product_id})
    return msgspec.convert(found, list[RelationView])
