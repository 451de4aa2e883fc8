"""What buyers are told of their prices, and what orders are quoted; on the real Postgres."""

from decimal import Decimal

import msgspec
import pytest

from catalog.price_lists.checking import check_prices
from catalog.price_lists.quoting import CatalogPrices
from catalog.price_lists.schemas import (
    PriceCheckInput,
    PriceCheckLine,
)
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.money import Money
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest
from marketplace.platform.database import transaction
from tests.catalog.parties import Market, entry


async def test_an_explanation_names_the_winner_and_every_loser_of_ones_own(
    market: Market,
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    mine = await market.price_list(
        entry("A", ("1", "9"), ("10", "8")), level="organization", to=[market.buyer]
    )
    await market.price_list(entry("A", ("1", "1")), level="organization", to=[market.rival])
    await market.price_list(entry("A", ("1", "2")), level="organization", to=[market.site])
    line = await market.check("A", "12", explain=True)
    assert line.price
    assert (line.price.amount, line.price.source.id) == ("8", mine.id)
    assert line.price.line_amount.amount == "96.00"
    assert msgspec.json.decode(msgspec.json.encode(line.price.ladder)) == [
        {"minimum_quantity": "1", "amount": "9"},
        {"minimum_quantity": "10", "amount": "8"},
    ]
    assert line.price.losers
    assert [(x.reason, x.source.id, x.tiers[0].amount) for x in line.price.losers] == [
        ("shadowed_by_level", base.id, "10")
    ]
    plain = await market.check("A", "12")
    assert plain.price
    assert not plain.price.losers


async def test_what_is_not_in_the_buyers_catalog_answers_as_an_unknown_sku(
    market: Market,
) -> None:
    await market.offer("HIDDEN", visibility="nobody")
    await market.offer("THEIRS", buyer_id=market.rival.organization_id)
    await market.offer("GONE", state="withdrawn")
    priced = [entry(sku, ("1", "1")) for sku in ("HIDDEN", "THEIRS", "GONE")]
    await market.price_list(*priced)
    for sku in ("HIDDEN", "THEIRS", "GONE", "NEVER"):
        line = await market.check(sku, explain=True)
        assert line.no_price
        assert line.no_price.reason == "unknown_sku"
        assert not line.no_price.losers
    assert await market.told("THEIRS", who=market.rival) == "1 base"


async def test_lines_without_a_price_leave_the_others_alone(market: Market) -> None:
    await market.offer("A", minimum_quantity="5", multiple="5", maximum_quantity="20")
    await market.offer("B")
    await market.price_list(entry("A", ("1", "2.5")), entry("B", ("10", "3")))
    supplier_id = market.supplier.organization_id
    wanted = [("A", "5"), ("A", "5"), ("A", "4"), ("A", "7"), ("A", "25"), ("B", "9"), ("C", "1")]
    data = PriceCheckInput(
        currency="EUR",
        lines=[PriceCheckLine(supplier_id=supplier_id, sku=s, quantity=q) for s, q in wanted],
    )
    answer = await check_prices(market.platform, market.buyer, data)
    assert [
        x.price.line_amount.amount if x.price else x.no_price and x.no_price.reason
        for x in answer.lines
    ] == [
        "12.50",
        "12.50",
        "below_minimum_quantity",
        "not_a_multiple",
        "above_maximum_quantity",
        "below_minimum_quantity",
        "unknown_sku",
    ]
    assert answer.lines[5].no_price
    assert answer.lines[5].no_price.minimum_quantity == "10"


async def test_units_and_currencies_are_priced_by_their_own_entries(market: Market) -> None:
    await market.offer("A")
    await market.price_list(
        entry("A", ("1", "10")), entry("A", ("1", "110"), unit="XBX"), mode="fill_gaps"
    )
    await market.price_list(entry("A", ("1", "1500")), currency="JPY", priority=1)
    assert await market.told("A", unit="XBX") == "110 base"
    assert await market.told("A", unit="KGM") == "wrong_unit"
    assert await market.told("A", currency="JPY") == "1500 base"
    assert await market.told("A", currency="USD") == "wrong_currency"


async def test_a_ladder_made_of_two_lists_tells_where_each_step_comes_from(
    market: Market,
) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10"), ("50", "9")))
    await market.price_list(
        entry("A", ("20", "8")), level="organization", to=[market.buyer], mode="fill_gaps"
    )
    line = await market.check("A", "5")
    assert line.price
    assert [(s.minimum_quantity, s.amount, s.level) for s in line.price.ladder] == [
        ("1", "10", "base"),
        ("20", "8", "organization"),
    ]


async def test_a_price_per_hundred_stays_one(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "0.35"), basis="100"))
    line = await market.check("A", "300")
    assert line.price
    assert (line.price.amount, line.price.basis) == ("0.35", "100")
    assert line.price.line_amount.amount == "1.05"


