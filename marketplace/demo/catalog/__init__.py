"""An industrial distributor's catalog of our own making: some five hundred real-looking articles.

Sizes are those of the standards; makers, numbers and prices are invented. GTINs begin with 2, which
no maker owns. `PRODUCTS` and `CATEGORIES` are plain values: the demo sends them over HTTP, tests
and benchmarks take them as they are.
"""

from typing import Final

from marketplace.demo.catalog import bearings, electrical, fasteners, safety, tools
from marketplace.demo.catalog.model import Category, Product, numbered

CATEGORIES: Final[tuple[Category, ...]] = (
    *bearings.CATEGORIES,
    *fasteners.CATEGORIES,
    *electrical.CATEGORIES,
    *safety.CATEGORIES,
    *tools.CATEGORIES,
)
"""Parents before their children."""

PRODUCTS: Final[tuple[Product, ...]] = numbered(
    (
        *bearings.products(),
        *fasteners.products(),
        *electrical.products(),
        *safety.products(),
        *tools.products(),
    )
)

__all__ = ["CATEGORIES", "PRODUCTS", "Category", "Product"]
