"""What filters find and facets count, held to a reference that looks at every hit by itself.

Shelves and filters are random. A buyer who was offered and granted things of his own is asked for,
and one who sees what is open, of whom the process knows it; with few offers of those asked for
looked up, and with all products read in order.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert

from catalog.products.tables import OfferRow, ProductRow
from catalog.search.facets import LEAD_TIMES
from catalog.search.schemas import CatalogFacets
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.search.shelf import OPEN_OFFER, Filters, Range, Shelf, bearing_attributes

PARTS = {"maker": None, "maker_number": None, "maker_key": None, "maker_number_key": None}
NOBODY = UUID(int=7)


class Offered(msgspec.Struct, frozen=True):
    """An offer of a product, or by itself."""

    id: UUID
    supplier: UUID
    lead_time: int | None
    audience: UUID | None
    active: bool

    def seen_by(self, who: Caller) -> bool:
        return self.active and self.audience in {PUBLIC, who.organization_id}


class Thing(msgspec.Struct, frozen=True):
    """A product with its offers, or an offer by itself."""

    id: UUID
    name: str
    categories: frozenset[UUID]
    material: str | None
    bore: int | None
    offers: tuple[Offered, ...]

    def fails(self, filters: Filters, who: Caller) -> set[str]:
        """Name the groups of a filter that it fails."""
        offers = [each for each in self.offers if each.seen_by(who)]
        times = [each.lead_time for each in offers if each.lead_time is not None]
        materials = {value for _, value in filters.values}
        failed = {
            "category": filters.categories and self.categories.isdisjoint(filters.categories),
            "material": materials and self.material not in materials,
            "supplier": filters.suppliers
            and {each.supplier for each in offers}.isdisjoint(filters.suppliers),
            "lead time": filters.lead_time_days is not None
            and not any(days <= filters.lead_time_days for days in times),
        }
        for _, limit in filters.ranges:
            low, high = limit.low or Decimal(0), limit.high or Decimal(1000)
            failed["bore"] = self.bore is None or not low <= self.bore <= high
        return {group for group, fails in failed.items() if fails}


class Reference:
    """What one sees who looks at everything."""

    def __init__(self, things: Sequence[Thing], who: Caller, filters: Filters) -> None:
        seen = [each for each in things if any(offer.seen_by(who) for offer in each.offers)]
        self.failing = {each.id: each.fails(filters, who) for each in seen}
        self.who, self.seen = who, seen

    @property
    def found(self) -> list[UUID]:
        passing = [each for each in self.seen if not self.failing[each.id]]
        return [each.id for each in sorted(passing, key=lambda each: (each.name, each.id))]

    def counted(self, group: str) -> Iterator[Thing]:
        """Give what counts for the facet of a group: what fails no other."""
        return (each for each in self.seen if self.failing[each.id] <= {group})

    def offers(self, thing: Thing) -> list[Offered]:
        return [each for each in thing.offers if each.seen_by(self.who)]

    def facets(self) -> dict[str, Any]:
        suppliers = (
            {each.supplier for each in self.offers(one)} for one in self.counted("supplier")
        )
        times = [
            min((o.lead_time for o in self.offers(one) if o.lead_time is not None), default=999)
            for one in self.counted("lead time")
        ]
        bores = [one.bore for one in self.counted("bore") if one.bore is not None]
        in_time = {days: sum(each <= days for each in times) for days in LEAD_TIMES}
        return {
            "categories": Counter(c for one in self.counted("category") for c in one.categories),
            "materials": Counter(
                one.material for one in self.counted("material") if one.material is not None
            ),
            "bores": (len(bores), str(min(bores)), str(max(bores))) if bores else None,
            "suppliers": Counter(each for some in suppliers for each in some),
            "lead times": {days: count for days, count in in_time.items() if count},
        }


def told(facets: CatalogFacets) -> dict[str, Any]:
    attributes = {each.code: each for each in facets.attributes}
    materials, bores = attributes.get("material"), attributes.get("bore")
    return {
        "categories": {each.id: each.count for each in facets.categories},
        "materials": {v.value: v.count for v in materials.values or ()} if materials else {},
        "bores": (bores.count, bores.low, bores.high) if bores else None,
        "suppliers": {each.id: each.count for each in facets.suppliers},
        "lead times": {each.days: each.count for each in facets.lead_times},
    }


class Filled:
    """A shelf filled at random, and random filters for it."""

    def __init__(self, shelf: Shelf, chance: Random) -> None:
        self.shelf, self.chance = shelf, chance
        self.things: list[Thing] = []

    async def fill(self, products: int) -> None:
        shelf, market = self.shelf, self.shelf.market
        await shelf.category("power", en="Power")
        await shelf.category("bearings", "power", bearing_attributes(), en="Bearings")
        power, bearings = shelf.categories["power"], shelf.categories["bearings"]
        chains = {None: frozenset[UUID](), power: frozenset({power})}
        chains |= {bearings: frozenset({power, bearings})}
        rows, offers = [], []
        for _ in range(products):
            category = self.chance.choice([None, power, bearings, bearings])
            described = category == bearings
            thing = Thing(
                new_id(),
                self.chance.choice(["Axle", "bolt", "bolt", "Bölt", "nut"]) + " part",
                chains[category],
                self.chance.choice(["steel", "ceramic"]) if described else None,
                self.chance.randint(1, 40) if described else None,
                tuple(self._offer() for _ in range(self.chance.randint(0, 3))),
            )
            values = {"material": thing.material, "bore": str(thing.bore)} if described else {}
            row = {"id": thing.id, "name": thing.name, "description": "", "gtin": None, **PARTS}
            row |= {"state": "active", "proposed_by": shelf.operator.organization_id}
            rows.append({**row, "category_id": category, "attributes": values})
            offers += [self._row(each, thing.id, thing.name) for each in thing.offers]
            self.things.append(thing)
        for _ in range(products // 5):
            offer = msgspec.structs.replace(self._offer(), audience=self._his_or_not())
            name = self.chance.choice(["axle part", "nut part"])
            self.things.append(Thing(offer.id, name, frozenset(), None, None, (offer,)))
            offers.append(self._row(offer, None, name))
        async with transaction(shelf.platform, shelf.operator) as tx:
            await tx.execute(insert(ProductRow), rows)
        for who in (market.supplier, market.other):
            async with transaction(shelf.platform, who) as tx:
                own = [each for each in offers if each["supplier_id"] == who.organization_id]
                await tx.execute(insert(OfferRow), own)

    def _his_or_not(self) -> UUID | None:
        return self.chance.choice([self.shelf.market.buyer.organization_id, NOBODY, None])

    def _offer(self) -> Offered:
        market = self.shelf.market
        return Offered(
            new_id(),
            self.chance.choice([market.supplier, market.other]).organization_id,
            self.chance.choice([None, 0, 1, 3, 9, 20]),
            self.chance.choice([PUBLIC, PUBLIC, PUBLIC, self._his_or_not()]),
            self.chance.random() < 0.9,
        )

    def _row(self, offer: Offered, product_id: UUID | None, name: str) -> dict[str, Any]:
        own = {"id": offer.id, "supplier_id": offer.supplier, "lead_time_days": offer.lead_time}
        state = "active" if offer.active else "withdrawn"
        more = {"audience_id": offer.audience, "state": state, "product_id": product_id}
        return {**OPEN_OFFER, **own, **more, "sku": str(offer.id), "name": name}

    def filters(self) -> Filters:
        """Give a filter of two groups or so."""
        market, categories = self.shelf.market, self.shelf.categories
        some = self._some
        low = self.chance.choice([None, Decimal(5), Decimal(20)])
        bore = Range(low, self.chance.choice([None, Decimal(20), Decimal(30)]))
        suppliers = (market.supplier.organization_id, market.other.organization_id)
        return Filters(
            categories=some(tuple(categories.values())),
            suppliers=some(suppliers),
            values=some((("material", "steel"), ("material", "ceramic"))),
            ranges=(("bore", bore),) if self.chance.random() < 0.25 else (),
            lead_time_days=self.chance.choice([None, None, 0, 3, 9]),
        )

    def _some(self, of: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.chance.random() < 0.6:
            return ()
        return tuple(sorted(self.chance.sample(of, self.chance.randint(1, len(of)))))


async def pages(shelf: Shelf, **asked: Any) -> list[UUID]:
    """Read on from page to page."""
    ids: list[UUID] = []
    after: str | None = None
    while True:
        page = await shelf.page(limit=7, after=after, **asked)
        ids += [item.id for item in page.items]
        after = page.next
        if after is None:
            return ids


async def check(filled: Filled, who: Caller, filters: Filters) -> None:
    shelf, reference = filled.shelf, Reference(filled.things, who, filters)
    for text in (None, "part"):
        for facets in (False, True):
            asked: dict[str, Any] = {"text": text, "who": who, "filters": filters, "facets": facets}
            found = await pages(shelf, **asked)
            assert sorted(found) == sorted(reference.found), (filters, text, facets)
            if text is None:
                assert found == reference.found
            page = await shelf.page(limit=1, **asked)
            if page.found:
                assert (page.found.count, page.found.count_bounded) == (len(found), False)
                if page.found.facets:
                    assert told(page.found.facets) == reference.facets(), (filters, text)


@pytest.mark.parametrize("driven", [20_000, 3, 0])
@pytest.mark.parametrize("seed", [1, 2])
async def test_filters_find_and_facets_count_what_the_reference_does(
    shelf: Shelf, seed: int, driven: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.search.statements.SEARCH_DRIVEN_MAX", driven)
    filled = Filled(shelf, Random(seed))  # noqa: S311 - the same shelf in each run
    await filled.fill(30)
    for who in (shelf.market.buyer, shelf.market.rival):
        await shelf.page(who=who)  # so that it is known who sees no more than what is open
        await check(filled, who, Filters())
        for _ in range(5):
            await check(filled, who, filled.filters())


@pytest.mark.parametrize("driven", [20_000, 0])
async def test_pages_go_on_behind_what_is_counted_whatever_narrows(
    shelf: Shelf, driven: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = Filled(shelf, Random(5))  # noqa: S311
    await filled.fill(30)
    monkeypatch.setattr("catalog.search.statements.SEARCH_DRIVEN_MAX", driven)
    monkeypatch.setattr("catalog.search.finding.SEARCH_COUNTED_MAX", 4)
    for who in (shelf.market.buyer, shelf.market.rival):
        for filters in [filled.filters() for _ in range(6)]:
            expected = Reference(filled.things, who, filters).found
            for facets in (False, True):
                asked: dict[str, Any] = {"who": who, "filters": filters, "facets": facets}
                assert await pages(shelf, **asked) == expected
                findings = (await shelf.page(limit=1, **asked)).found
                if findings:
                    assert findings.count == min(len(expected), 4)
                    assert findings.count_bounded or len(expected) <= 4
