"""The books of `benchmarks.adventureworks` on the marketplace: companies, offers, prices, orders.

Everything goes through the product's own API but contracts, which the product concludes from awards
alone so far; these go through the service that awards call.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from benchmarks.adventureworks import CURRENCY, Books, DatedPrice, Product, PurchaseOrder
from benchmarks.parties import Party, each, register
from benchmarks.world import finish_import, start_import
from marketplace.contracts.concluding import conclude
from marketplace.contracts.rules import ContractDraft, ContractPrice, Tier
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction

ONE: Final = Decimal(1)
MAKER: Final = "Adventure Works Cycles"
SYSTEM: Final = "adventureworks"
"""The buyer's system, in which his orders have their numbers."""


@dataclass(frozen=True, slots=True)
class Market:
    """The companies, by the ids the books give them.

    `maker` is the company's selling side: its base list is the history of list prices.
    """

    books: Books
    buyer: Party
    suppliers: Mapping[int, Party]
    maker: Party
    numbers: Mapping[int, str]
    """Product numbers, which are everybody's SKUs."""
    units: Mapping[tuple[int, int], str]
    """By vendor and product."""


async def load_market(
    operator: Party, platform: Platform, books: Books, work: Callable[[], Awaitable[object]]
) -> Market:
    """Register the companies and load products, offers, contract prices and list prices.

    `work` lets a worker do what there is to do; or nothing, where one runs anyway.
    """
    suppliers = await each(
        lambda vendor: register(operator, vendor.name, supplier=True), books.vendors
    )
    market = Market(
        books=books,
        buyer=await register(operator, MAKER, buyer=True),
        suppliers={
            vendor.id: party for vendor, party in zip(books.vendors, suppliers, strict=True)
        },
        maker=await register(operator, f"{MAKER}, sales", supplier=True),
        numbers={product.id: product.number for product in books.products},
        units={(offer.vendor_id, offer.product_id): offer.unit for offer in books.offers},
    )
    await each(lambda product: _add_product(operator, product), books.products)
    await _import_offers(market, work)
    drafts = list(_contracts(market))
    await each(lambda draft: _conclude(market.buyer, platform, draft), drafts)
    await _publish_list_prices(market)
    return market


async def _add_product(operator: Party, product: Product) -> None:
    body = {"name": product.name, "maker": MAKER, "maker_number": product.number}
    await operator.post("/v1/products", body)


async def _import_offers(market: Market, work: Callable[[], Awaitable[object]]) -> None:
    """Import each company's offers as a file; they find their products by the maker's numbers."""
    files: dict[Party, list[tuple[Any, ...]]] = defaultdict(list)
    for offer in market.books.offers:
        files[market.suppliers[offer.vendor_id]].append(
            (
                *_named(market, offer.product_id),
                offer.unit,
                offer.minimum_quantity,
                offer.maximum_quantity,
                offer.lead_time_days,
            )
        )
    for product_id in sorted({price.product_id for price in market.books.list_prices}):
        files[market.maker].append((*_named(market, product_id), "EA", 1, None, None))

    async def start(supplier: Party) -> tuple[Party, str]:
        return supplier, await start_import(supplier, "offers", _COLUMNS, files[supplier])

    started = await each(start, files)
    await work()
    await each(lambda one: finish_import(*one), started)


_COLUMNS: Final = (
    *("sku", "name", "maker", "maker_number"),
    *("unit", "minimum_quantity", "maximum_quantity", "lead_time_days"),
)


def _named(market: Market, product_id: int) -> tuple[str, str, str, str]:
    number = market.numbers[product_id]
    return number, number, MAKER, number


def _contracts(market: Market) -> Iterator[ContractDraft]:
    """Draft a contract for each vendor and term in which some of his prices hold."""
    terms: dict[tuple[int, date, date], list[DatedPrice]] = defaultdict(list)
    for (vendor_id, _), prices in market.books.contract_prices().items():
        for price in prices:
            terms[vendor_id, price.first_day, price.last_day or date.max].append(price)
    for (vendor_id, first_day, last_day), prices in terms.items():
        yield ContractDraft(
            buyer_id=market.buyer.id,
            supplier_id=market.suppliers[vendor_id].id,
            title="Prices as they were paid",
            currency=CURRENCY,
            time_zone="UTC",
            first_day=first_day,
            last_day=last_day,
            prices=tuple(_contract_price(market, vendor_id, price) for price in prices),
        )


async def _conclude(buyer: Party, platform: Platform, draft: ContractDraft) -> None:
    async with system_transaction(platform, Role.ENGINE, organization_id=buyer.id) as tx:
        await conclude(tx, draft)


def _contract_price(market: Market, vendor_id: int, price: DatedPrice) -> ContractPrice:
    number = market.numbers[price.product_id]
    unit = market.units[vendor_id, price.product_id]
    return ContractPrice(number, number, unit, ONE, (Tier(ONE, price.amount),))


async def _publish_list_prices(market: Market) -> None:
    maker = market.maker
    body = {"name": "List prices", "level": "base", "currency": CURRENCY}
    made = await maker.post("/v1/price-lists", body)
    entries = [_list_entry(market, price) for price in market.books.list_prices]
    await maker.put(f"/v1/price-lists/{made['id']}/entries", {"entries": entries})
    await maker.post(f"/v1/price-lists/{made['id']}/publish")


def _list_entry(market: Market, price: DatedPrice) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "sku": market.numbers[price.product_id],
        "unit": "EA",
        "tiers": [{"minimum_quantity": "1", "amount": str(price.amount)}],
        "valid_from": first_instant(price.first_day).isoformat(),
    }
    if price.last_day is not None:
        entry["valid_until"] = end_of(price.last_day).isoformat()
    return entry


def first_instant(day: date) -> datetime:
    """Give the first instant of a day in the books."""
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """Give the first instant after a day in the books."""
    return first_instant(day + timedelta(days=1))


async def check_prices(
    buyer: Party, lines: Sequence[Mapping[str, str]], as_of: datetime
) -> list[dict[str, Any]]:
    """Ask the prices of up to 1,000 lines as of an instant."""
    body = {"currency": CURRENCY, "as_of": as_of.isoformat(), "lines": list(lines)}
    answer: list[dict[str, Any]] = (await buyer.post("/v1/prices/check", body))["lines"]
    return answer


def order_lines(market: Market, order: PurchaseOrder) -> list[dict[str, str]]:
    """Give an order's lines as the API takes them."""
    return [
        {
            "supplier_id": str(market.suppliers[order.vendor_id].id),
            "sku": market.numbers[line.product_id],
            "quantity": f"{line.quantity.normalize():f}",
            "unit": market.units[order.vendor_id, line.product_id],
        }
        for line in order.lines
    ]


async def place_order(market: Market, order: PurchaseOrder) -> dict[str, Any]:
    """Place an order of the books under its own number, at the prices of its day."""
    body = {
        "currency": CURRENCY,
        "external": {"system": SYSTEM, "id": str(order.id)},
        "ordered_at": first_instant(order.ordered_on).isoformat(),
        "lines": order_lines(market, order),
    }
    placed: dict[str, Any] = await market.buyer.post("/v1/orders", body)
    return placed
