"""What a buyer may not see changes no byte of what he gets; on random catalogs and unit trees.

Each round adds offers and prices of every hidden sort to a catalog, under names, SKUs and GTINs
that stand between those he sees, and compares every answer before and after, as bytes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import insert

from catalog.exports import own_prices as exports
from catalog.exports.writers import ExportFormat
from catalog.price_lists.checking import check_prices
from catalog.price_lists.schemas import PriceCheckInput, PriceCheckLine
from catalog.products.schemas import OfferView
from catalog.search import service as search
from catalog.search.finding import Query
from catalog.search.schemas import CatalogItem
from marketplace.kernel.errors import InvalidInput, NotFound
from marketplace.kernel.ids import new_id
from marketplace.organizations import service as organizations
from marketplace.organizations.schemas import OrganizationChange
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from tests.catalog.parties import Market, entry, unit_of
from tests.catalog.shop import Shop
from tests.support.world import World

GTINS = ("4006381333931", "4006381333948", "4006381333955", None, None)
WORDS = ("bolt", "nut", "washer", "bearing")
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def shop(platform: Platform, worker: Worker, world: World) -> Shop:
    made = Shop(platform, worker, world)
    await made.register()
    return made


class Round:
    """Adds to a shop what the buyer's site sees, and what it does not."""

    def __init__(self, shop: Shop, random: Random, number: int) -> None:
        self.shop, self.random, self.number = shop, random, number
        self.seen: list[str] = []
        self.hidden = [f"H{number}-{place}" for place in range(8)]
        self._priority = 100 * number

    def next_priority(self) -> int:
        self._priority += 1
        return self._priority

    def name(self) -> str:
        return f"{self.random.choice(WORDS)} {self.random.randrange(100):02}"

    async def offer(self, sku: str, **terms: object) -> OfferView:
        gtin = self.random.choice(GTINS)
        return await self.shop.offer(sku, name=self.name(), gtin=gtin, **terms)

    async def price(self, *skus: str, **more: object) -> None:
        entries = (entry(sku, ("1", str(self.random.randint(1, 30)))) for sku in skus)
        more.setdefault("priority", self.next_priority())
        await self.shop.price_list(*entries, **more)  # type: ignore[arg-type]

    async def add_seen(self) -> None:
        """Open, private, and restricted offers granted in each way; prices of each level."""
        shop = self.shop
        group = await shop.segment(shop.buyer)
        to = self.random.choice([shop.buyer, shop.site, group])
        self.seen = [f"S{self.number}-{place}" for place in range(5)]
        await self.offer(self.seen[0])
        await self.offer(self.seen[1])
        await self.offer(self.seen[2], buyer_id=shop.buyer.organization_id)
        await self.offer(self.seen[3], visibility="restricted")
        await self.offer(self.seen[4], visibility="restricted")
        await shop.assortment(*self.seen[3:], to=[to])
        await self.price(*self.seen)
        await self.price(*self.random.sample(self.seen, 2), level="segment", segment=group)
        reader = self.random.choice([shop.buyer, shop.site])
        await self.price(
            *self.random.sample(self.seen, 2), level="organization", to=[reader], mode="fill_gaps"
        )

    async def add_hidden(self, sibling: Caller) -> None:
        """Offers of every hidden sort, and hidden prices of the offers he sees, in any order."""
        shop, hidden = self.shop, self.hidden
        others = await shop.segment(shop.rival)
        deeds: list[Callable[[], Awaitable[object]]] = [
            lambda: self.offer(hidden[0], buyer_id=shop.rival.organization_id),
            lambda: self.offer(hidden[1], visibility="nobody"),
            lambda: self.offer(hidden[2], state="withdrawn"),
            lambda: self.offer(hidden[3], visibility="restricted"),
            lambda: self.granted(hidden[4], shop.rival),
            lambda: self.granted(hidden[5], others),
            lambda: self.granted(hidden[6], sibling),
            lambda: self.withdrawn_grant(hidden[7]),
            lambda: self.price(*self.seen, level="organization", to=[shop.rival]),
            lambda: self.price(*self.seen, level="organization", to=[sibling]),
            lambda: self.price(*self.seen, level="segment", segment=others),
            lambda: self.price(*self.seen, level="organization"),
            lambda: self.price(
                *self.seen, level="organization", to=[shop.buyer], mode="fill_gaps", publish=False
            ),
            lambda: shop.segment(shop.buyer),
            lambda: shop.assortment(to=[shop.buyer]),
            lambda: shop.assortment(self.seen[0], to=[shop.buyer]),
        ]
        self.random.shuffle(deeds)
        for deed in deeds:
            await deed()
        await self.price(*hidden)

    async def granted(self, sku: str, to: Caller | UUID) -> None:
        await self.offer(sku, visibility="restricted")
        await self.shop.assortment(sku, to=[to])

    async def withdrawn_grant(self, sku: str) -> None:
        await self.offer(sku, visibility="restricted")
        made = await self.shop.assortment(sku, to=[self.shop.buyer])
        await self.shop.withdraw(made, self.shop.buyer)


