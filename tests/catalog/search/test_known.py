"""What a process knows of items: each page says what is true now, whatever was known before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec import structs

from catalog.products.schemas import TextInput
from catalog.search import service
from catalog.search.finding import Query
from catalog.search.known_items import KnownItems
from catalog.search.page_statements import OPEN_CHOSEN
from marketplace.app import assemble
from marketplace.organizations import service as organizations
from marketplace.organizations.schemas import OrganizationChange
from marketplace.platform.core import Platform
from marketplace.platform.database import owner_connection
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.settings import Settings
from tests.catalog.parties import Market, entry
from tests.catalog.products.keeper import Shelf
from tests.support.world import World

GTIN = "4006381333931"


@pytest.fixture
async def other_process(settings: Settings) -> AsyncIterator[Platform]:
    made = assemble(replace(settings, features=("catalog",))).platform
    yield made
    await made.close()


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    return Shelf(market, (await world.operator()).caller)


async def test_a_page_follows_each_change_of_products_offers_and_names(
    market: Market, shelf: Shelf, other_process: Platform
) -> None:
    async def told(platform: Platform, limit: int = 50) -> list[tuple[str, str, int]]:
        asked = PageRequest(limit, None)
        answer = await service.answer_search(platform, market.buyer, None, None, asked)
        items = msgspec.json.decode(answer.body)["items"]
        return [
            (item["name"], item["offers"][0]["supplier_name"], item["offer_count"])
            for item in items
        ]

    async def both(*expected: tuple[str, str, int]) -> None:
        for platform in (market.platform, other_process):
            for limit in (50, 49):  # the second is made of what the first made known
                assert await told(platform, limit) == [*expected]

    bolt = await shelf.proposed("A", name="Bolt")
    nut = await shelf.proposed("B", name="Nut")
    await market.price_list(entry("A", ("1", "10")))
    await both(("Bolt", "Supplier", 1), ("Nut", "Supplier", 1))
    bolt = await shelf.change(bolt, name="Rivet")
    await both(("Nut", "Supplier", 1), ("Rivet", "Supplier", 1))
    bolt = await shelf.accept(bolt)
    await shelf.merge(nut, bolt)
    await both(("Rivet", "Supplier", 2))
    await market.offer("A", name="Rivet", state="withdrawn")
    await both(("Rivet", "Supplier", 1))
    await market.offer("P", name="Alone", buyer_id=market.buyer.organization_id)
    await both(("Alone", "Supplier", 1), ("Rivet", "Supplier", 1))
    await market.offer("P", name="Zinc", buyer_id=market.buyer.organization_id)
    await both(("Rivet", "Supplier", 1), ("Zinc", "Supplier", 1))
    seller = structs.replace(
        market.supplier, scopes=market.supplier.scopes | {"organizations:write"}
    )
    change = OrganizationChange(name="Renamed")
    await organizations.change_organization(
        market.platform, seller, seller.organization_id, 1, change
    )
    await both(("Rivet", "Renamed", 1), ("Zinc", "Renamed", 1))


async def test_a_page_begins_and_ends_where_it_would_with_private_offers_between(
    market: Market,
) -> None:
    for number in range(4):
        await market.offer(f"S{number}", name=f"Thing {number}")
        await market.offer(
            f"P{number}", name=f"Thing {number} for you", buyer_id=market.buyer.organization_id
        )
    found: list[str] = []
    for _ in range(2):  # unknown at first, then known
        found, after = [], None
        for _ in range(3):
            page = await service.search_catalog(
                market.platform, market.buyer, None, None, PageRequest(3, after)
            )
            found += [item.name for item in page.items]
            after = page.next
        assert found == sorted(found)
        assert len(found) == 8
        assert after is None


async def test_a_page_is_short_at_the_end_alone_though_a_supplier_between_is_gone(
    market: Market, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        who = market.supplier if number in {0, 8} else market.other
        await market.offer(f"S{number}", who, name=f"Thing {number}")
    assert settings.owner_url
    owner = await owner_connection(settings.owner_url)
    async with owner.transaction():
        await owner.execute("alter table organizations no force row level security")
        await owner.execute(
            "update organizations set supplier = false where id = $1", market.other.organization_id
        )
        await owner.execute("alter table organizations force row level security")
    await owner.close()

    async def told(after: str | None = None) -> tuple[list[str], str | None]:
        asked = PageRequest(2, after)
        page = await service.search_catalog(market.platform, market.buyer, None, None, asked)
        return [item.name for item in page.items], page.next

    for _ in range(2):
        assert await told() == (["Thing 0", "Thing 8"], None)
    monkeypatch.setattr(service, "PAGE_READS_MAX", 2)
    found, following = await told()
    assert found == ["Thing 0"]
    assert following is not None
    assert await told(following) == (["Thing 8"], None)


async def test_no_more_items_are_known_than_the_bound(market: Market) -> None:
    known = market.platform._parts[KnownItems] = KnownItems(8)
    for number in range(12):
        await market.offer(f"N{number:02}")
    for _ in range(2):
        assert len(await market.catalog()) == 12
        assert len(known._known) <= 8


async def test_of_a_page_one_of_whose_items_was_changed_no_other_is_read_again(
    market: Market, shelf: Shelf
) -> None:
    for sku in ("A", "B"):
        await shelf.proposed(sku, name=f"Thing {sku}")
    third = await shelf.proposed("C", name="Thing C")
    known = market.platform._parts[KnownItems] = KnownItems()

    async def held() -> dict[str, int]:
        """Give which object each item of the page is."""
        found = [known._seen.get(item.id) for item in await market.catalog()]
        return {item.name: id(item) for item in found if item is not None}

    before = await held()
    await shelf.change(third, name="Thing D")
    after = await held()
    assert set(after) == {"Thing A", "Thing B", "Thing D"}
    for name in ("Thing A", "Thing B"):
        assert after[name] == before[name]


async def test_what_is_written_of_an_item_says_what_the_view_says_whoever_reads_it(
    market: Market, shelf: Shelf
) -> None:
    """Everybody's items, with own prices put in, of two offers, and in a language."""
    german = TextInput(language="de", name='Mutter "M6"')
    await shelf.change(await shelf.proposed("A", name="Nut"), texts=[german])
    await market.offer("B", name="Thing for \u20ac")
    await market.offer("C", lead_time_days=3)
    await market.offer("D", name=r"Thing \u0000price; D")
    for who in (market.supplier, market.other):
        await market.offer("E", who, gtin=GTIN)
    ladder = ("1", "10.50"), ("20", "10")
    await market.price_list(*(entry(sku, *ladder) for sku in ("A", "B", "D", "E")))
    await market.price_list(entry("E", ("1", "9")), who=market.other)
    await market.price_list(
        *(entry("B", ("1", "7.25"), ("5", "7")), entry("E", ("1", "8"))),
        entry("D", ("1", "9"), ("3", "8"), volume_mode="graduated"),
        level="organization",
        to=[market.buyer],
    )
    best: set[str] = set()
    for limit in (50, 49, 48):  # unknown at first, then known, then put together before
        asked = PageRequest(limit, None)
        for who in (market.rival, market.buyer):
            for languages in ((), ("de",)):
                told = await service.answer_search(
                    market.platform, who, None, None, asked, languages
                )
                shown = await service.search_catalog(
                    market.platform, who, None, None, asked, languages
                )
                assert told.body == msgspec.json.encode(shown)
                best |= {
                    f"{item.offers[0].sku} {item.offers[0].price.level}"
                    for item in shown.items
                    if item.offers[0].price
                }
    assert {"A base", "B base", "B organization", "D organization", "E organization"} <= best


