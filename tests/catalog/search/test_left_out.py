"""Words that keep everything out are left out, and told."""

from typing import Any

import pytest
from msgspec import UNSET

from catalog.search.schemas import CatalogPage
from tests.catalog.parties import Market
from tests.catalog.search.shelf import Filters, Shelf
from tests.support.world import World


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    made = Shelf(market, (await world.operator()).caller)
    names = ("Ball bearing 6204", "Ball bearing 6205", "Chain C3 08B", "Steel bolt M8")
    await made.stock(
        [
            {"name": name, "texts": [{"language": "en", "name": name, "description": ""}]}
            for name in names
        ]
    )
    return made


def told(page: CatalogPage) -> tuple[list[str], tuple[str, ...]]:
    assert page.found is not UNSET
    left_out = page.found.words_left_out
    return [item.name for item in page.items], () if left_out is UNSET else left_out


CASES = {
    "timken bearing 6204": (["Ball bearing 6204"], ("timken",)),
    "bearing 6204 c3": (["Ball bearing 6204"], ("c3",)),
    "timken baring 6205 offer": (["Ball bearing 6205"], ("timken", "offer")),
    "bearing 6204": (["Ball bearing 6204"], ()),
    "bearing c3": (["Ball bearing 6204", "Ball bearing 6205"], ("c3",)),
    "timken": ([], ()),
    "ear chan": ([], ()),
    "timken offer": ([], ()),
}
"""What is typed, what is found, and which words were left out."""


async def test_where_nothing_has_all_the_words_some_are_left_out_and_told(shelf: Shelf) -> None:
    assert {typed: told(await shelf.page(typed, "en")) for typed in CASES} == CASES


async def test_the_next_page_leaves_out_the_same_words(shelf: Shelf) -> None:
    await shelf.price(S_0="2", S_1="1")
    by_price: dict[str, Any] = {"sort": "price", "currency": "EUR"}
    for wishes in ({}, by_price):
        first = await shelf.page("timken bearing", "en", limit=1, **wishes)
        second = await shelf.page("timken bearing", "en", limit=1, after=first.next, **wishes)
        names = told(first)[0] + told(second)[0]
        assert sorted(names) == ["Ball bearing 6204", "Ball bearing 6205"]
        assert told(second)[1] == told(first)[1] == ("timken",)
        assert second.next is None


async def test_a_filter_that_lets_nothing_through_leaves_no_word_out(shelf: Shelf) -> None:
    far = Filters(lead_time_days=0)
    assert told(await shelf.page("ball bearing", "en", filters=far)) == ([], ())


async def test_what_is_hidden_keeps_no_word_in(shelf: Shelf) -> None:
    before = told(await shelf.page("timken bearing", "en"))
    await shelf.add("Timken bearing", "T-1", offer={"visibility": "restricted"})
    assert told(await shelf.page("timken bearing", "en")) == before
