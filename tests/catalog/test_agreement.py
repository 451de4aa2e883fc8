"""Page, check, export, cart and order say the same of random catalogs.

`WAYS` holds every way in which a buyer learns a price; a new one is added there.
"""

import csv
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import insert

from catalog.carts import service as carts
from catalog.carts.reading import read_cart
from catalog.carts.schemas import CartInput, CartLineInput, CartLinesInput
from catalog.customers.tables import CustomerRow
from catalog.exports import own_prices
from catalog.exports.own_prices import export_own_prices
from catalog.exports.writers import ExportFormat
from catalog.price_lists import discounts
from catalog.price_lists.quoting import CatalogPrices
from catalog.price_lists.schemas import PriceDiscountInput, PriceDiscountsInput, PriceEntryInput
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import line_amount, rounded
from marketplace.orders.ports import PriceQuote, PriceRequest
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.parties import Market, entry, key

SKUS = [f"S{number}" for number in range(8)]
Told = dict[str, str]
"""By SKU: ``amount level`` of a line, or nothing where there is no price."""


class Draw(Random):
    """Draws what a catalog is made of.

    Where steps of a graduated ladder and of another stand below each other, a file's columns do not
    tell them apart; so graduated ladders here begin at one piece, and best prices have none.
    """

    best_price = False

    def tiers(self, *, from_one: bool = False) -> list[tuple[str, str]]:
        starts = set(self.sample([1, 2, 5, 10, 50], self.randint(1, 3)))
        starts |= {1} if from_one else set()
        return [
            (str(start), str(Decimal(self.randint(1, 999_999)) / 10_000))
            for start in sorted(starts)
        ]

    def entries(self) -> list[PriceEntryInput]:
        made = []
        for sku in self.sample(SKUS, self.randint(2, 7)):
            graduated = not self.best_price and self.random() < 0.3
            mode = "graduated" if graduated else "volume"
            basis = self.choice(["1", "1", "100"])
            tiers = self.tiers(from_one=graduated)
            made.append(entry(sku, *tiers, basis=basis, volume_mode=mode))
        return made

    def mode(self) -> str:
        return self.choice(["exclusive", "fill_gaps"])


async def fill(market: Market, draw: Draw) -> None:
    """Make offers, lists on several levels, percentages, contracts, and perhaps a policy."""
    draw.best_price = draw.random() < 0.5
    for sku in SKUS:
        least = draw.choice(["1", "1", "2", "5"])
        await market.offer(sku, minimum_quantity=least, multiple=draw.choice([None, least]))
    base = await market.price_list(*draw.entries(), mode=draw.mode())
    for priority in range(2):
        to = draw.choice([market.buyer, market.site, market.rival])
        mode = draw.mode()
        made = await market.price_list(
            *draw.entries(), level="organization", to=[to], priority=priority, mode=mode
        )
        if draw.random() < 0.7:
            percent = str(draw.randint(1, 40))
            given = [PriceDiscountInput(percent_off=percent, of_list_id=base.id)]
            data = PriceDiscountsInput(discounts=given)
            await discounts.put_discounts(market.platform, market.supplier, made.id, data)
            await market.publish(made.id)
    for sku in draw.sample(SKUS, 2):
        await market.contract(sku, *draw.tiers(), units=draw.choice([[], [market.site]]))
    if draw.best_price:
        async with transaction(market.platform, market.supplier) as tx:
            await tx.execute(
                insert(CustomerRow).values(
                    supplier_id=market.supplier.organization_id,
                    buyer_id=market.buyer.organization_id,
                    price_policy="best_price",
                )
            )


def told(amount: str, level: str) -> str:
    return f"{Decimal(amount):.2f} {level}"


async def by_check(market: Market, who: Caller, quantities: dict[str, str]) -> Told:
    answers = {sku: await market.check(sku, n, who=who) for sku, n in quantities.items()}
    return {
        sku: told(line.price.line_amount.amount, line.price.level)
        for sku, line in answers.items()
        if line.price
    }


async def by_order(market: Market, who: Caller, quantities: dict[str, str]) -> Told:
    supplier_id = market.supplier.organization_id
    requests = [
        PriceRequest(supplier_id, sku, Decimal(n), "C62", "EUR") for sku, n in quantities.items()
    ]
    async with transaction(market.platform, who) as tx:
        answers = await CatalogPrices().quote(tx, who.path, requests, tx.opened_at)
    return {
        sku: told(str(answer.line_amount.amount), answer.level)
        for sku, answer in zip(quantities, answers, strict=True)
        if isinstance(answer, PriceQuote)
    }


