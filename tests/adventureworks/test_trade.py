"""A real company's purchasing, 2011 to 2014: every price and every order, through the product."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.adventureworks import PurchaseOrder
from benchmarks.adventureworks_market import (
    Market,
    check_prices,
    end_of,
    first_instant,
    order_lines,
    place_order,
)
from benchmarks.parties import each
from tests.adventureworks.conftest import Trade

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1800)]

LAST_INSTANT = timedelta(microseconds=1)
ORDERS_PLACED = int(os.environ.get("ADVENTUREWORKS_ORDERS", "320"))
"""How many of the 4,012 orders are placed; `make long` places all."""


async def test_every_line_and_subtotal_is_priced_as_it_was_recorded(trade: Trade) -> None:
    market = trade.market
    priced = await _prices_of_all_orders(market)
    exact, cents = Decimal(0), Decimal(0)
    for order in market.books.orders:
        subtotal = Decimal(0)
        for line, price in zip(order.lines, priced[order.id], strict=True):
            amount = line.quantity * Decimal(price["amount"]) / Decimal(price["basis"])
            assert amount == line.total
            assert price["level"] == "contract"
            subtotal += amount
            cents += Decimal(price["line_amount"]["amount"])
        assert subtotal == order.subtotal
        exact += subtotal
    assert sum(map(len, priced.values())) == 8_845
    assert len(priced) == 4_012
    assert exact == Decimal("63791994.8380")
    assert cents == Decimal("63792005.94")


async def _prices_of_all_orders(market: Market) -> dict[int, Sequence[Mapping[str, Any]]]:
    """Ask for all lines of a day together, as of its first instant; give prices by order."""
    by_day: dict[date, list[PurchaseOrder]] = defaultdict(list)
    for order in market.books.orders:
        by_day[order.ordered_on].append(order)
    priced: dict[int, Sequence[Mapping[str, Any]]] = {}

    async def ask(day: date) -> None:
        orders = by_day[day]
        lines = [line for order in orders for line in order_lines(market, order)]
        answers = iter(await check_prices(market.buyer, lines, first_instant(day)))
        for order in orders:
            priced[order.id] = [next(answers)["price"] for _ in order.lines]

    await each(ask, by_day)
    return priced


async def test_a_list_price_counts_from_its_first_to_its_last_instant_and_not_outside(
    trade: Trade,
) -> None:
    market = trade.market
    prices = market.books.list_prices
    assert len(prices) == 395
    instants = {
        instant
        for price in prices
        for instant in (first_instant(price.first_day), _last_instant(price.last_day))
    }
    at = {instant: await _list_prices_at(market, instant) for instant in sorted(instants)}
    for price in prices:
        number = market.numbers[price.product_id]
        assert at[first_instant(price.first_day)][number] == price.amount
        assert at[_last_instant(price.last_day)][number] == price.amount
    first_days, last_days = _terms(market)
    for product_id, first_day in first_days.items():
        before = await _list_prices_at(market, first_instant(first_day) - LAST_INSTANT)
        assert before[market.numbers[product_id]] is None
    for product_id, last_day in last_days.items():
        after = await _list_prices_at(market, end_of(last_day))
        assert after[market.numbers[product_id]] is None
    assert len(first_days) == 293


def _last_instant(last_day: date | None) -> Any:
    far = date(2030, 1, 1)
    return end_of(last_day or far) - LAST_INSTANT


def _terms(market: Market) -> tuple[dict[int, date], dict[int, date]]:
    """Give, by product, the first day it has a list price, and its last day where it has one."""
    spans = defaultdict(list)
    for price in market.books.list_prices:
        spans[price.product_id].append(price)
    first = {product_id: min(p.first_day for p in prices) for product_id, prices in spans.items()}
    last = {
        product_id: max(p.last_day for p in prices if p.last_day is not None)
        for product_id, prices in spans.items()
        if all(p.last_day is not None for p in prices)
    }
    return first, last


_known: dict[Any, dict[str, Decimal | None]] = {}


async def _list_prices_at(market: Market, instant: Any) -> dict[str, Decimal | None]:
    if instant not in _known:
        numbers = sorted({market.numbers[p.product_id] for p in market.books.list_prices})
        lines = [{"supplier_id": str(market.maker.id), "sku": number} for number in numbers]
        answers = await check_prices(market.buyer, lines, instant)
        _known[instant] = {
            answer["sku"]: Decimal(answer["price"]["amount"]) if "price" in answer else None
            for answer in answers
        }
    return _known[instant]


async def test_the_orders_come_back_from_the_feed_once_each_and_in_order(trade: Trade) -> None:
    market = trade.market
    numbers: dict[str, int] = {}
    wave_of: dict[int, int] = {}
    # Orders of one wave are placed at once, and each wave after the one before.
    bought = market.books.orders[:ORDERS_PLACED]
    for wave, orders in enumerate(_waves(bought, 16)):
        for order, placed in zip(
            orders, await each(lambda o: place_order(market, o), orders, at_once=16), strict=True
        ):
            assert placed["state"] == "placed"
            assert placed["external"]["id"] == str(order.id)
            assert Decimal(placed["total"]["amount"]) == _total(order)
            numbers[placed["id"]] = order.id
            wave_of[order.id] = wave
    await trade.worker.run_until_idle()
    read = [
        numbers[event["subject"]["id"]]
        for event in await _feed(market)
        if event["kind"] == "order.placed"
    ]
    assert len(read) == len(bought) == min(ORDERS_PLACED, 4_012)
    assert set(read) == {order.id for order in bought}
    waves = [wave_of[order_id] for order_id in read]
    assert waves == sorted(waves)


def _waves(orders: Sequence[PurchaseOrder], size: int) -> list[Sequence[PurchaseOrder]]:
    return [orders[start : start + size] for start in range(0, len(orders), size)]


def _total(order: PurchaseOrder) -> Decimal:
    return sum(
        (line.total.quantize(Decimal("0.01"), "ROUND_HALF_UP") for line in order.lines), Decimal(0)
    )


async def _feed(market: Market) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after = "0"
    while True:
        page = await market.buyer.get("/v1/events", limit=200, after=after)
        events += page["items"]
        if not page["items"]:
            return events
        after = page["next"]
