"""What is told of a product beside its offers: its place, its values, papers, what replaces it.

What the reader may not see does not exist here either: a replacement is asked for an offer in his
catalog, as pages are. What goes with a product is told by `catalog.search.related`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import (
    Text,
    Uuid,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)

from catalog.categories.rules import inherited
from catalog.categories.schemas import CategoryRef, value_views
from catalog.categories.service import ATTRIBUTES_ON_PATH, read_attribute
from catalog.categories.tables import CategoryRow
from catalog.languages.asked import Languages
from catalog.languages.tags import name_in
from catalog.price_lists.visibility import scopes_of, visible_offer
from catalog.products.lifecycle import SHOWN, ProductState
from catalog.products.records import CODES, MEDIA, OWN_AS_TEXT
from catalog.products.tables import OfferRow, ProductRow
from catalog.search.schemas import CatalogItem, ProductRef
from catalog.search.texts import texts_of
from catalog.stock.availability import availability_now, unknown
from marketplace.kernel.limits import REPLACEMENTS_FOLLOWED_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.columns import another
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled, fast_read

FOUND_STATES: Final = tuple(literal_column(f"'{state.value}'", Text) for state in SHOWN)
"""States of products that buyers find."""
READ_STATES: Final = (*FOUND_STATES, literal_column(f"'{ProductState.DISCONTINUED.value}'", Text))
"""States of products that buyers read who have the address."""
_PRODUCT_ID: Final = bindparam("product_id", type_=Uuid)
_CATEGORY_ID: Final = bindparam("category_id", type_=Uuid)


def seen_product(product: Any = ProductRow) -> Any:
    """Say which products are in the reader's catalog: those with an offer he may see."""
    return exists().where(OfferRow.product_id == product.id, visible_offer())


_PRODUCT: Final = Compiled(
    select(
        ProductRow.state,
        ProductRow.category_id,
        ProductRow.attributes,
        ProductRow.replacement_id,
        *(each for each in OWN_AS_TEXT if each.name in {"codes", "media"}),
    ).where(ProductRow.id == _PRODUCT_ID)
)
_LEAF: Final = another(CategoryRow)
_PATH: Final = Compiled(
    select(CategoryRow.id, CategoryRow.code, CategoryRow.names)
    .join(_LEAF, CategoryRow.id == any_(_LEAF.path))
    .where(_LEAF.id == _CATEGORY_ID)
    .order_by(func.cardinality(CategoryRow.path))
)
_ATTRIBUTES: Final = Compiled(ATTRIBUTES_ON_PATH)
_REPLACEMENT: Final = Compiled(
    select(
        ProductRow.id,
        ProductRow.name,
        ProductRow.state,
        ProductRow.replacement_id,
        seen_product().label("seen"),
    ).where(ProductRow.id == _PRODUCT_ID)
)


async def add_details(
    platform: Platform, caller: Caller, item: CatalogItem, languages: Languages
) -> None:
    """Complete a product of the reader's catalog, in his languages."""
    values = {"scopes": scopes_of(caller.path), "product_id": item.id}
    async with fast_read(platform, caller) as connection:
        await _add(_Reader(connection, values), item, languages)
    named: list[CatalogItem | ProductRef] = [item]
    if isinstance(item.replacement, ProductRef):
        named.append(item.replacement)
    await add_texts(platform, caller, named, languages)


async def _add(reader: "_Reader", item: CatalogItem, languages: Languages) -> None:
    found = await reader.fetch(_PRODUCT)
    ((state, category_id, attributes, replacement_id, codes, media),) = found
    item.state = state
    if category_id is not None:
        path = await reader.fetch(_PATH, category_id=category_id)
        item.category = [
            CategoryRef(id=row[0], code=row[1], name=name_in(row[2], languages)) for row in path
        ]
        defined = await reader.fetch(_ATTRIBUTES, path=[row[0] for row in path])
        known = inherited([map(read_attribute, defined)])
        item.attributes = value_views(known, attributes, languages)
    item.codes = CODES.decode(codes)
    item.media = MEDIA.decode(media)
    if state == ProductState.DISCONTINUED.value and replacement_id is not None:
        replacement = await _replacement(reader, replacement_id)
        if replacement is not None:
            item.replacement = replacement


class _Reader:
    """Runs statements with the values that all of them share."""

    def __init__(self, connection: asyncpg.Connection, values: Mapping[str, object]) -> None:
        self._connection = connection
        self._values = values

    async def fetch(self, statement: Any, **more: object) -> Sequence[Any]:
        arguments = statement.arguments(**{**self._values, **more})
        rows: Sequence[Any] = await self._connection.fetch(statement.sql, *arguments)
        return rows


async def _replacement(reader: _Reader, product_id: UUID) -> ProductRef | None:
    """Give the first in the line of replacements that the reader can buy, None where none is."""
    next_id: UUID | None = product_id
    for _ in range(REPLACEMENTS_FOLLOWED_MAX):
        if next_id is None:
            break
        ((identifier, name, state, next_id, seen),) = await reader.fetch(
            _REPLACEMENT, product_id=next_id
        )
        if state != ProductState.DISCONTINUED.value:
            return ProductRef(id=identifier, name=name) if seen else None
    return None


async def add_texts(
    platform: Platform,
    caller: Caller,
    named: Iterable[CatalogItem | ProductRef],
    languages: Languages,
) -> None:
    """Call products by what they are called in the reader's languages, where they have texts."""
    items = list(named)
    texts = await texts_of(platform, caller, [item.id for item in items], languages)
    for item in items:
        text = texts.get(item.id)
        if text is None:
            continue
        item.name = text.name
        if isinstance(item, CatalogItem):
            item.language = text.language
            if isinstance(item.description, str):
                item.description = text.description


async def add_availability(
    platform: Platform, caller: Caller, items: Iterable[CatalogItem]
) -> None:
    """Tell of the offers shown what their suppliers show of stock; kept by no cache."""
    offers = [offer for item in items for offer in item.offers]
    told = await availability_now(platform, caller, {offer.id: offer.unit for offer in offers})
    for offer in offers:
        offer.availability = told.get(offer.id) or unknown()
