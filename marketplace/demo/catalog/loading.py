"""The catalog on its way into the marketplace, over HTTP: by the operator, then by suppliers."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from marketplace.demo.catalog import CATEGORIES, PRODUCTS
from marketplace.demo.catalog.model import Product
from marketplace.demo.catalog.suppliers import RANGES
from marketplace.demo.registration import (
    DemoCompany,
    price_another_buyer,
    run_import,
    stock_suppliers,
)
from marketplace.demo.story import Actor
from marketplace.kernel.limits import PAGE_ITEMS_MAX

AT_ONCE: Final = 8
"""Requests under way: as many as a server of two cores has a use for."""


async def load_catalog(
    operator: Actor, buyer: DemoCompany, suppliers: Sequence[DemoCompany]
) -> None:
    """Make categories and products, then every supplier's offers, base list and buyer's list."""
    await load_products(operator)
    ranges = list(RANGES.values())
    await stock_suppliers(operator, buyer, suppliers, ranges)
    await price_another_buyer(operator, suppliers[0], ranges[0].prefix)


async def load_products(operator: Actor) -> None:
    """Make what is missing of categories and products; the operator's work."""
    for category in CATEGORIES:  # one by one: parents come first
        await operator.put(f"/v1/categories/by-code/{category.code}", category.body())
    file = b"".join(msgspec.json.encode(product.row()) + b"\n" for product in PRODUCTS)
    await run_import(operator, "products", file, media_type="application/x-ndjson")
    made = await _products(operator)
    related = (product for product in PRODUCTS if product.accessories or product.substitutes)
    free = asyncio.Semaphore(AT_ONCE)

    async def relate(product: Product) -> None:
        async with free:
            await _relate(operator, product, made)

    await asyncio.gather(*map(relate, related))


async def _products(operator: Actor) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the marketplace's products by maker and his number."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    params: dict[str, str | int] = {"limit": PAGE_ITEMS_MAX}
    while True:
        page = await operator.get("/v1/products", params=params)
        made |= {(view["maker"], view["maker_number"]): view for view in page["items"]}
        if page.get("next") is None:
            return made
        params["after"] = page["next"]


async def _relate(
    operator: Actor, product: Product, made: dict[tuple[str, str], dict[str, Any]]
) -> None:
    view = made[product.maker, product.number]
    relations = [
        {"product_id": made[product.maker, number]["id"], "kind": kind}
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
