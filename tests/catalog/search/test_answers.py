"""Kept answers: as long as they are true, and not a moment longer."""

import asyncio
import random
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from catalog.price_lists.mark import Mark, read_mark
from catalog.search import service
from catalog.search.answers import Answer, CatalogAnswers
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry, unit_of
from tests.conftest import MoveClock

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def answer(body: bytes = b"[]", true_until: datetime | None = None) -> Answer:
    return Answer(body, None, true_until)


def test_an_answer_is_given_again_until_something_changes() -> None:
    answers = CatalogAnswers()
    answers.keep("a", Mark(5, NOW), answer())
    assert answers.find("a", Mark(5, NOW + HOUR)) is not None
    assert answers.find("b", Mark(5, NOW)) is None
    assert answers.find("a", Mark(6, NOW + HOUR)) is None
    assert answers.find("a", Mark(5, NOW + HOUR)) is None


def test_an_answer_ends_at_the_instant_a_price_does() -> None:
    answers = CatalogAnswers()
    answers.keep("a", Mark(5, NOW), answer(true_until=NOW + HOUR))
    assert answers.find("a", Mark(5, NOW + HOUR - TICK)) is not None
    assert answers.find("a", Mark(5, NOW + HOUR)) is None


def test_an_answer_from_the_future_is_not_given_when_the_clock_was_put_back() -> None:
    answers = CatalogAnswers()
    answers.keep("a", Mark(5, NOW), answer())
    assert answers.find("a", Mark(5, NOW - TICK)) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3_000)), max_size=30))
def test_no_more_is_kept_than_the_bound(steps: list[tuple[Hashable, int]]) -> None:
    answers = CatalogAnswers(bytes_max=5_000)
    for key, size in steps:
        answers.keep(key, Mark(1, NOW), answer(b"1" * size))
        assert answers._bytes <= 5_000
        assert answers._bytes == sum(len(a.body) + 500 for _, a in answers._kept.values())
        assert answers.find(key, Mark(1, NOW)) is not None


async def amounts(market: Market, who: object = None) -> list[str]:
    answer = await service.answer_search(
        market.platform,
        who or market.buyer,
        None,
        None,
        PageRequest(50, None),  # type: ignore[arg-type]
    )
    items = msgspec.json.decode(answer.body)["items"]
    return [item["offers"][0].get("price", {}).get("amount", "none") for item in items]


async def test_every_change_is_in_the_next_answer(market: Market, move_clock: MoveClock) -> None:
    assert await amounts(market) == []
    await market.offer("A")
    assert await amounts(market) == ["none"]
    base = await market.price_list(entry("A", ("1", "10")))
    assert await amounts(market) == ["10"]
    assert await amounts(market) == ["10"]
    await market.set(base.id, entry("A", ("1", "11")))
    assert await amounts(market) == ["10"]
    await market.publish(base.id)
    assert await amounts(market) == ["11"]
    own = await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    assert await amounts(market) == ["9"]
    assert await amounts(market, market.rival) == ["11"]
    await market.contract("A", ("1", "8"))
    assert await amounts(market) == ["8"]
    assert await amounts(market, market.rival) == ["11"]
    soon = datetime.now(UTC) + timedelta(days=2)
    await market.set(base.id, entry("A", ("1", "11"), valid_until=soon))
    await market.publish(base.id)
    assert await amounts(market, market.rival) == ["11"]
    await move_clock(timedelta(days=3))
    assert await amounts(market, market.rival) == ["none"]
    await market.offer("A", state="withdrawn")
    assert await amounts(market) == []
    assert own.published_version == 1


async def test_a_unit_is_not_given_its_companys_answer(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    await market.price_list(entry("A", ("1", "8")), level="organization", to=[market.site])
    assert await amounts(market) == ["9"]
    assert await amounts(market, market.site) == ["8"]
    assert await amounts(market, unit_of(market.buyer)) == ["9"]


async def test_an_answer_kept_while_somebody_publishes_is_never_stale(market: Market) -> None:
    """Readers go on while prices rise; no reader sees a price fall back."""
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "1")))
    done = asyncio.Event()

    async def watch() -> list[int]:
        seen = []
        while not done.is_set():
            seen += [int(amount) for amount in await amounts(market)]
        return seen

    watchers = [asyncio.create_task(watch()) for _ in range(4)]
    for amount in range(2, 12):
        await market.set(base.id, entry("A", ("1", str(amount))))
        await market.publish(base.id)
        assert await amounts(market) == [str(amount)]
    done.set()
    for seen in await asyncio.gather(*watchers):
        assert seen == sorted(seen)


async def test_folding_counted_changes_leaves_their_number(market: Market) -> None:
    before = await read_mark(market.platform)
    writes = 60

    async def write() -> None:
        async with transaction(market.platform, market.supplier) as tx:
            await tx.execute(text("select setseed(:seed)").bindparams(seed=random.random()))  # noqa: S311
            for _ in range(10):
                await tx.execute(text("update offers set name = name"))

    async def rows() -> int:
        async with transaction(market.platform, market.supplier) as tx:
            return int(await tx.scalar(text("select count(*) from catalog_changes")))

    await asyncio.gather(*(write() for _ in range(writes)))
    while await rows() >= writes * 10:  # one in a hundred changes folds; it may not have come yet
        await write()
        writes += 1
    after = await read_mark(market.platform)
    assert after.changes - before.changes == writes * 10
