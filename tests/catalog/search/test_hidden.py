"""What a buyer may not see changes no byte of what searching gives him; on random catalogs.

Each example puts a few products on an empty shelf, asks all that a buyer can ask, puts hidden ones
beside them, and asks again. Names are of a few words that are alike, so that what is hidden stands
between what is seen: in the order, in prefixes, and in what a mistyped word may have meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from sqlalchemy import insert

from catalog.products.tables import OfferRow, ProductRelationRow, ProductRow, ProductTextRow
from catalog.search.related import count_together
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import BUYERS_TOGETHER_MIN
from marketplace.platform.database import transaction
from marketplace.platform.settings import Settings
from tests.catalog.parties import entry
from tests.catalog.search.shelf import OPEN_OFFER, Shelf, bearing_attributes, order
from tests.catalog.shop import Shop
from tests.support.world import World

WORDS = (
    *("bolt", "bolts", "bult", "bolzen", "kugellager", "rillenkugellager", "kugelager", "lager"),
    *("seal", "sealed", "m8x20", "6204-2rs", "62042rsx", "hexagon", "hexagn"),
)
RELATIONS = ("accessory", "substitute")
OPEN, PRIVATE, RESTRICTED = "open", "private", "restricted"
NOBODY, RIVALS, THEIRS, NO_OFFER, WITHDRAWN, DRAFT, GONE, BY_ITSELF, BESIDE = (
    *("nobody", "rivals", "theirs", "no offer", "withdrawn", "draft", "gone", "by itself"),
    "beside",
)
PARTS = {"maker_key": None, "maker_number_key": None, "gtin": None}


class Thing(msgspec.Struct, frozen=True):
    """A product or offer by what it is called, what it is, and who may see it."""

    name: str
    german: str
    number: str
    seen: str
    category: str | None
    material: str
    bore: int
    lead_time_days: int | None
    amount: int


def things(*seen: str) -> st.SearchStrategy[Thing]:
    words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
    return st.builds(
        Thing,
        name=words,
        german=words | st.just(""),
        number=st.sampled_from(["", "6204-2RS", "6204-2RSX", "M8"]),
        seen=st.sampled_from(seen),
        category=st.sampled_from([None, "bearings", "power"]),
        material=st.sampled_from(["steel", "ceramic"]),
        bore=st.integers(1, 40),
        lead_time_days=st.none() | st.integers(0, 9),
        amount=st.integers(1, 9),
    )


def thing(name: str, seen: str = OPEN) -> Thing:
    return Thing(name, "", "", seen, "bearings", "steel", 10, 1, 3)


SEEN = st.lists(things(OPEN, OPEN, PRIVATE, RESTRICTED), min_size=1, max_size=5)
HIDDEN = st.lists(
    things(NOBODY, RIVALS, THEIRS, NO_OFFER, WITHDRAWN, DRAFT, GONE, BY_ITSELF, BESIDE),
    min_size=1,
    max_size=6,
)
TYPED = st.lists(
    st.lists(st.sampled_from([*WORDS, "bol", "lagr", "62", "hexgon", "steel"]), min_size=1).map(
        lambda words: " ".join(words[:2])
    ),
    min_size=1,
    max_size=2,
)


class Bench:
    """A shelf that is emptied between examples, and its buyer over HTTP."""

    def __init__(self, shelf: Shelf, shop: Shop, client: httpx.AsyncClient, owner: str) -> None:
        self.shelf, self.shop, self.client, self.owner = shelf, shop, client, owner
        self.numbers: Iterator[int] = count(1)
        self.products: list[UUID] = []
        self.skus: dict[UUID, str] = {}
        self.names: dict[UUID, str] = {}

    async def empty(self) -> None:
        connection = await asyncpg.connect(self.owner)
        try:
            await connection.execute("truncate products, offers, search_words cascade")
        finally:
            await connection.close()
        self.products, self.skus = [], {}
        if not self.shelf.categories:
            await self.shelf.category("power", en="Power", de="Antrieb")
            called = {"en": "Bearings", "de": "Kugellager"}
            await self.shelf.category("bearings", "power", bearing_attributes(), **called)

    async def put(self, things: Sequence[Thing], beside: UUID | None = None) -> None:
        """Put things on the shelf; with `beside`, some are offers of that product."""
        shop, ids = self.shop, [new_id() for _ in things]
        made = [t for t in zip(ids, things, strict=True) if t[1].seen not in {BY_ITSELF, BESIDE}]
        products = [self._product(product_id, thing) for product_id, thing in made]
        texts = [
            {"product_id": i, "language": "de", "name": t.german, "description": "", "keywords": []}
            for i, t in made
            if t.german
        ]
        async with transaction(shop.platform, self.shelf.operator) as tx:
            if products:
                await tx.execute(insert(ProductRow), products)
            if texts:
                await tx.execute(insert(ProductTextRow), texts)
        offers = []
        for item_id, thing in zip(ids, things, strict=True):
            product = {BY_ITSELF: None, BESIDE: beside}.get(thing.seen, item_id)
            if thing.seen != NO_OFFER:
                offers.append(self._offer(product, thing))
                self.skus[item_id] = offers[-1]["sku"]
        async with transaction(shop.platform, shop.supplier) as tx:
            if offers:
                await tx.execute(insert(OfferRow), offers)
        self.names |= {product_id: thing.name for product_id, thing in made}
        self.products += [product_id for product_id, _ in made]
        await self._grant(things, ids)
        prices = [
            entry(self.skus[item_id], ("1", str(thing.amount)))
            for item_id, thing in zip(ids, things, strict=True)
            if item_id in self.skus
        ]
        if prices:
            await shop.price_list(*prices, priority=next(self.numbers))

    def _product(self, product_id: UUID, thing: Thing) -> dict[str, Any]:
        values = {"material": thing.material, "bore": str(thing.bore)}
        category = self.shelf.categories.get(thing.category or "")
        return {
            "id": product_id,
            "name": thing.name,
            "description": thing.name[::-1],
            "maker": "Maker" if thing.number else None,
            "maker_number": thing.number or None,
            "state": {DRAFT: "draft", GONE: "discontinued"}.get(thing.seen, "active"),
            "proposed_by": self.shelf.operator.organization_id,
            "category_id": category,
            "attributes": values if thing.category == "bearings" else {},
            **PARTS,
        }

    def _offer(self, product_id: UUID | None, thing: Thing) -> dict[str, Any]:
        rival, buyer = self.shop.rival.organization_id, self.shop.buyer.organization_id
        audiences = {OPEN: PUBLIC, WITHDRAWN: PUBLIC, DRAFT: PUBLIC, GONE: PUBLIC, PRIVATE: buyer}
        audiences |= dict.fromkeys((RIVALS, BY_ITSELF, BESIDE), rival)
        return {
            "id": new_id(),
            "supplier_id": self.shop.supplier.organization_id,
            "sku": f"6204-{next(self.numbers)}",
            "product_id": product_id,
            "name": thing.name,
            **OPEN_OFFER,
            "lead_time_days": thing.lead_time_days,
            "audience_id": audiences.get(thing.seen, UUID(int=1)),
            "state": "withdrawn" if thing.seen == WITHDRAWN else "active",
        }

    async def _grant(self, things: Sequence[Thing], ids: Sequence[UUID]) -> None:
        for seen, who in ((RESTRICTED, self.shop.buyer), (THEIRS, self.shop.rival)):
            given = zip(ids, things, strict=True)
            skus = [self.skus[item_id] for item_id, thing in given if thing.seen == seen]
            if skus:
                await self.shop.assortment(*skus, to=[who])

    async def relate(self, product_id: UUID, others: Sequence[UUID], place: int) -> None:
        rows = [
            {"product_id": product_id, "related_id": other, "kind": kind, "position": place + at}
            for at, (other, kind) in enumerate(
                (other, kind) for other in others for kind in RELATIONS
            )
        ]
        if rows:
            async with transaction(self.shop.platform, self.shelf.operator) as tx:
                await tx.execute(insert(ProductRelationRow), rows)

    async def bought(self, one: UUID, other: UUID) -> None:
        if one in self.skus and other in self.skus:
            for company in range(BUYERS_TOGETHER_MIN):
                await order(self.shelf, company, self.skus[one], self.skus[other])

    # What the buyer gets

    async def answers(self, typed: Sequence[str]) -> dict[str, bytes]:
        told: dict[str, bytes] = {}
        chosen = {"category": str(self.shelf.categories["bearings"])}
        for text in typed:
            asked: list[Mapping[str, str]] = [
                {"q": text, "facets": "true", "limit": "2"},
                {"q": text, "facets": "true", "language": "de-AT", "attribute": "material:steel"},
                {"q": text, "sort": "price", "currency": "EUR", "facets": "true", "limit": "1"},
            ]
            for query in asked:
                await self._pages(query, told)
            for query in ({"q": text[:4]}, {"q": text[:3], "language": "de", "limit": "3"}):
                await self._get("/v1/catalog/suggestions", query, told)
        await self._pages({"facets": "true", "limit": "2", "range": "bore:5:20", **chosen}, told)
        supplier = {"supplier": str(self.shop.supplier.organization_id)}
        for offered in (supplier, {"lead_time_days": "4"}, {**supplier, "lead_time_days": "4"}):
            await self._pages({"facets": "true", "limit": "2", **offered}, told)
        await self._pages(
            {"price_from": "2", "price_to": "6", "currency": "EUR", "facets": "true"}, told
        )
        for wrong in ({"sort": "price"}, {"after": "x"}, {"attribute": "x", "q": typed[0]}):
            await self._get("/v1/catalog", wrong, told)
        return told

    async def details(self, items: Sequence[UUID]) -> dict[str, bytes]:
        told: dict[str, bytes] = {}
        for item_id in items:
            for path in (f"/v1/catalog/{item_id}", f"/v1/catalog/{item_id}/related"):
                await self._get(path, {}, told)
        return told

    async def _pages(self, query: Mapping[str, str], told: dict[str, bytes]) -> None:
        after: dict[str, str] = {}
        while True:
            body = await self._get("/v1/catalog", {**query, **after}, told)
            if not body.get("next"):
                return
            after = {"after": body["next"]}

    async def _get(self, path: str, query: Mapping[str, str], told: dict[str, bytes]) -> Any:
        headers = self.shop.buying.administrator.headers
        answer = await self.client.get(path, params=query, headers=headers)
        body = answer.json()
        traced = {"instance", "request_id", "trace_id"}
        for name in traced & body.keys():
            del body[name]
        shown = [answer.headers.get(name, "") for name in ("etag", "link", "cache-control")]
        content = answer.content if answer.is_success else msgspec.json.encode(body)
        told[f"{path} {dict(query)}"] = str([answer.status_code, *shown]).encode() + content
        return body


@pytest.fixture
async def bench(shop: Shop, world: World, client: httpx.AsyncClient, settings: Settings) -> Bench:
    shelf = Shelf(shop, (await world.operator()).caller)
    return Bench(shelf, shop, client, settings.owner_url)


@property_settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],  # to shrink one would take minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seen=SEEN, hidden=HIDDEN, typed=TYPED)
@example(seen=[thing("bolt"), thing("bolt")], hidden=[thing("bult", NOBODY)], typed=["bolt"])
@example(seen=[thing("seal")], hidden=[thing("sealed", BESIDE)], typed=["seal"])
async def test_adding_what_is_hidden_changes_no_byte_of_a_search(
    bench: Bench, seen: list[Thing], hidden: list[Thing], typed: list[str]
) -> None:
    await bench.empty()
    await bench.put(seen)
    shown = list(bench.products)
    await bench.relate(shown[0], shown[1:], 100)
    before = await bench.answers(typed) | await bench.details(shown)
    await bench.put(hidden, beside=shown[0])
    unseen = [each for each in bench.products if each not in shown]
    await bench.relate(shown[0], unseen, 0)
    if unseen:
        await bench.bought(shown[0], unseen[0])
        await count_together(bench.shop.platform, PUBLIC)
    after = await bench.answers(typed) | await bench.details(shown)
    assert {what: after.get(what) for what in before if before[what] != after.get(what)} == {}
    assert after.keys() == before.keys()
    # What was taken out of the catalog is read by its address, as an old order names it.
    gone = {thing.name for thing in hidden if thing.seen == GONE}
    unread = [each for each in unseen if bench.names[each] not in gone]
    told = await bench.details(unread[:2])
    assert set(told.values()) <= set((await bench.details([new_id()])).values())
