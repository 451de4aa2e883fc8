"""A catalog to search in: products with texts, attributes and offers, and who asks for them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import structs
from sqlalchemy import insert, text

from catalog.categories import service as categories
from catalog.categories.schemas import AttributeInput, CategoryInput, NameInput, OptionInput
from catalog.products import keeping, relating
from catalog.products.schemas import (
    ProductInput,
    ProductView,
    RelationInput,
    RelationsInput,
    TextInput,
    ValueInput,
)
from catalog.products.tables import OfferRow, ProductRow, ProductTextRow
from catalog.search import service
from catalog.search.finding import Query
from catalog.search.matching import Filters, Range
from catalog.search.schemas import CatalogPage, Suggestions
from catalog.search.suggestions import suggest
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry, key

__all__ = ["Filters", "Range", "Shelf"]


def names(**by_language: str) -> list[NameInput]:
    return [NameInput(language=language, name=name) for language, name in by_language.items()]


OPEN_OFFER = {
    "description": "",
    "unit": "C62",
    "content_numerator": 1,
    "content_denominator": 1,
    "content_unit": "C62",
    "minimum_quantity": 1,
    "tax_category": "S",
    "audience_id": PUBLIC,
    "origin": "supplier",
    "state": "active",
}


class Shelf:
    """Products, and a buyer who looks for them."""

    def __init__(self, market: Market, operator: Caller) -> None:
        self.market = market
        self.platform = market.platform
        self.operator = operator
        self.categories: dict[str, UUID] = {}

    async def category(
        self,
        code: str,
        parent: str | None = None,
        attributes: Sequence[AttributeInput] = (),
        **called: str,
    ) -> None:
        data = CategoryInput(names=names(**called), parent_code=parent, attributes=list(attributes))
        made = await categories.put_category(self.platform, self.operator, code, data)
        self.categories[code] = made.id

    async def add(
        self,
        name: str,
        sku: str = "",
        *,
        texts: Mapping[str, tuple[str, str]] | None = None,
        values: Mapping[str, str | bool] | None = None,
        offer: Mapping[str, Any] | None = None,
        **content: Any,
    ) -> ProductView:
        data = ProductInput(
            name=name,
            texts=[
                TextInput(language=language, name=told, description=description)
                for language, (told, description) in (texts or {}).items()
            ],
            attributes=[ValueInput(code=code, value=each) for code, each in (values or {}).items()],
            **content,
        )
        made = await keeping.create_product(self.platform, self.operator, data, key())
        if sku:
            await self.market.offer(sku, product_id=made.id, name=name, **(offer or {}))
        return made

    async def stock(self, goods: Sequence[Mapping[str, Any]]) -> None:
        """Put many products on the shelf by few statements, each with an open offer.

        A product is its columns and its `texts`; what is not told is as usual.
        """
        supplier = self.market.supplier.organization_id
        columns = ("name", "maker", "maker_number", "gtin", "category_id")
        keys = {"maker_key": None, "maker_number_key": None}
        usual = {"state": "proposed", "proposed_by": supplier, **keys}
        placed = [(each.get("id") or new_id(), each) for each in goods]
        products = [
            {"id": product_id, **{name: each.get(name) for name in columns}, **usual}
            | {"description": each.get("description", ""), "attributes": each.get("values", {})}
            for product_id, each in placed
        ]
        texts = [
            {"keywords": [], **text, "product_id": product_id}
            for product_id, each in placed
            for text in each["texts"]
        ]
        offers = [
            {"id": new_id(), "supplier_id": supplier, "product_id": product_id, **OPEN_OFFER}
            | {"sku": each.get("sku", f"S-{place}"), "name": each["name"]}
            | {"lead_time_days": each.get("lead_time_days")}
            for place, (product_id, each) in enumerate(placed)
        ]
        async with transaction(self.platform, self.market.supplier) as tx:
            await tx.execute(insert(ProductRow), products)
            await tx.execute(insert(OfferRow), offers)
        async with transaction(self.platform, self.operator) as tx:
            await tx.execute(insert(ProductTextRow), texts)

    async def relate(self, product: ProductView, *others: ProductView, kind: str) -> None:
        relations = [RelationInput(product_id=each.id, kind=kind) for each in others]  # type: ignore[arg-type]
        await relating.put_relations(
            self.platform,
            self.operator,
            product.id,
            product.version,
            RelationsInput(relations=relations),
        )

    async def price(self, **amounts: str) -> None:
        """Publish a base list; underscores in SKUs stand for dashes."""
        entries = [entry(sku.replace("_", "-"), ("1", amount)) for sku, amount in amounts.items()]
        await self.market.price_list(*entries)

    async def page(
        self,
        text: str | None = None,
        *languages: str,
        who: Caller | None = None,
        limit: int = 50,
        after: str | None = None,
        currency: str | None = None,
        **more: Any,
    ) -> CatalogPage:
        query = Query(text=text, languages=languages, **more)
        asked = PageRequest(limit, after)
        buyer = who or self.market.buyer
        return await service.search_catalog(self.platform, buyer, query, currency, asked, languages)

    async def found(self, text: str | None = None, *languages: str, **more: Any) -> list[str]:
        """Give the names of what is found, in order."""
        return [item.name for item in (await self.page(text, *languages, **more)).items]

    async def suggest(
        self, text: str, *languages: str, who: Caller | None = None, limit: int = 10
    ) -> Suggestions:
        return await suggest(self.platform, who or self.market.buyer, text, languages, limit)


_ORDER = text("""
with made as (
    insert into orders (id, buyer_id, unit_id, unit_path, requester_id, request_hash, content_hash,
                        state, currency, total, line_count, terms, note, ordered_at, submitted_at,
                        placed_at)
    values (:id, :buyer, :buyer, array[cast(:buyer as uuid)], :buyer, '', '', 'placed', 'EUR', 1, 2,
            '{}', '', clock(), clock(), clock())
    returning id
)
insert into order_lines (order_id, line, buyer_id, supplier_id, sku, description, unit, quantity,
                         amount, basis, tier_minimum, line_amount, price_level, source_kind,
                         source_id, source_version, provenance, tax_category, cost_centre)
select id, place, :buyer, :supplier, sku, '', 'C62', 1, 1, 1, 1, 1, 'base', 'price_list', id, 1,
       '[]', 'S', ''
from made, unnest(cast(:skus as text[])) with ordinality as line (sku, place)
""")


async def order(shelf: Shelf, company: int, *skus: str) -> None:
    """Write into the books that a company ordered these together."""
    buyer = UUID(int=company + 1_000)
    who = structs.replace(shelf.market.buyer, organization_id=buyer, unit_id=buyer, path=(buyer,))
    values = {
        "id": new_id(),
        "buyer": buyer,
        "supplier": shelf.market.supplier.organization_id,
        "skus": list(skus),
    }
    async with transaction(shelf.platform, who) as tx:
        await tx.execute(_ORDER, values)


def bearing_attributes() -> list[AttributeInput]:
    return [
        AttributeInput(
            code="material",
            kind="enum",
            names=names(en="Material", de="Werkstoff"),
            options=[
                OptionInput(code="steel", names=names(en="Steel", de="Stahl")),
                OptionInput(code="ceramic", names=names(en="Ceramic", de="Keramik")),
            ],
        ),
        AttributeInput(code="sealed", kind="boolean", names=names(en="Sealed", de="Abgedichtet")),
        AttributeInput(code="bore", kind="number", unit="MMT", names=names(en="Bore")),
    ]
