"""How three suppliers sell the demo's catalog: what they carry, in which packs, at what price.

The same article comes by the piece from one, by the box from another, and in small lots from the
third: so offers of one product can be compared only by what a unit holds.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Final

from marketplace.demo.catalog import PRODUCTS, Product
from marketplace.demo.wares import ASSORTMENTS, PriceRow, Ware

HUNDRED_BELOW: Final = Decimal(1)
"""Cheaper things have their price per 100, as in every list of small parts."""
TIERS: Final = ((1, "1"), (10, "0.95"), (50, "0.88"))
"""From how many times the smallest order on, which share of the price."""
OFFER_COLUMNS: Final = (
    "sku",
    "name",
    "description",
    "unit",
    "maker",
    "maker_number",
    "gtin",
    "content",
    "content_unit",
    "minimum_quantity",
    "multiple",
    "lead_time_days",
)
PRICE_COLUMNS: Final = ("sku", "unit", "minimum_quantity", "amount", "basis")


@dataclass(frozen=True, slots=True)
class Sale:
    """How one article is sold: one `unit` holds `content` pieces, pairs or metres of it."""

    unit: str
    content: int
    content_unit: str
    minimum: int
    multiple: int


def by_the_piece(product: Product) -> Sale:
    """Sell whole packs, counted in pieces."""
    return Sale(product.unit, 1, product.unit, product.pack, product.pack)


def by_the_box(product: Product) -> Sale:
    """Sell boxes, reels of what comes by the metre, and what is in no box by the piece."""
    if product.pack == 1:
        return Sale(product.unit, 1, product.unit, 1, 1)
    box = "XRL" if product.unit == "MTR" else "XBX"
    return Sale(box, product.pack, product.unit, 1, 1)


def in_small_lots(product: Product) -> Sale:
    """Sell a tenth of a pack as well."""
    lot = max(1, product.pack // 10)
    return Sale(product.unit, 1, product.unit, lot, lot)


@dataclass(frozen=True, slots=True)
class Range:
    """What one supplier carries and how: his prefix, price level, packs, and lead time."""

    prefix: str
    factor: Decimal
    sale: Callable[[Product], Sale]
    lead_time_days: int
    carries: Callable[[Product], bool]
    wares: tuple[Ware, ...]

    @property
    def products(self) -> tuple[Product, ...]:
        """The products of the catalog he offers."""
        return tuple(product for product in PRODUCTS if self.carries(product))

    def sku(self, number: str) -> str:
        """Give his own number of an article."""
        return f"{self.prefix}-{number}"

    def offers_csv(self) -> bytes:
        """Give his offers as his system exports them."""
        return _csv(OFFER_COLUMNS, self._offers())

    def _offers(self) -> Iterator[tuple[object, ...]]:
        for product in self.products:
            sale = self.sale(product)
            yield (
                self.sku(product.number),
                product.name.en,
                product.description.en,
                sale.unit,
                product.maker,
                product.number,
                product.gtin,
                sale.content,
                sale.content_unit,
                sale.minimum,
                sale.multiple,
                self.lead_time_days,
            )
        for ware in self._wares_beside():
            names = (self.sku(ware.number), ware.name, ware.description, ware.unit)
            terms = (1, ware.unit, ware.multiple, ware.multiple, self.lead_time_days)
            yield (*names, ware.maker, ware.number, "", *terms)

    def _wares_beside(self) -> Iterator[Ware]:
        """Give the articles that every demo has and the catalog has not."""
        numbers = {product.number for product in self.products}
        yield from (ware for ware in self.wares if ware.number not in numbers)

    def prices_csv(self, discount: Decimal = Decimal(0), beside: Sequence[PriceRow] = ()) -> bytes:
        """Give his prices in three tiers, all lowered by `discount` (a fraction)."""
        rows = self._prices(self.factor * (1 - discount))
        return _csv(PRICE_COLUMNS, chain(rows, ((*row, 1) for row in beside)))

    def _prices(self, factor: Decimal) -> Iterator[tuple[object, ...]]:
        for product in self.products:
            sale = self.sale(product)
            amount = product.price * sale.content * factor
            yield from _ladder(self.sku(product.number), sale.unit, sale.minimum, amount)
        for ware in self._wares_beside():
            amount = ware.price * factor
            yield from _ladder(self.sku(ware.number), ware.unit, ware.multiple, amount)


def _ladder(sku: str, unit: str, minimum: int, amount: Decimal) -> Iterator[tuple[object, ...]]:
    basis = 100 if amount < HUNDRED_BELOW else 1
    for times, share in TIERS:
        price = (amount * basis * Decimal(share)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        yield (sku, unit, minimum * times, f"{price:f}", basis)


def _csv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _everything(_product: Product) -> bool:
    return True


def _no_drives(product: Product) -> bool:
    return product.maker != "Falkenau" or product.category == "deep-groove-ball-bearings"


def _drives_electrical_safety(product: Product) -> bool:
    return product.maker in {"Falkenau", "Lindvik", "Tarn"}


_KESSLER, _BALTIC, _DONAU = ASSORTMENTS.values()
RANGES: Final = dict(
    zip(
        ASSORTMENTS,
        (
            Range("KA", Decimal("1.00"), by_the_piece, 2, _everything, _KESSLER.wares),
            Range("BIS", Decimal("0.96"), by_the_box, 5, _no_drives, _BALTIC.wares),
            Range(
                "DTH", Decimal("1.05"), in_small_lots, 1, _drives_electrical_safety, _DONAU.wares
            ),
        ),
        strict=True,
    )
)
"""By the suppliers' names."""
