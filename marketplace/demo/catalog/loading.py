"""The catalog on its way into the marketplace, over HTTP: by the operator, then by suppliers."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final

from marketplace.demo.catalog import CATEGORIES, PRODUCTS
from marketplace.demo.catalog.model import Product
from marketplace.demo.catalog.suppliers import RANGES
from marketplace.demo.registration import DemoCompany, stock_supplier
from marketplace.demo.story import Actor

AT_ONCE: Final = 8
"""Requests under way: as many as a server of two cores has a use for."""
TAKEN: Final = 409


async def load_catalog(
    operator: Actor, buyer: DemoCompany, suppliers: Iterable[DemoCompany]
) -> None:
    """Make categories and products, then every supplier's offers, base list and buyer's list."""
    await load_products(operator)
    pairs = zip(suppliers, RANGES.values(), strict=True)
    await asyncio.gather(
        *(stock_supplier(operator, supplier, goods, buyer) for supplier, goods in pairs)
    )


async def load_products(operator: Actor) -> None:
    """Make what is missing of categories and products; the operator's work."""
    categories = {}
    for category in CATEGORIES:  # one by one: parents come first
        path = f"/v1/categories/by-code/{category.code}"
        categories[category.code] = (await operator.put(path, category.body()))["id"]
    free = asyncio.Semaphore(AT_ONCE)

    async def within(work: Awaitable[Any]) -> Any:
        async with free:
            return await work

    made = await asyncio.gather(
        *(within(_make(operator, product, categories[product.category])) for product in PRODUCTS)
    )
    ids = {
        (product.maker, product.number): view["id"]
        for product, view in zip(PRODUCTS, made, strict=True)
    }
    await asyncio.gather(
        *(
            within(_relate(operator, product, view, ids))
            for product, view in zip(PRODUCTS, made, strict=True)
            if view["version"] == 1 and (product.accessories or product.substitutes)
        )
    )


async def _make(operator: Actor, product: Product, category_id: str) -> dict[str, Any]:
    """Make a product, or find the one an earlier start made."""
    view: dict[str, Any] = await operator.post(
        "/v1/products", product.body(category_id), once=True, expect=(201, TAKEN)
    )
    if "id" not in view:
        found = await operator.get("/v1/products", params={"gtin": product.gtin})
        (view,) = found["items"]
    return view


async def _relate(
    operator: Actor, product: Product, view: dict[str, Any], ids: dict[tuple[str, str], str]
) -> None:
    relations = [
        {"product_id": ids[product.maker, number], "kind": kind}
        for kind, numbers in (
            ("accessory", product.accessories),
            ("substitute", product.substitutes),
        )
        for number in numbers
    ]
    await operator.put(
        f"/v1/products/{view['id']}/relations",
        {"relations": relations},
        headers={"If-Match": f'"{view["version"]}"'},
    )
