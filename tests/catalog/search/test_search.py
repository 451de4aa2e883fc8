"""Searching: what is found, in which order, what it can be narrowed by, and what is never told."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from catalog.search import service, synonyms
from catalog.search.related import count_together
from catalog.search.schemas import SynonymsInput
from marketplace.kernel.errors import InvalidInput, MalformedRequest, NotPermitted, StaleVersion
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from tests.catalog.parties import Market, entry, key
from tests.catalog.search.shelf import Filters, Range, Shelf, bearing_attributes, order
from tests.support.world import World


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    return Shelf(market, (await world.operator()).caller)


def texts(**told: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"language": language, "name": name, "description": description}
        for language, (name, description) in told.items()
    ]


@pytest.fixture
async def stocked(shelf: Shelf) -> Shelf:
    """A distributor's shelf, in two languages."""
    await shelf.category("power", en="Power transmission", de="Antriebstechnik")
    await shelf.category(
        "bearings", "power", bearing_attributes(), en="Ball bearings", de="Kugellager"
    )
    await shelf.category("fasteners", en="Fasteners", de="Befestigungstechnik")
    bearings, fasteners = shelf.categories["bearings"], shelf.categories["fasteners"]
    goods: list[dict[str, Any]] = [
        {
            "name": "Deep groove ball bearing 6204-2RS1",
            "sku": "KA-6204-2RS",
            "maker": "Kugelwerk",
            "maker_number": "6204-2RS1/C3",
            "gtin": "4006381333931",
            "category_id": bearings,
            "values": {"material": "steel", "sealed": "true", "bore": "20"},
            "texts": texts(
                de=(
                    "Rillenkugellager 6204-2RS1",
                    "Beidseitig abgedichtet – für „Elektromotoren“.",
                ),
                en=("Deep groove ball bearing 6204-2RS1", "Sealed on both sides, for motors."),
            ),
            "lead_time_days": 2,
        },
        {
            "name": "Deep groove ball bearing 6205",
            "sku": "KA-6205",
            "maker": "Kugelwerk",
            "maker_number": "6205",
            "category_id": bearings,
            "values": {"material": "ceramic", "sealed": "false", "bore": "25"},
            "texts": texts(de=("Rillenkugellager 6205", "Offen, aus Keramik.")),
            "lead_time_days": 10,
        },
        {
            "name": "Bearing puller",
            "sku": "WZ-1",
            "description": "For bearings of up to 100 mm.",
            "texts": texts(de=("Abzieher für Lager", "Zieht Wälzlager ab.")),
        },
        {
            "name": "Hexagon bolt M8x20 stainless steel A2",
            "sku": "FX-933-8-20",
            "category_id": fasteners,
            "texts": texts(de=("Sechskantschraube M8x20 Edelstahl A2", "DIN 933, Vollgewinde.")),
        },
        {
            "name": "Hexagon nuts M8",
            "sku": "FX-934-8",
            "category_id": fasteners,
            "texts": texts(de=("Sechskantmuttern M8", "DIN 934, verzinkt, 100 Stück.")),
        },
        {
            "name": "Safety glasses clear",
            "sku": "PS-77",
            "texts": texts(de=("Schutzbrille klar", "Schützt die Augen beim Schleifen.")),
        },
        {
            "name": "Allen key 5 mm",
            "sku": "WZ-5",
            "texts": texts(de=("Innensechskantschlüssel 5 mm", "")),
        },
    ]
    await shelf.stock(goods)
    await shelf.price(
        KA_6204_2RS="4.20", KA_6205="9.90", FX_933_8_20="0.12", FX_934_8="0.05", PS_77="6"
    )
    return shelf