async def test_an_own_price_is_written_by_others_only_where_these_are_like_it(
    market: Market,
) -> None:
    """Offers with prices of one's own, of which each differs from another in one respect.

    Then a second buyer has such prices too, in lists of his own.
    """
    ladder = ("1", "9.50"), ("8", "9")
    sold: dict[str, dict[str, object]] = {
        "D": {"minimum_quantity": "8"},
        "E": {"minimum_quantity": "8"},
        "F": {"minimum_quantity": "8"},
        "G": {"content": "10", "content_unit": "MTR"},
        "J": {"multiple": "4"},
        "L": {"minimum_quantity": "8"},
    }
    own = [
        entry("A", *ladder),
        entry("B", ("1", "8.125"), ("5", "8"), ("20", "7")),
        entry("C", ("1", "9"), unit="XBX"),  # which is no price for a piece
        entry("D", *ladder),
        entry("E", ("5", "9"), ("8", "7.75")),  # below that a price of everybody's holds
        entry("F", ("5", "9"), ("8", "7.75")),  # here that begins at five too
        entry("G", *ladder),
        entry("H", ("1", "950"), basis="100"),
        entry("I", *ladder, volume_mode="graduated"),
        entry("J", *ladder),
        entry("K", *ladder),  # which everybody has a price in dollars for
    ]
    alone = entry("L", ("5", "9"), ("8", "7.75"))  # as E, where no other price counts beside it
    for who, amount in ((market.supplier, "10"), (market.other, "9.25")):
        for sku in "ABCDEFGHIJKL":
            terms = sold.get(sku, {})
            await market.offer(sku, who, maker="Maker", maker_number=sku, **terms)
        least = {"F": "5"}
        everybodys = [entry(sku, (least.get(sku, "1"), amount)) for sku in "ABCDEFGHIJKL"]
        await market.price_list(*everybodys, who=who, mode="fill_gaps")
    dollars = entry("K", ("1", "11"))
    await market.price_list(dollars, who=market.other, currency="USD", priority=1)
    for buyer in (market.buyer, market.rival):
        few = [each for each in own if each.sku in "AGI"]
        for who, mode, some in (
            (market.supplier, "exclusive", [*few, alone]),
            (market.other, "fill_gaps", own),
        ):
            await market.price_list(*some, level="organization", to=[buyer], who=who, mode=mode)
        await _pages_say_what_their_views_say(market)


