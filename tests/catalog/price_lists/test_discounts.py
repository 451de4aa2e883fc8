"""Percentages off a named list: resolved when asked, so they follow what that list says."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from catalog.price_lists import discounts
from catalog.price_lists.schemas import (
    PriceDiscountInput,
    PriceDiscountsInput,
    PriceDiscountsView,
    PriceListView,
)
from marketplace.kernel.errors import InvalidInput, NotFound
from tests.catalog.parties import Market, entry
from tests.catalog.shop import Shop

JULY = datetime(2026, 7, 1, tzinfo=UTC)


def off(percent: str, of: UUID, sku: str | None = None, **more: datetime) -> PriceDiscountInput:
    return PriceDiscountInput(percent_off=percent, of_list_id=of, sku=sku, **more)


async def put(market: Market, list_id: UUID, *given: PriceDiscountInput) -> PriceDiscountsView:
    data = PriceDiscountsInput(discounts=list(given))
    return await discounts.put_discounts(market.platform, market.supplier, list_id, data)


async def discounted(
    market: Market, *given: PriceDiscountInput, entries: tuple[object, ...] = ()
) -> PriceListView:
    """Publish a list of the buyer with these discounts."""
    made = await market.price_list(
        *entries,  # type: ignore[arg-type]
        level="organization",
        to=[market.buyer],
        publish=False,
    )
    await put(market, made.id, *given)
    return await market.publish(made.id)


async def test_a_list_of_percentages_prices_whatever_the_named_list_does(market: Market) -> None:
    await market.offer("A")
    await market.offer("B")
    base = await market.price_list(entry("A", ("1", "10"), ("10", "9")), entry("B", ("1", "3.33")))
    made = await discounted(market, off("12.5", base.id))
    assert await market.told("A") == "8.75 organization"
    assert await market.told("A", "10") == "7.875 organization"
    assert await market.told("A", who=market.rival) == "10 base"
    line = await market.check("B", "100")
    assert line.price
    assert (line.price.amount, line.price.line_amount.amount) == ("2.91375", "291.38")
    assert line.price.source.id == made.id
    assert line.price.detail
    told = line.price.detail.discount
    assert told
    assert (told.percent_off, told.of_list_id, told.of_version) == ("12.5", base.id, 1)


async def test_the_percentage_follows_when_the_named_list_is_published_anew(
    market: Market,
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    await discounted(market, off("10", base.id))
    await market.set(base.id, entry("A", ("1", "20")))
    assert await market.told("A") == "9 organization"
    await market.publish(base.id)
    assert await market.told("A") == "18 organization"


async def test_a_reckoned_unit_price_has_six_places_and_is_not_rounded_again(
    market: Market,
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "0.0035"), basis="1"))
    await discounted(market, off("33.3333", base.id))
    line = await market.check("A", "1000000")
    assert line.price
    # 0.0035 × 0.666667 = 0.0023333345, half up to six places
    assert (line.price.amount, line.price.line_amount.amount) == ("0.002333", "2333.00")


async def test_its_own_ladder_counts_before_the_percentage_of_the_sku_and_that_before_the_lists(
    market: Market,
) -> None:
    for sku in ("A", "B", "C"):
        await market.offer(sku)
    base = await market.price_list(*(entry(sku, ("1", "10")) for sku in ("A", "B", "C")))
    await discounted(
        market,
        off("10", base.id),
        off("20", base.id, "B"),
        off("20", base.id, "C"),
        entries=(entry("C", ("5", "1")),),
    )
    assert await market.told("A") == "9 organization"
    assert await market.told("B") == "8 organization"
    assert await market.told("C", "5") == "1 organization"
    assert await market.told("C", "4") == "8 organization"


async def test_a_percentage_is_of_a_version_like_all_in_a_list(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    made = await discounted(market, off("10", base.id))
    drafted = await put(market, made.id, off("20", base.id))
    assert drafted.draft_version == 2
    assert await market.told("A") == "9 organization"
    assert (await market.publish(made.id)).published_version == 2
    assert await market.told("A") == "8 organization"
    assert (await market.publish(made.id)).published_version == 2  # nothing differs
    await put(market, made.id)
    await market.publish(made.id)
    assert await market.told("A") == "10 base"


async def test_its_validity_is_that_of_all_it_is_reckoned_from(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10"), valid_until=JULY + timedelta(days=9)))
    await discounted(market, off("10", base.id, valid_from=JULY))
    assert await market.told("A", at=JULY - timedelta(microseconds=1)) == "10 base"
    assert await market.told("A", at=JULY) == "9 organization"
    assert await market.told("A", at=JULY + timedelta(days=9)) == "expired"


async def test_discounts_that_contradict_each_other_are_refused_and_both_named(
    market: Market,
) -> None:
    base = await market.price_list()
    made = await market.price_list(level="organization", publish=False)
    with pytest.raises(InvalidInput) as refused:
        await put(market, made.id, off("10", base.id), off("20", base.id, valid_from=JULY))
    (error,) = refused.value.errors
    assert (error.pointer, error.code) == ("/discounts/1/valid_from", "overlap")
    assert "/discounts/0, valid always" in error.detail
    assert "from 2026-07-01" in error.detail


async def test_a_percentage_is_off_amounts_and_never_off_another_percentage(
    market: Market,
) -> None:
    """It would find no amounts there, and nobody would be told that it prices nothing."""
    first, second = [await market.price_list(priority=n) for n in range(2)]
    own = await market.price_list(level="organization", to=[market.buyer])
    await put(market, second.id, off("10", first.id))
    for _ in range(2):  # as a draft, and published
        with pytest.raises(InvalidInput) as refused:
            await put(market, own.id, off("5", second.id))
        (error,) = refused.value.errors
        assert (error.pointer, error.code) == ("/discounts/0/of_list_id", "list_of_percentages")
        await market.publish(second.id)
    with pytest.raises(InvalidInput) as refused:
        await put(market, first.id, off("5", second.id), off("1", own.id))
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/discounts", "named_by_another_list"),
        ("/discounts/0/of_list_id", "list_of_percentages"),
        ("/discounts/1/of_list_id", "unknown_list"),
    ]
    assert str(second.id) in refused.value.errors[0].detail
    await put(market, second.id)
    await market.publish(second.id)
    await put(market, own.id, off("5", second.id))  # it says amounts again


async def test_of_two_lists_that_name_each_other_at_once_one_is_refused(market: Market) -> None:
    lists = [await market.price_list(priority=n) for n in range(2)]
    told = await asyncio.gather(
        put(market, lists[0].id, off("10", lists[1].id)),
        put(market, lists[1].id, off("10", lists[0].id)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, InvalidInput) for each in told) == 1, told


async def test_every_discount_that_is_wrong_is_named(market: Market) -> None:
    base = await market.price_list()
    dollars = await market.price_list(currency="USD", priority=1)
    theirs = await market.price_list(who=market.other)
    made = await market.price_list(level="organization", publish=False)
    with pytest.raises(InvalidInput) as refused:
        await put(
            market,
            made.id,
            off("0", base.id),
            off("100.5", base.id, "NOPE"),
            off("10", dollars.id, valid_from=JULY, valid_until=JULY),
            off("10", theirs.id),
            off("10", made.id),
        )
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/discounts/0/percent_off", "out_of_range"),
        ("/discounts/1/sku", "unknown_sku"),
        ("/discounts/1/percent_off", "out_of_range"),
        ("/discounts/2/of_list_id", "unknown_list"),
        ("/discounts/2/valid_until", "ends_before_it_begins"),
        ("/discounts/3/of_list_id", "unknown_list"),
        ("/discounts/4/of_list_id", "unknown_list"),
    ]
    for who in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await discounts.read_discounts(market.platform, who, made.id)


async def test_an_order_keeps_the_percentage_it_was_reckoned_with(shop: Shop) -> None:
    await shop.offer("A")
    base = await shop.price_list(entry("A", ("1", "10")))
    await discounted(shop, off("15", base.id))
    order = await shop.order(shop.line("A", "3"))
    (line,) = order.lines
    assert (line.price.amount, line.line_amount.amount) == ("8.50", "25.50")
    assert line.price.detail
    assert line.price.detail.discount
    assert line.price.detail.discount.percent_off == "15"
