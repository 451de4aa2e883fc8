"""Own prices: they put a search in order, narrow it, and are told in ranges."""

import pytest

from marketplace.kernel.errors import InvalidInput, MalformedRequest
from tests.catalog.parties import entry
from tests.catalog.search.shelf import Shelf


async def test_own_prices_put_in_order_and_pages_go_on_where_they_ended(stocked: Shelf) -> None:
    own = entry("KA-6205", ("1", "0.01"))
    await stocked.market.price_list(own, level="organization", to=[stocked.market.buyer])
    cheap = ["Deep groove ball bearing 6205", "Hexagon nuts M8"]
    dear = ["Hexagon bolt M8x20 stainless steel A2", "Deep groove ball bearing 6204-2RS1"]
    priced = [*cheap, *dear, "Safety glasses clear"]
    unpriced = ["Allen key 5 mm", "Bearing puller"]
    rising = await stocked.found(sort="price", currency="EUR")
    assert rising == [*priced, *unpriced]
    assert await stocked.found(sort="-price", currency="EUR") == [*reversed(priced), *unpriced]
    for sort in ("price", "-price", "name", "relevance"):
        whole = await stocked.found("m8", sort=sort, currency="EUR")
        for limit in (1, 2):
            seen: list[str] = []
            after = None
            while True:
                page = await stocked.page("m8", sort=sort, currency="EUR", limit=limit, after=after)
                seen += [item.name for item in page.items]
                after = page.next
                if after is None:
                    break
            assert seen == whole, (sort, limit)
    theirs = await stocked.found(sort="price", currency="EUR", who=stocked.market.rival)
    assert theirs.index("Deep groove ball bearing 6205") == 4
    await stocked.market.price_list(
        entry("KA-6205", ("1", "99")), level="organization", to=[stocked.market.buyer], priority=9
    )
    assert (await stocked.found(sort="price", currency="EUR"))[4] == "Deep groove ball bearing 6205"


async def test_own_prices_narrow_and_are_told_in_ranges(stocked: Shelf) -> None:
    page = await stocked.page(
        price_from="0.12", price_to="6", sort="price", currency="EUR", facets=True
    )
    assert [item.name for item in page.items] == [
        "Hexagon bolt M8x20 stainless steel A2",
        "Deep groove ball bearing 6204-2RS1",
        "Safety glasses clear",
    ]
    assert page.found
    assert (page.found.count, page.found.prices_bounded) == (3, False)
    assert page.found.facets
    assert page.found.facets.prices
    ranges = [(each.low, each.high, each.count) for each in page.found.facets.prices]
    assert ranges[0] == ("0.05", "0.05", 1)
    assert ranges[-1] == ("9.9", "9.9", 1)
    assert sum(count for _, _, count in ranges) == 5
    with pytest.raises(InvalidInput) as refused:
        await stocked.page(sort="price")
    assert [error.pointer for error in refused.value.errors] == ["?currency"]


async def test_no_more_products_are_priced_than_the_bound_and_the_answer_says_so(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.search.service.PRICES_SORTED_MAX", 3)
    page = await stocked.page(sort="price", currency="EUR")
    assert page.found
    assert page.found.prices_bounded
    assert (page.found.count, len(page.items)) == (7, 3)


async def test_a_forged_place_is_refused(stocked: Shelf) -> None:
    forged = ("WzFd", "W2ZhbHNlLCJ4IiwwLCIiLCIwMTliOGM0ZS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEiXQ")
    for after in forged:
        for more in ({"sort": "price"}, {"facets": True}):
            with pytest.raises(MalformedRequest):
                await stocked.page(after=after, currency="EUR", **more)
