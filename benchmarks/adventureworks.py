"""A real company's purchasing, read from its tables: what it buys from whom, and what it paid.

The tables lie beside the repository and are never copied into it; `DATA` is None where they are
not. They are separated by tabs and have no header. Amounts are dollars with up to four decimals;
dates are days of the company's books, taken as UTC.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final

_PLACE: Final = Path(__file__).parents[2] / "shared" / "data" / "adventureworks"
DATA: Final = _PLACE if (_PLACE / "PurchaseOrderHeader.csv").exists() else None

UNITS: Final = {
    "CAN": "XCI",  # canister
    "CS": "XCS",  # case
    "CTN": "XCT",  # carton; the same letters are a content ton in Rec 20
    "DZ": "DZN",
    "EA": "EA",
    "GAL": "GLL",  # US gallon
    "PAK": "XPK",
}
"""From the company's own unit codes to UN/ECE's."""
CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A supplier."""

    id: int
    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """Something bought or made."""

    id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A vendor's way of selling a product."""

    vendor_id: int
    product_id: int
    unit: str
    minimum_quantity: int
    maximum_quantity: int
    lead_time_days: int
    standard_price: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a purchase order; `total` is as it was recorded."""

    product_id: int
    quantity: Decimal
    unit_price: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """A purchase order, as it was recorded."""

    id: int
    vendor_id: int
    ordered_on: date
    subtotal: Decimal
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A price of a product from its first day to its last, both included; None: until further."""

    product_id: int
    amount: Decimal
    first_day: date
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Books:
    """All of it."""

    vendors: tuple[Vendor, ...]
    products: tuple[Product, ...]
    offers: tuple[Offer, ...]
    orders: tuple[PurchaseOrder, ...]
    list_prices: tuple[DatedPrice, ...]

    def contract_prices(self) -> dict[tuple[int, int], list[DatedPrice]]:
        """Give, by vendor and product, the prices paid, each until the day before the next.

        The first one holds from the day the books begin, the last one until they end.
        """
        paid: dict[tuple[int, int], list[tuple[date, Decimal]]] = defaultdict(list)
        for order in self.orders:
            for line in order.lines:
                paid[order.vendor_id, line.product_id].append((order.ordered_on, line.unit_price))
        days = [order.ordered_on for order in self.orders]
        begins, ends = min(days), max(days)
        return {
            pair: _dated(pair[1], sorted(prices), begins, ends) for pair, prices in paid.items()
        }


def _dated(
    product_id: int, paid: Sequence[tuple[date, Decimal]], first_day: date, last_day: date
) -> list[DatedPrice]:
    prices = [(amount, next(runs)[0]) for amount, runs in groupby(paid, key=lambda each: each[1])]
    firsts = [first_day, *(first for _, first in prices[1:])]
    lasts = [*(first - timedelta(days=1) for first in firsts[1:]), last_day]
    return [
        DatedPrice(product_id, amount, first, last)
        for (amount, _), first, last in zip(prices, firsts, lasts, strict=True)
    ]


def read_books(directory: Path) -> Books:
    """Read the tables of a directory."""
    return Books(
        vendors=tuple(
            Vendor(int(row[0]), row[1], row[2]) for row in _rows(directory / "Vendor.csv")
        ),
        products=tuple(
            Product(int(row[0]), row[2], row[1]) for row in _rows(directory / "Product.csv")
        ),
        offers=tuple(
            Offer(
                vendor_id=int(row[2]),
                product_id=int(row[1]),
                unit=UNITS[row[10].strip()],
                minimum_quantity=int(row[7]),
                maximum_quantity=int(row[8]),
                lead_time_days=int(row[3]),
                standard_price=Decimal(row[4]),
            )
            for row in _rows(directory / "ProductVendor.csv")
        ),
        orders=tuple(_orders(directory)),
        list_prices=tuple(
            DatedPrice(int(row[1]), Decimal(row[4]), _day(row[2]), _day(row[3]) if row[3] else None)
            for row in _rows(directory / "ProductListPriceHistory.csv")
        ),
    )


def _orders(directory: Path) -> Iterator[PurchaseOrder]:
    lines: dict[int, list[Line]] = defaultdict(list)
    for row in _rows(directory / "PurchaseOrderDetail.csv"):
        line = Line(int(row[4]), Decimal(row[3]), Decimal(row[5]), Decimal(row[6]))
        lines[int(row[0])].append(line)
    for row in _rows(directory / "PurchaseOrderHeader.csv"):
        id_ = int(row[0])
        yield PurchaseOrder(id_, int(row[4]), _day(row[6]), Decimal(row[8]), tuple(lines[id_]))


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            yield line.rstrip("\r\n").split("\t")