async def by_cart(market: Market, who: Caller, quantities: dict[str, str]) -> Told:
    data = CartInput(name=str(new_id()), currency="EUR")
    cart = await carts.create_cart(market.platform, who, data, key())
    supplier_id = market.supplier.organization_id
    lines = [CartLineInput(supplier_id, sku, n, "C62") for sku, n in quantities.items()]
    if lines:
        await carts.put_lines_in(market.platform, who, cart.id, CartLinesInput(lines), key())
    read = await read_cart(market.platform, who, cart.id)
    return {
        line.sku: told(line.price.line_amount.amount, line.price.level)
        for line in read.lines
        if line.price
    }


async def by_page(market: Market, who: Caller, quantities: dict[str, str]) -> Told:
    """Give what the page says; it chooses the quantity, so only where that is the one asked."""
    offers = [item.offers[0] for item in await market.catalog(who=who)]
    return {
        offer.sku: told(offer.price.line_amount.amount, offer.price.level)
        for offer in offers
        if offer.price and offer.price.quantity == quantities.get(offer.sku)
    }


async def by_export(market: Market, who: Caller, quantities: dict[str, str]) -> Told:
    """Reckon lines with the ladders of the file, as an ERP that took it over would."""
    pieces = export_own_prices(market.platform, who, ExportFormat.CSV, "EUR")
    text = b"".join([piece async for piece in pieces]).decode("utf-8-sig")
    ladders: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row["amount"]:
            ladders.setdefault(row["sku"], []).append(row)
    found: Told = {}
    for sku, n in quantities.items():
        reached = [r for r in ladders.get(sku, []) if Decimal(r["minimum_quantity"]) <= Decimal(n)]
        if reached:
            found[sku] = told(str(reckoned(reached, Decimal(n))), reached[-1]["level"])
    return found


def reckoned(reached: list[dict[str, str]], quantity: Decimal) -> Decimal:
    last = reached[-1]
    basis = Decimal(last["basis"])
    if last["volume_mode"] == "volume":
        return line_amount(quantity, Decimal(last["amount"]), basis, "EUR").amount
    steps = [row for row in reached if row["level"] == last["level"]]
    pieces = Decimal(0)
    for number in range(1, int(quantity) + 1):
        at = [row for row in steps if Decimal(row["minimum_quantity"]) <= number] or steps[:1]
        pieces += Decimal(at[-1]["amount"])
    return rounded(pieces / basis, "EUR")


Way = Callable[[Market, Caller, dict[str, str]], Awaitable[Told]]
WAYS: dict[str, Way] = {
    "check": by_check,
    "order": by_order,
    "cart": by_cart,
    "export": by_export,
}
"""Ways that answer any quantity; the page answers at one of its own."""


@pytest.mark.parametrize("seed", range(6))
async def test_page_check_export_cart_and_order_agree_on_a_random_catalog(
    market: Market, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that Postgres puts together what is behind the first two
    monkeypatch.setattr(own_prices, "EXPORT_FIRST_ROWS", 2)
    draw = Draw(seed)
    await fill(market, draw)
    priced = 0
    for who in (market.buyer, market.site, market.rival):
        shown = {item.offers[0].sku: item.offers[0] for item in await market.catalog(who=who)}
        # at the quantity the page chose, where it has a price
        quantities = {sku: shown[sku].price.quantity for sku in shown if shown[sku].price}  # type: ignore[union-attr]
        answers = {name: await way(market, who, quantities) for name, way in WAYS.items()}
        answers["page"] = await by_page(market, who, quantities)
        assert all(answer == answers["page"] for answer in answers.values()), (seed, answers)
        priced += len(quantities)
        # and at any other
        others = {sku: str(draw.choice([1, 2, 5, 10, 20, 60])) for sku in SKUS}
        expected = await by_check(market, who, others)
        assert await by_order(market, who, others) == expected
        assert await by_cart(market, who, others) == expected
        exported = await by_export(market, who, expected and {s: others[s] for s in expected})
        assert exported == expected
    assert priced > 5