RELEVANT = [
    # what is typed, its language, what must be on top
    ("deep groove ball bearing sealed", "en", "Deep groove ball bearing 6204-2RS1"),
    ("bearings up to 100", "en", "Bearing puller"),
    ("rillenkugellager 6205", "de", "Deep groove ball bearing 6205"),
    ("Kugellager Keramik", "de", "Deep groove ball bearing 6205"),
    ("Schrauben", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("Sechskantmutter", "de", "Hexagon nuts M8"),
    ("nut", "en", "Hexagon nuts M8"),
    ("hexagon bolts", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("Edelstahl Schraube", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("edelstahlschraube", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("brille", "de", "Safety glasses clear"),
    ("Schluessel", "de", "Allen key 5 mm"),
    ("schutzbrillen für augen", "de", "Safety glasses clear"),
    ("safty glases", "en", "Safety glasses clear"),
    ("rillenkugelager abgedichtet", "de", "Deep groove ball bearing 6204-2RS1"),
    ("hexagn bolt", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("bearng puler", "en", "Bearing puller"),
    ("6204-2RS", "", "Deep groove ball bearing 6204-2RS1"),
    ("62042rs", "", "Deep groove ball bearing 6204-2RS1"),
    ("6204 2rs", "", "Deep groove ball bearing 6204-2RS1"),
    ("6204.2RS1/c3", "", "Deep groove ball bearing 6204-2RS1"),
    ("ka 6205", "", "Deep groove ball bearing 6205"),
    ("KA6205", "", "Deep groove ball bearing 6205"),
    ("fx-934", "de", "Hexagon nuts M8"),
    ("fx9338", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("4006381333931", "", "Deep groove ball bearing 6204-2RS1"),
    ("m8x20", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("M8×20", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("din 934", "de", "Hexagon nuts M8"),
    ("„elektromotoren“", "de", "Deep groove ball bearing 6204-2RS1"),
    ("5mm key", "en", "Allen key 5 mm"),
    ("kugelwerk ceramic", "en", "Deep groove ball bearing 6205"),
    ("kugelwerk keramik", "de", "Deep groove ball bearing 6205"),
    ("schleifen", "de", "Safety glasses clear"),
]


async def test_what_is_typed_brings_what_is_meant_to_the_top(stocked: Shelf) -> None:
    wrong = {}
    for typed, language, expected in RELEVANT:
        found = await stocked.found(typed, *filter(None, [language]), sort="relevance")
        if not found or found[0] not in {expected, *GERMAN.get(expected, ())}:
            wrong[typed, language] = (expected, found)
    assert wrong == {}, "\n".join(map(str, wrong.items()))


GERMAN = {
    "Deep groove ball bearing 6204-2RS1": ("Rillenkugellager 6204-2RS1",),
    "Deep groove ball bearing 6205": ("Rillenkugellager 6205",),
    "Bearing puller": ("Abzieher für Lager",),
    "Hexagon bolt M8x20 stainless steel A2": ("Sechskantschraube M8x20 Edelstahl A2",),
    "Hexagon nuts M8": ("Sechskantmuttern M8",),
    "Safety glasses clear": ("Schutzbrille klar",),
    "Allen key 5 mm": ("Innensechskantschlüssel 5 mm",),
}


async def test_what_nobody_has_is_not_found_and_signs_say_nothing(stocked: Shelf) -> None:
    for typed, language in (("washer", "en"), ("bolt bearing", "en"), ("99999", "de")):
        assert await stocked.found(typed, language) == []
    everything = await stocked.found()
    for typed in ("%", "'' & | !", ":*", "\\"):
        assert await stocked.found(typed, "en") == everything


async def test_synonyms_are_kept_by_the_operator_and_known_at_once(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, operator = stocked.platform, stocked.operator
    assert await stocked.found("goggles", "en") == []
    made = await synonyms.create_synonyms(
        platform,
        operator,
        SynonymsInput(terms=["Goggles", "safety  glasses"], language="en"),
        key("glasses"),
    )
    assert made.terms == ["goggles", "safety glasses"]
    assert await stocked.found("goggles", "en") == ["Safety glasses clear"]
    assert await stocked.found("goggles", "de") == []
    assert await stocked.found("goggles", "en-GB", "en") == ["Safety glasses clear"]
    directed = SynonymsInput(terms=["hex key"], replacements=["allen key"])
    await synonyms.create_synonyms(platform, operator, directed, key("key"))
    assert await stocked.found("hex key", "en") == ["Allen key 5 mm"]
    with monkeypatch.context() as few:
        few.setattr("catalog.search.known.SYNONYMS_KEPT_MAX", 0)
        assert await stocked.found("hex key", "en") == ["Allen key 5 mm"]
        assert await stocked.found("goggles", "de") == []
    changed = SynonymsInput(terms=["spectacles", "safety glasses"], language="en-GB")
    with pytest.raises(StaleVersion):
        await synonyms.change_synonyms(platform, operator, made.id, 7, changed)
    await synonyms.change_synonyms(platform, operator, made.id, 1, changed)
    assert await stocked.found("goggles", "en") == []
    assert await stocked.found("spectacles", "en") == ["Safety glasses clear"]
    unknown = SynonymsInput(terms=["a", "b"], language="xx")
    with pytest.raises(InvalidInput) as refused:
        await synonyms.create_synonyms(platform, operator, unknown, key())
    assert [error.pointer for error in refused.value.errors] == ["/language"]
    await synonyms.delete_synonyms(platform, operator, made.id, 2)
    assert await stocked.found("spectacles", "en") == []


async def test_only_the_operator_keeps_synonyms(stocked: Shelf) -> None:
    data = SynonymsInput(terms=["a", "b"])
    for who in (stocked.market.buyer, stocked.market.supplier):
        with pytest.raises(NotPermitted):
            await synonyms.create_synonyms(stocked.platform, who, data, key())
        with pytest.raises(NotPermitted):
            await synonyms.change_synonyms(stocked.platform, who, new_id(), 1, data)
        with pytest.raises(NotPermitted):
            await synonyms.delete_synonyms(stocked.platform, who, new_id(), 1)
    with pytest.raises(InvalidInput, match="nothing else"):
        await synonyms.create_synonyms(
            stocked.platform, stocked.operator, SynonymsInput(terms=["a"]), key()
        )


async def test_a_search_follows_what_its_caller_was_granted_and_offered_since_the_last(
    stocked: Shelf,
) -> None:
    market = stocked.market
    hidden = await stocked.add("Hexagon cap")
    await market.offer("CAP", product_id=hidden.id, name="Hexagon cap", visibility="restricted")
    bolts = await stocked.found("hexagon", "en")
    assert len(bolts) == 2

    async def told(*expected: str) -> None:
        for facets in (False, True, False):  # by then it is known that he sees what is open
            assert sorted(await stocked.found("hexagon", "en", facets=facets)) == sorted(expected)

    await told(*bolts)
    assortment = await market.assortment("CAP", to=[market.buyer])
    await told("Hexagon cap", *bolts)
    await market.withdraw(assortment, market.buyer)
    await told(*bolts)
    await market.offer("OWN", name="Hexagon pin", buyer_id=market.buyer.organization_id)
    await told("Hexagon pin", *bolts)


# Narrowing


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
    assert await stocked.found("propulsion", "en") == []
    await stocked.category("power", en="Propulsion", de="Antrieb")
    await stocked.market.worker.run_until_idle()
    assert len(await stocked.found("propulsion", "en")) == 2


# Order


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


# Suggestions and relations


async def test_suggestions_begin_like_what_is_typed(stocked: Shelf) -> None:
    told = await stocked.suggest("hex", "en")
    assert [each.name for each in told.products] == [
        "Hexagon bolt M8x20 stainless steel A2",
        "Hexagon nuts M8",
    ]
    told = await stocked.suggest("fast", "en")
    assert [(each.code, each.name) for each in told.categories] == [("fasteners", "Fasteners")]
    told = await stocked.suggest("kugell", "de")
    assert [each.name for each in told.categories] == ["Kugellager"]
    assert {each.name for each in told.products} == {
        "Rillenkugellager 6204-2RS1",
        "Rillenkugellager 6205",
    }
    told = await stocked.suggest("fx93")
    assert [each.sku for each in told.skus] == ["FX-933-8-20", "FX-934-8"]
    assert await stocked.suggest("  ") == await stocked.suggest("%")
    assert len((await stocked.suggest("ka", limit=1)).skus) == 1


async def test_related_products_are_shown_where_they_are_in_the_readers_catalog(
    stocked: Shelf,
) -> None:
    bolt = await stocked.add("Threaded rod M8", "FX-975")
    near = await stocked.add("Washer M8", "FX-125")
    hidden = await stocked.add("Washer nobody sells")
    theirs = await stocked.add("Washer of others", offer=None)
    await stocked.market.offer(
        "W-P", product_id=theirs.id, buyer_id=stocked.market.rival.organization_id
    )
    await stocked.relate(bolt, hidden, theirs, near, kind="accessory")
    related = await service_related(stocked, bolt.id)
    assert related == {"accessories": ["Washer M8"]}
    rival = await service_related(stocked, bolt.id, rival=True)
    assert rival == {"accessories": ["Washer of others", "Washer M8"]}


async def service_related(
    shelf: Shelf, item_id: UUID, *, rival: bool = False
) -> dict[str, list[str]]:
    who = shelf.market.rival if rival else shelf.market.buyer
    told = await service.read_related(shelf.platform, who, item_id, None)
    groups = {
        "accessories": told.accessories,
        "spare_parts": told.spare_parts,
        "substitutes": told.substitutes,
        "bundles": told.bundles,
        "bought_together": told.bought_together,
    }
    return {name: [item.name for item in items] for name, items in groups.items() if items}


async def test_what_several_companies_bought_together_is_told_and_what_fewer_did_is_not(
    stocked: Shelf,
) -> None:
    for company in range(5):
        await order(stocked, company, "FX-933-8-20", "FX-934-8")
    for company in range(4):
        await order(stocked, company, "FX-933-8-20", "PS-77")
        await order(stocked, company, "FX-933-8-20", "PS-77")
    await count_together(stocked.platform, PUBLIC)
    (bolt,) = (await stocked.page("fx-933-8-20")).items
    assert await service_related(stocked, bolt.id) == {"bought_together": ["Hexagon nuts M8"]}
    await stocked.market.offer("FX-934-8", visibility="nobody")
    assert await service_related(stocked, bolt.id) == {}
    await order(stocked, 4, "PS-77", "FX-933-8-20")
    await count_together(stocked.platform, PUBLIC)
    assert await service_related(stocked, bolt.id) == {"bought_together": ["Safety glasses clear"]}
