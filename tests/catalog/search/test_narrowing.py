"""Facets and filters: what a search can be narrowed by, and what is counted."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from catalog.search import service
from catalog.search.finding import Query
from marketplace.platform.http.paging import PageRequest
from tests.catalog.search.shelf import Filters, Range, Shelf


async def test_facets_count_what_is_found_and_are_not_narrowed_by_themselves(
    stocked: Shelf,
) -> None:
    page = await stocked.page("kugellager", "de", facets=True)
    assert page.found
    facets = page.found.facets
    assert facets
    assert page.found.count == 2
    assert [(each.code, each.name, each.count) for each in facets.categories] == [
        ("bearings", "Kugellager", 2),
        ("power", "Antriebstechnik", 2),
    ]
    assert facets.categories[0].parent_id == stocked.categories["power"]
    bore, material, sealed = facets.attributes
    assert (bore.code, bore.low, bore.high, bore.count, bore.unit) == ("bore", "20", "25", 2, "MMT")
    assert material.values
    assert [(v.value, v.name, v.count) for v in material.values] == [
        ("ceramic", "Keramik", 1),
        ("steel", "Stahl", 1),
    ]
    assert sealed.kind == "boolean"
    assert [(each.name, each.count) for each in facets.suppliers] == [("Supplier", 2)]
    assert [(each.days, each.count) for each in facets.lead_times] == [
        (3, 1),
        (7, 1),
        (14, 2),
        (30, 2),
    ]

    steel = Filters(values=(("material", "steel"),))
    page = await stocked.page("kugellager", "de", facets=True, filters=steel)
    assert [item.name for item in page.items] == ["Rillenkugellager 6204-2RS1"]
    assert page.found
    assert page.found.facets
    assert page.found.count == 1
    bore, material, sealed = page.found.facets.attributes
    assert material.values
    assert [(v.value, v.count) for v in material.values] == [("ceramic", 1), ("steel", 1)]
    assert (bore.low, bore.high) == ("20", "20")
    assert [each.count for each in page.found.facets.suppliers] == [1]


NARROWED = [
    (Filters(values=(("material", "steel"), ("material", "ceramic"))), 2),
    (Filters(values=(("material", "steel"), ("sealed", "false"))), 0),
    (Filters(values=(("colour", "red"),)), 0),
    (Filters(ranges=(("bore", Range(None, None)),)), 2),
    (Filters(ranges=(("bore", Range(Decimal(21), None)),)), 1),
    (Filters(lead_time_days=5), 1),
    (Filters(suppliers=(UUID(int=1),)), 0),
    (Filters(categories=(UUID(int=1),)), 0),
]


async def test_filters_of_one_group_add_and_those_of_several_narrow(stocked: Shelf) -> None:
    for filters, expected in NARROWED:
        assert len(await stocked.found(None, filters=filters)) == expected, filters


async def test_a_category_holds_what_lies_below_it(stocked: Shelf) -> None:
    power = Filters(categories=(stocked.categories["power"],))
    assert len(await stocked.found(None, filters=power)) == 2
    both = Filters(categories=tuple(sorted(stocked.categories.values())))
    assert len(await stocked.found(None, filters=both)) == 4
    assert await stocked.found("hexagon", "en", filters=power) == []
    assert await stocked.found("hexagon", "en", filters=power, facets=True) == []


async def counts(shelf: Shelf, **more: Any) -> tuple[int, dict[str, int]]:
    """Give how many are found, and the counts of all facets by what they are of."""
    found = (await shelf.page(facets=True, **more)).found
    assert found
    assert found.facets
    told = {each.code: each.count for each in found.facets.categories}
    for attribute in found.facets.attributes:
        told |= {f"{attribute.code} {v.value}": v.count for v in attribute.values or ()}
    told |= {each.name: each.count for each in found.facets.suppliers}
    return found.count, told


async def test_several_categories_are_chosen_as_several_values_are(stocked: Shelf) -> None:
    """What is chosen of categories narrows every other facet and not their own."""
    every = {"fasteners": 2, "power": 2, "bearings": 2}
    attributes = {"material steel": 1, "material ceramic": 1, "sealed true": 1, "sealed false": 1}
    assert await counts(stocked) == (7, {**every, **attributes, "Supplier": 7})
    chosen = [stocked.categories["fasteners"]]
    filters = Filters(categories=tuple(chosen))
    assert await counts(stocked, filters=filters) == (2, {**every, "Supplier": 2})
    filters = Filters(categories=(*chosen, stocked.categories["bearings"]))
    assert await counts(stocked, filters=filters) == (4, {**every, **attributes, "Supplier": 4})
    filters = Filters(categories=tuple(chosen), values=(("material", "steel"),))
    assert await counts(stocked, filters=filters) == (
        0,
        {"power": 1, "bearings": 1},
    )


async def test_a_range_of_prices_narrows_every_facet_but_its_own(stocked: Shelf) -> None:
    asked = {"price_from": "5", "currency": "EUR"}
    assert await counts(stocked, **asked) == (
        2,
        {"power": 1, "bearings": 1, "material ceramic": 1, "sealed false": 1, "Supplier": 2},
    )
    page = await stocked.page(facets=True, **asked)
    assert page.found
    assert page.found.facets
    assert sum(each.count for each in page.found.facets.prices or ()) == 5
    steel = Filters(values=(("material", "steel"),))
    assert await counts(stocked, **asked, filters=steel) == (0, {"material ceramic": 1})


async def test_more_than_the_bound_is_not_counted_and_pages_go_on_behind_it(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await stocked.found(facets=True)
    narrowed = await stocked.found(facets=True, filters=Filters(lead_time_days=20))
    assert len(whole) == 7
    monkeypatch.setattr("catalog.search.finding.SEARCH_COUNTED_MAX", 3)
    for filters, expected in ((Filters(), whole), (Filters(lead_time_days=20), narrowed)):
        seen: list[str] = []
        after = None
        while True:
            page = await stocked.page(facets=True, filters=filters, limit=2, after=after)
            assert page.found
            assert page.found.count_bounded
            assert page.found.count <= 3
            seen += [item.name for item in page.items]
            after = page.next
            if after is None:
                break
        assert seen == expected
    page = await stocked.page("hexagon bolt", "en", facets=True)
    assert page.found
    assert (page.found.count, page.found.count_bounded) == (1, False)


async def test_a_facet_has_one_name_where_there_is_none_in_the_readers_language(
    stocked: Shelf,
) -> None:
    async def called(*languages: str) -> list[str]:
        found = (await stocked.page("6205", *languages, facets=True)).found
        assert found
        assert found.facets
        told = [each.name for each in (*found.facets.categories, *found.facets.attributes)]
        return told + [v.name for each in found.facets.attributes for v in each.values or ()]

    english = ["Ball bearings", "Power transmission", "Bore", "Material", "Sealed"]
    assert await called("fr") == [*english, "Ceramic", "false"]
    german = ["Kugellager", "Antriebstechnik", "Bore", "Werkstoff", "Abgedichtet"]
    assert await called("de-AT", "de") == [*german, "Keramik", "false"]


async def test_a_category_renamed_is_found_by_its_new_name(stocked: Shelf) -> None:
    async def answered() -> int:
        query, asked = Query(text="propulsion", languages=("en",)), PageRequest(50, None)
        buyer = stocked.market.buyer
        told = await service.answer_search(stocked.platform, buyer, query, None, asked, ("en",))
        return len(msgspec.json.decode(told.body)["items"])

    await stocked.category("power", en="Propulsion", de="Antrieb")
    assert await answered() == 0  # and is kept, until the worker has written what is found by
    await stocked.market.worker.run_until_idle()
    assert await answered() == 2
