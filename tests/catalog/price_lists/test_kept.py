"""What processes keep of prices: every answer is the one that is read anew."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from catalog.customers import service as customers
from catalog.customers.schemas import CustomerInput, SegmentMembersInput
from catalog.price_lists import assigning, checking, discounts, reading
from catalog.price_lists.changing import change_price_list
from catalog.price_lists.kept import KeptPrices
from catalog.price_lists.schemas import (
    AssignmentInput,
    PriceCheckInput,
    PriceCheckLine,
    PriceDiscountInput,
    PriceDiscountsInput,
    PriceEntryKey,
    PriceListChange,
)
from catalog.price_lists.standings import Standings
from catalog.recent import Recent
from catalog.search import service as search
from catalog.search.finding import Query
from catalog.search.known_items import KnownItems
from catalog.search.shelf import Shelf
from marketplace.app import assemble
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.settings import Settings
from tests.catalog.parties import Market, entry, unit_of

SKUS = [f"S{number}" for number in range(6)]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
INSTANTS = (NOW, NOW + timedelta(days=2) - timedelta(microseconds=1), NOW + timedelta(days=2))
STEPS = 11


@pytest.fixture
async def processes(settings: Settings, market: Market) -> AsyncIterator[list[Platform]]:
    """Two processes that keep what they read, and a third that is made to forget."""
    features = {"features": ("catalog",)}
    made = [assemble(replace(settings, **features)).platform for _ in range(2)]
    yield [market.platform, *made]
    for platform in made:
        await platform.close()


def forget(platform: Platform) -> None:
    platform._parts |= {KeptPrices: KeptPrices(), Shelf: Shelf(), Standings: Standings()}


def asking(market: Market, skus: Sequence[str], at: datetime, quantity: str) -> PriceCheckInput:
    supplier_id = market.supplier.organization_id
    lines = [PriceCheckLine(supplier_id, sku, quantity) for sku in skus]
    return PriceCheckInput(currency="EUR", lines=lines, as_of=at)


async def checked(platform: Platform, who: Caller, asked: PriceCheckInput) -> bytes:
    """Ask for the first line alone, which may be known where others are not, and twice for all."""
    alone = msgspec.structs.replace(asked, lines=asked.lines[:1])
    answers = [await checking.answer_check(platform, who, data) for data in (alone, asked, asked)]
    return b"\n".join(msgspec.json.encode(answer.lines) for answer in answers)


async def viewed(platform: Platform, who: Caller, asked: PriceCheckInput) -> bytes:
    """Give what `checked` should say, by the other way to write it, and read anew."""
    forget(platform)
    lines = (await checking.check_prices(platform, who, asked)).lines
    return b"\n".join(msgspec.json.encode(some) for some in (lines[:1], lines, lines))


async def paged(platform: Platform, who: Caller, limit: int = 50) -> bytes:
    return (await search.answer_search(platform, who, None, None, PageRequest(limit, None))).body


async def browsed(platform: Platform, who: Caller, limit: int) -> bytes:
    """Give what `paged` should say, by the other way to write it, and read anew."""
    forget(platform)
    return msgspec.json.encode(
        await search.search_catalog(platform, who, None, None, PageRequest(limit, None))
    )


FACETED = Query(facets=True)


async def searched(platform: Platform, who: Caller) -> bytes:
    return (await search.answer_search(platform, who, FACETED, None, PageRequest(50, None))).body


async def found(platform: Platform, who: Caller) -> bytes:
    """Give what `searched` should say, by the other way to write it, and read anew."""
    forget(platform)
    return msgspec.json.encode(
        await search.search_catalog(platform, who, FACETED, None, PageRequest(50, None))
    )


def on_the_shelf(platform: Platform, who: Caller, limit: int) -> bool:
    asked = {"after_name": "", "after_id": UUID(int=0), "fetch": limit + 1}
    return platform.get(Shelf).held(who.path, asked) is not None


def stands(platform: Platform, who: Caller, keys: Sequence[tuple[UUID, str]]) -> bool:
    """Tell whether the next check would be asked for the mark alone."""
    expected = platform.get(KeptPrices).expected(who.path, keys)
    standings = platform.get(Standings)
    standing = standings.of(who.path, {supplier_id for supplier_id, _ in keys})
    if expected is None or standing is None or standing.heads.has_contracts:
        return False
    return standings.sees(expected[0])


class Changes:
    """Whatever may change prices or who has them, at random."""

    def __init__(self, market: Market, region: Caller, random: Random) -> None:
        self.market, self.region, self.random = market, region, random
        self.lists: dict[UUID, Caller | UUID | None] = {}
        self.base: UUID | None = None
        self.groups: list[UUID] = []
        self.restricted: UUID | None = None

    async def prepare(self) -> None:
        market = self.market
        for sku in SKUS:
            await market.offer(sku, visibility="restricted" if sku == SKUS[-1] else "everybody")
        self.groups = [await market.segment(market.buyer), await market.segment(market.rival)]
        self.restricted = await market.assortment(SKUS[-1], to=[market.site])
        self.base = (await market.price_list(*self.entries())).id
        self.lists[self.base] = None
        for priority, to in enumerate((market.buyer, market.site, self.region, market.rival), 1):
            made = await market.price_list(
                *self.entries(), level="organization", to=[to], priority=priority, mode=self.mode()
            )
            self.lists[made.id] = to
        for priority, group in enumerate(self.groups, 10):
            made = await market.price_list(
                *self.entries(), level="segment", segment=group, priority=priority, mode=self.mode()
            )
            self.lists[made.id] = group

    def mode(self) -> str:
        return self.random.choice(["exclusive", "fill_gaps"])

    def entries(self) -> list:  # type: ignore[type-arg]
        made = []
        for sku in self.random.sample(SKUS, self.random.randint(1, 4)):
            tiers = [("1", self.amount()), ("10", self.amount())][self.random.randint(0, 1) :]
            mode = self.random.choice(["volume", "graduated"])
            ends = NOW + timedelta(days=2) if self.random.random() < 0.3 else None
            made.append(entry(sku, *tiers, volume_mode=mode, valid_until=ends))
        return made

    def amount(self) -> str:
        return str(self.random.randint(1, 9_999) / 100)

    async def write(self) -> None:
        """Change a draft; as often as not it is published."""
        list_id = self.random.choice(list(self.lists))
        gone = [PriceEntryKey(sku=sku, unit="C62") for sku in self.random.sample(SKUS, 2)]
        await self.market.set(list_id, removed=gone)
        await self.market.set(list_id, *self.entries())
        await self.publish(list_id)

    async def publish(self, list_id: UUID | None = None) -> None:
        if self.random.random() < 0.7:
            chosen = list_id or self.random.choice(list(self.lists))
            await self.market.publish(chosen)

    async def assign(self) -> None:
        """Take a list back, or give it again."""
        market = self.market
        given = [(list_id, to) for list_id, to in self.lists.items() if isinstance(to, Caller)]
        list_id, to = self.random.choice(given)
        if self.random.random() < 0.5:
            data = AssignmentInput(organization_id=to.unit_id)
            with suppress(Conflict):  # another list took its rank meanwhile
                await assigning.assign_price_list(market.platform, market.supplier, list_id, data)
        else:
            with suppress(NotFound):  # it was taken back before
                await assigning.withdraw_assignment(
                    market.platform, market.supplier, list_id, to.unit_id
                )

    async def change(self) -> None:
        """Let a list say something else of itself: its rank, its mode, its end."""
        market, ends = self.market, [None, NOW + timedelta(days=1)]
        list_id = self.random.choice(list(self.lists))
        now = await reading.read_price_list(market.platform, market.supplier, list_id)
        data = PriceListChange(
            priority=self.random.randint(0, 9),
            mode=self.mode(),  # type: ignore[arg-type]
            valid_until=self.random.choice(ends),
        )
        with suppress(Conflict):  # another list has this rank
            await change_price_list(market.platform, market.supplier, list_id, data, now.version)

    async def regroup(self) -> None:
        companies = [self.market.buyer.organization_id, self.market.rival.organization_id]
        some = self.random.sample(companies, self.random.randint(0, 2))
        data = SegmentMembersInput(added=some, removed=[c for c in companies if c not in some])
        await customers.put_members(
            self.market.platform, self.market.supplier, self.random.choice(self.groups), data
        )

    async def grant(self) -> None:
        assert self.restricted
        to = self.random.choice([self.market.buyer, self.market.rival, self.groups[0]])
        await self.market.grant(self.restricted, to)

    async def offer(self) -> None:
        sku = self.random.choice(SKUS[:-1])
        state = self.random.choice(["active", "active", "withdrawn"])
        least = self.random.choice(["1", "2", "10"])
        name = f"Thing {self.random.randint(1, 99)}"
        await self.market.offer(sku, name=name, state=state, minimum_quantity=least)

    async def discount(self) -> None:
        assert self.base
        own = self.random.choice([list_id for list_id in self.lists if list_id != self.base])
        off = str(self.random.randint(1, 60))
        sku = self.random.choice([None, *SKUS])
        wished = [PriceDiscountInput(percent_off=off, of_list_id=self.base, sku=sku)]
        data = PriceDiscountsInput(discounts=wished[: self.random.randint(0, 1)])
        await discounts.put_discounts(self.market.platform, self.market.supplier, own, data)
        await self.publish(own)

    async def agree(self) -> None:
        units = self.random.choice([[], [self.market.site]])
        await self.market.contract(self.random.choice(SKUS), ("1", self.amount()), units=units)

    async def weigh(self) -> None:
        policy = self.random.choice(["priority", "best_price"])
        buyer_id = self.market.buyer.organization_id
        await customers.put_customer(
            self.market.platform, self.market.supplier, buyer_id, CustomerInput(policy)
        )

    async def any(self) -> None:
        ways: list[Callable[[], Awaitable[None]]] = [
            *(self.write, self.write, self.write, self.publish, self.assign, self.assign),
            *(self.regroup, self.grant, self.offer, self.discount, self.discount),
            *(self.agree, self.weigh, self.change, self.change),
        ]
        await self.random.choice(ways)()


@pytest.mark.parametrize("seed", range(2))
async def test_two_processes_agree_with_what_is_read_anew_whatever_changes(
    market: Market, processes: list[Platform], seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    region = unit_of(market.buyer)
    await market._organization(
        market.buyer, region.unit_id, market.buyer.organization_id, "Region", sells=None
    )
    moved = structs.replace(market.site, path=(market.site.unit_id, *region.path))
    changes = Changes(market, region, random)
    await changes.prepare()
    first, second, anew = processes
    known = shelved = standing = opened = 0
    for step in range(STEPS):
        for who in (market.buyer, market.site, moved, market.rival):
            some = random.choice([SKUS, SKUS[:2]])
            skus, at = random.sample(some, len(some)), random.choice(INSTANTS)
            asked = asking(market, skus, at, random.choice(["1", "2", "12"]))
            expected = await viewed(anew, who, asked)
            keys = [(line.supplier_id, line.sku) for line in asked.lines]
            for process in random.sample([first, second], random.randint(1, 2)):
                known += process.get(KeptPrices).expected(who.path, keys) is not None
                assert await checked(process, who, asked) == expected, (seed, step)
                standing += stands(process, who, keys)
            page = await browsed(anew, who, 3)
            for process in random.sample([first, second], random.randint(1, 2)):
                shelved += on_the_shelf(process, who, 3)
                assert await paged(process, who, 3) == page, (seed, step)
            hits = await found(anew, who)
            for process in random.sample([first, second], random.randint(1, 2)):
                process._parts[KnownItems] = KnownItems()  # its items are read, and not only asked
                opened += process.get(Shelf).standing(who.path) is not None
                assert await searched(process, who) == hits, (seed, step)
        await changes.any()
    assert known > STEPS  # or nothing is proven
    assert min(shelved, standing, opened) > STEPS / 4


async def test_a_percentage_follows_the_list_it_is_off_though_both_were_known(
    market: Market,
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "100")))
    own = await market.price_list(level="organization", to=[market.buyer])
    data = PriceDiscountsInput([PriceDiscountInput(percent_off="10", of_list_id=base.id)])
    await discounts.put_discounts(market.platform, market.supplier, own.id, data)
    await market.publish(own.id)
    for amount, told in (("100", "90"), ("200", "180"), ("300", "270")):
        await market.set(base.id, entry("A", ("1", amount)))
        await market.publish(base.id)
        for _ in range(2):
            assert await market.told("A") == f"{told} organization"


async def test_a_check_by_the_mark_alone_follows_what_was_changed(market: Market) -> None:
    await market.offer("A")
    key = (market.supplier.organization_id, "A")

    async def told(expected: str, *, stand: bool = True) -> None:
        for _ in range(3):
            assert await market.told("A") == expected
        assert stands(market.platform, market.buyer, [key]) is stand

    base = await market.price_list(entry("A", ("1", "100")))
    await told("100 base")
    await market.set(base.id, entry("A", ("1", "110")))
    await market.publish(base.id)
    await told("110 base")
    own = await market.price_list(entry("A", ("1", "90")), level="organization", to=[market.buyer])
    await told("90 organization")
    await assigning.withdraw_assignment(
        market.platform, market.supplier, own.id, market.buyer.organization_id
    )
    await told("110 base")
    await market.contract("A", ("1", "70"))
    await told("70 contract", stand=False)


async def test_a_hidden_sku_is_asked_for_as_one_that_is_none_whoever_was_told_of_it(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be told by the time it takes."""
    for sku in ("A", "B", "C"):
        await market.offer(sku)
    await market.offer("B", visibility="restricted")
    await market.assortment("B", to=[market.buyer])
    await market.price_list(*(entry(sku, ("1", "5")) for sku in "ABC"))
    for sku in "ABCBC":
        assert await market.told(sku) == "5 base"
    assert await market.told("A", who=market.rival) == "5 base"
    await market.offer("C", visibility="nobody")
    fetch, asked = market.platform.database.hot.fetch, []

    async def noted(sql: str, *more: Any) -> list[asyncpg.Record]:
        asked.append(sql)
        return await fetch(sql, *more)

    monkeypatch.setattr(market.platform.database.hot, "fetch", noted)

    async def told(sku: str) -> list[str]:
        asked.clear()
        assert await market.told(sku, who=market.rival) == "unknown_sku"
        return list(asked)

    none = await told("none")
    assert await told("B") == none
    assert await told("C") != none  # it was everybody's a moment ago
    assert await told("C") == none