async def _pages_say_what_their_views_say(market: Market) -> None:
    for limit in (50, 49):  # the second is written by what the first was
        for currency in (None, "EUR", "USD"):
            asked = PageRequest(limit, None)
            for who in (market.rival, market.buyer):
                told = await service.answer_search(market.platform, who, None, currency, asked)
                shown = await service.search_catalog(market.platform, who, None, currency, asked)
                assert told.body == msgspec.json.encode(shown)


async def test_what_was_asked_of_some_suppliers_prices_nothing_of_one_who_became_known_meanwhile(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = market.platform
    await market.offer("A-1")
    await market.price_list(entry("A-1", ("1", "3")))
    for sku in ("B-1", "B-2"):
        await market.offer(sku, market.other)
    await market.price_list(entry("B-1", ("1", "5")), entry("B-2", ("1", "7")), who=market.other)

    async def cost(sku: str) -> str:
        query, asked = Query(text=sku, facets=True), PageRequest(5, None)
        (item,) = (await service.search_catalog(platform, market.buyer, query, None, asked)).items
        assert item.offers[0].price
        return item.offers[0].price.amount

    assert await cost("A-1") == "3"
    fetch, others = platform.database.hot.fetch, []

    async def late(sql: str, *more: Any) -> list[asyncpg.Record]:
        """Give what was read when another search has come and gone."""
        rows = await fetch(sql, *more)
        if sql == OPEN_CHOSEN.sql and not others:
            others.append("B-2")
            others.append(await cost("B-2"))
        return rows

    monkeypatch.setattr(platform.database.hot, "fetch", late)
    assert await cost("B-1") == "5"
    assert others == ["B-2", "7"]