async def test_lines_that_cannot_be_read_are_all_pointed_at(market: Market) -> None:
    supplier_id = market.supplier.organization_id
    lines = [
        PriceCheckLine(supplier_id=supplier_id, sku="A", quantity="0"),
        PriceCheckLine(supplier_id=supplier_id, sku="A", quantity="1", unit="FOO"),
        PriceCheckLine(supplier_id=supplier_id, sku="A", quantity="1.5", unit="C62"),
    ]
    with pytest.raises(InvalidInput) as refused:
        await check_prices(
            market.platform, market.buyer, PriceCheckInput(currency="EUR", lines=lines)
        )
    assert [e.pointer for e in refused.value.errors] == [
        "/lines/0/quantity",
        "/lines/1/unit",
        "/lines/2/quantity",
    ]
    with pytest.raises(InvalidInput):
        await check_prices(
            market.platform, market.buyer, PriceCheckInput(currency="XXX", lines=lines[:1])
        )


# Contracts, and the port of orders


async def test_a_contract_counts_above_the_buyers_list_and_leaves_small_quantities_to_it(
    market: Market,
) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    await market.contract("A", ("10", "11"))
    assert await market.told("A", "10") == "11 contract"
    assert await market.told("A", "9") == "9 organization"
    assert await market.told("A", "10", who=market.rival) == "no_price"


async def test_a_contract_for_one_unit_is_not_the_companys(market: Market) -> None:
    await market.offer("A")
    await market.contract("A", ("1", "7"), units=[market.site])
    assert await market.told("A", who=market.site) == "7 contract"
    assert await market.told("A") == "no_price"


async def test_a_contract_prices_an_sku_that_is_in_no_catalog(market: Market) -> None:
    await market.contract("AGREED", ("1", "7"))
    assert await market.told("AGREED") == "7 contract"
    assert await market.told("AGREED", who=market.rival) == "unknown_sku"


async def test_orders_are_quoted_as_the_check_answers(market: Market) -> None:
    await market.offer("A", name="Bolt", tax_category="Z")
    await market.offer("B", minimum_quantity="10")
    mine = await market.price_list(
        entry("A", ("1", "9"), ("10", "8.5")),
        entry("B", ("1", "1")),
        level="organization",
        to=[market.buyer],
    )
    contract_id = await market.contract("C", ("1", "3"))
    supplier_id = market.supplier.organization_id
    asked = [("A", "12", "C62"), ("B", "5", "C62"), ("C", "2", "C62"), ("A", "1", "XBX")]
    requests = [PriceRequest(supplier_id, s, Decimal(q), u, "EUR") for s, q, u in asked]
    async with transaction(market.platform, market.buyer) as tx:
        answers = await CatalogPrices().quote(tx, market.buyer.path, requests, tx.opened_at)
    first, second, third, fourth = answers
    assert isinstance(first, PriceQuote)
    assert (first.amount, first.tier_minimum, first.level) == (Decimal("8.5"), 10, "organization")
    assert (first.source.kind, first.source.id, first.source.version) == (
        "price_list",
        mine.id,
        1,
    )
    assert first.line_amount == Money(Decimal("102.00"), "EUR")
    assert (first.description, first.tax_category, first.provenance) == ("Bolt", "Z", ())
    assert isinstance(second, NoPriceQuote)
    assert (second.code, second.field) == ("below_minimum_quantity", "quantity")
    assert isinstance(third, PriceQuote)
    assert (third.level, third.description) == ("contract", "Agreed C")
    assert [step.id for step in third.provenance] == [contract_id]
    assert isinstance(fourth, NoPriceQuote)
    assert (fourth.code, fourth.field) == ("wrong_unit", "unit")