class Answers:
    """Everything a buyer gets, as bytes."""

    def __init__(self, shop: Shop, who: Caller) -> None:
        self.shop, self.who = shop, who

    async def all(self, skus: list[str]) -> dict[str, bytes]:
        answers = {f"checked {sku}": await self.checked(sku) for sku in skus}
        answers |= {f"ordered {sku}": await self.ordered(sku) for sku in skus}
        queries = [Query(text=text) for text in (*WORDS, "h1", "s1", GTINS[0])]
        queries += [Query(facets=True), Query(sort="price", facets=True), Query(text="nut bolt")]
        for query in queries:
            answers[f"searched {query}"] = await self.pages(query, 50)
        for size in (1, 3):
            answers[f"pages of {size}"] = await self.pages(Query(), size)
        answers["exported"] = await self.exported()
        for item in await self.items():
            answers[f"read {item.id}"] = await self.read(item.id)
        return answers

    async def checked(self, sku: str) -> bytes:
        line = PriceCheckLine(supplier_id=self.shop.supplier.organization_id, sku=sku)
        data = PriceCheckInput(currency="EUR", lines=[line], as_of=AS_OF, explain=True)
        return msgspec.json.encode(await check_prices(self.shop.platform, self.who, data))

    async def ordered(self, sku: str) -> bytes:
        """Give the refusal of an order of which another line is wrong anyhow."""
        with pytest.raises(InvalidInput) as refused:
            await self.shop.order(self.shop.line("NONE"), self.shop.line(sku))
        return msgspec.json.encode([str(refused.value), refused.value.errors])

    async def pages(self, query: Query, limit: int) -> bytes:
        pages, after = [], None
        while True:
            page = await search.search_catalog(
                self.shop.platform, self.who, query, "EUR", PageRequest(limit, after)
            )
            pages.append(msgspec.json.encode(page))
            after = page.next
            if after is None:
                return b"\n".join(pages)

    async def items(self) -> list[CatalogItem]:
        return await self.shop.catalog(who=self.who)

    async def read(self, item_id: UUID) -> bytes:
        try:
            item = await search.read_catalog_item(self.shop.platform, self.who, item_id, "EUR")
        except NotFound as error:
            return str(error).encode()
        return msgspec.json.encode(item)

    async def exported(self) -> bytes:
        pieces: AsyncIterator[bytes] = exports.export_own_prices(
            self.shop.platform, self.who, ExportFormat.NDJSON, "EUR"
        )
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("seed", [1, 2])
async def test_adding_hidden_offers_changes_no_byte(shop: Shop, seed: int) -> None:
    sibling = unit_of(shop.buyer)
    await add_unit(shop, sibling)
    answers = Answers(shop, shop.site)
    random, skus = Random(seed), ["NONE"]  # noqa: S311 - no secrets
    for number in (1, 2):
        added = Round(shop, random, number)
        await added.add_seen()
        skus += [*added.seen[:2], *added.hidden]
        before = await answers.all(skus)
        unknown = await answers.read(new_id())
        await added.add_hidden(sibling)
        after = await answers.all(skus)
        assert [what for what in before if before[what] != after.get(what)] == []
        assert after.keys() == before.keys()
        own = {item.id for item in await answers.items()}
        seen = {item.id for who in (shop.rival, sibling) for item in await shop.catalog(who=who)}
        assert seen - own
        assert {await answers.read(item_id) for item_id in seen - own} == {unknown}
    checked = b"".join(before[f"checked {sku}"] for sku in skus)
    assert b'"segment"' in b"".join(after.values())
    assert checked.count(b"unknown_sku") >= len(added.hidden)