async def test_a_page_calls_an_offer_by_its_new_name_though_its_price_was_written(
    market: Market,
) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "100")))
    for name, least in (("Bolt", "1"), ("Nut", "1"), ("Nut", "5")):
        await market.offer("A", name=name, minimum_quantity=least)
        for who in (market.buyer, market.rival):
            page = msgspec.json.decode(await paged(market.platform, who))
            ((shown,),) = [item["offers"] for item in page["items"]]
            assert (shown["name"], shown["minimum_quantity"]) == (name, least)
            assert shown["price"]["quantity"] == least


async def test_of_lists_and_offers_no_more_is_kept_than_the_bound(market: Market) -> None:
    kept = KeptPrices(prices_max=40, offers_max=8)
    market.platform._parts[KeptPrices] = kept
    for number in range(12):
        await market.offer(f"N{number}")
    await market.price_list(*(entry(f"N{number}", ("1", "5")) for number in range(12)))
    for number in range(12):
        assert await market.told(f"N{number}") == "5 base"
        assert kept._prices <= 40
        held = sum(1 + 10 * len(c) for each in kept._lists.values() for c in each.values())
        assert held == kept._prices
        assert len(kept._offers) <= 8
    assert await market.told("N0") == "5 base"


@given(st.lists(st.integers(0, 9)), st.integers(2, 8))
def test_what_was_used_last_is_there_and_never_more_than_the_bound(
    keys: list[int], size_max: int
) -> None:
    recent: Recent[int, int] = Recent(size_max)
    for key in keys:
        assert recent.get(key) in {None, key * 2}
        recent.put(key, key * 2)
        assert recent.get(key) == key * 2
        assert len(recent) <= size_max