async def test_an_order_refuses_a_hidden_sku_with_the_words_for_an_unknown_one(shop: Shop) -> None:
    await shop.offer("HIDDEN", visibility="restricted")
    await shop.price_list(entry("HIDDEN", ("1", "10")))
    told = []
    for sku in ("HIDDEN", "NONE"):
        with pytest.raises(InvalidInput) as refused:
            await shop.order(shop.line(sku))
        told.append([(e.pointer, e.code, e.detail) for e in refused.value.errors])
    assert told[0] == told[1]
    assert told[0][0][1] == "unknown_sku"
    await shop.assortment("HIDDEN", to=[shop.buyer])
    assert (await shop.order(shop.line("HIDDEN"))).state == "placed"


async def add_unit(market: Market, unit: Caller) -> None:
    async with transaction(market.platform, market.buyer) as tx:
        await tx.execute(
            insert(OrganizationRow).values(
                id=unit.unit_id,
                company_id=unit.organization_id,
                parent_id=unit.path[1],
                name="Unit",
            )
        )


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_grant_to_a_unit_is_seen_by_it_and_those_below_alone(
    market: Market, seed: int
) -> None:
    random, units = Random(seed), [market.buyer]  # noqa: S311 - no secrets
    for _ in range(7):
        parent = random.choice(units)
        unit = unit_of(market.buyer)
        units.append(structs.replace(unit, path=(unit.unit_id, *parent.path)))
        await add_unit(market, units[-1])
    await market.offer("R", visibility="restricted")
    await market.price_list(entry("R", ("1", "10")))
    for granted in random.sample(units, 3):
        made = await market.assortment("R", to=[granted])
        seeing = {unit.unit_id for unit in units if await market.told("R", who=unit) == "10 base"}
        assert seeing == {unit.unit_id for unit in units if granted.unit_id in unit.path}
        for unit in random.sample(units, 2):
            assert bool(await market.catalog(who=unit)) == (granted.unit_id in unit.path)
        await market.withdraw(made, granted)


async def test_unit_re_parented_while_carts_are_open(shop: Shop) -> None:
    """Prices and visibility follow the new path with the next request."""
    division = await shop.world.unit(shop.buying, "Division")
    to = structs.replace(unit_of(shop.buyer), unit_id=division, path=(division, *shop.buyer.path))
    await shop.offer("OPEN")
    await shop.offer("R", visibility="restricted")
    await shop.price_list(entry("OPEN", ("1", "20")), entry("R", ("1", "5")))
    await shop.price_list(entry("OPEN", ("1", "7")), level="organization", to=[to])
    await shop.assortment("R", to=[to])
    assert [await shop.told(sku, who=shop.site) for sku in ("OPEN", "R")] == [
        "20 base",
        "unknown_sku",
    ]
    change = OrganizationChange(parent_id=division)
    site_id = shop.site.unit_id
    await organizations.change_organization(shop.platform, shop.buyer, site_id, 1, change)
    moved = (await shop.world.actor(shop.buying.administrator.key, unit_id=site_id)).caller
    assert moved.path == (site_id, division, shop.buyer.organization_id)
    assert [await shop.told(sku, who=moved) for sku in ("OPEN", "R")] == [
        "7 organization",
        "5 base",
    ]
    assert [item.name for item in await shop.catalog(who=moved)] == ["Thing OPEN", "Thing R"]
    back = OrganizationChange(parent_id=shop.buyer.organization_id)
    await organizations.change_organization(shop.platform, shop.buyer, site_id, 2, back)
    again = (await shop.world.actor(shop.buying.administrator.key, unit_id=site_id)).caller
    assert [await shop.told(sku, who=again) for sku in ("OPEN", "R")] == [
        "20 base",
        "unknown_sku",
    ]
