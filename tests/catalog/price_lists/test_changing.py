"""What a list says of itself is changed beside its versions, and counts at once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET

from catalog.price_lists import reading
from catalog.price_lists.changing import change_price_list
from catalog.price_lists.discounts import put_discounts
from catalog.price_lists.schemas import (
    PriceDiscountInput,
    PriceDiscountsInput,
    PriceListChange,
    PriceListView,
)
from catalog.search.service import answer_search
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry

TICK = timedelta(microseconds=1)


async def change(
    market: Market, made: PriceListView, who: Caller | None = None, **wanted: Any
) -> PriceListView:
    now = await reading.read_price_list(market.platform, market.supplier, made.id)
    return await change_price_list(
        market.platform, who or market.supplier, made.id, PriceListChange(**wanted), now.version
    )


async def test_a_list_is_ended_and_opened_again_and_its_versions_stay(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    own = await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    async with transaction(market.platform, market.supplier) as tx:
        end = await tx.clock() + timedelta(days=1)
    ended = await change(market, own, valid_until=end)
    assert (ended.valid_until, ended.published_version, ended.draft_changes) == (end, 1, 0)
    assert await market.told("A", at=end - TICK) == "9 organization"
    assert await market.told("A", at=end) == "10 base"
    opened = await change(market, own, valid_until=None, name="Yours")
    assert (opened.valid_until, opened.name) == (UNSET, "Yours")
    line = await market.check("A", at=end)
    assert line.price
    assert (line.price.amount, line.price.source.title) == ("9", "Yours")
    with pytest.raises(InvalidInput) as refused:
        await change(market, base, valid_from=end, valid_until=end)
    assert refused.value.errors[0].pointer == "/valid_until"


async def test_another_priority_or_mode_counts_from_the_next_request_on(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")))
    first = await market.price_list(entry("A", ("5", "9")), level="organization", to=[market.buyer])
    second = await market.price_list(
        entry("A", ("5", "8")), level="organization", to=[market.buyer], priority=1
    )
    assert await market.told("A", "5") == "8 organization"
    await change(market, first, priority=2)
    assert await market.told("A", "5") == "9 organization"
    assert await market.told("A") == "below_minimum_quantity"
    await change(market, first, mode="fill_gaps")
    assert await market.told("A") == "below_minimum_quantity"  # the other one is exclusive still
    await change(market, second, mode="fill_gaps")
    assert await market.told("A") == "10 base"


async def test_answers_that_are_kept_tell_a_change_of_a_list_and_of_one_reckoned_from_it(
    market: Market,
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    own = await market.price_list(level="organization", to=[market.buyer], publish=False)
    percent = PriceDiscountInput(percent_off="10", of_list_id=base.id)
    await put_discounts(market.platform, market.supplier, own.id, PriceDiscountsInput([percent]))
    await market.publish(own.id)

    async def page() -> bytes:
        asked = PageRequest(10, None)
        answer = await answer_search(market.platform, market.buyer, None, "EUR", asked)
        return answer.body

    assert b'"amount":"9"' in await page()
    assert await page() == await page()
    async with transaction(market.platform, market.supplier) as tx:
        now = await tx.clock()
    await change(market, base, valid_until=now)
    assert b'"amount":' not in await page()
    assert await market.told("A") == "expired"
    await change(market, base, valid_until=None)
    assert b'"amount":"9"' in await page()
    await change(market, own, valid_until=now)
    assert b'"amount":"10"' in await page()


async def test_a_rank_that_another_list_has_is_refused_and_that_list_named(
    market: Market,
) -> None:
    group = await market.segment(market.buyer)
    ranks: list[dict[str, Any]] = [
        {},
        {"level": "organization", "to": [market.buyer, market.rival]},
        {"level": "segment", "segment": group},
    ]
    for rank in ranks:
        taken = await market.price_list(**rank)
        if group == rank.get("segment"):
            rank["segment"] = await market.segment(market.rival)
        made = await market.price_list(**rank, priority=1)
        with pytest.raises(Conflict) as refused:
            await change(market, made, priority=0)
        assert str(taken.id) in refused.value.detail
        assert (await change(market, made, priority=7)).priority == 7
    unassigned = await market.price_list(level="segment", priority=9)
    await change(market, unassigned, priority=0)  # it goes to nobody, and contradicts nothing


async def test_of_two_that_take_one_rank_at_once_one_gets_it_and_is_named_to_the_other(
    market: Market,
) -> None:
    lists = [await market.price_list(priority=n) for n in range(2)]
    told = await asyncio.gather(
        *(change(market, made, priority=5) for made in lists), return_exceptions=True
    )
    (refused,) = [each for each in told if isinstance(each, Conflict)]
    (changed,) = [each for each in told if isinstance(each, PriceListView)]
    assert str(changed.id) in refused.detail


async def test_it_is_changed_by_its_supplier_at_the_version_he_saw(market: Market) -> None:
    made = await market.price_list()
    for who in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await change(market, made, who, name="Mine")
    assert (await change(market, made, priority=0)).version == made.version  # nothing differs
    await change(market, made, name="First")
    data = PriceListChange(name="Second")
    with pytest.raises(StaleVersion):
        await change_price_list(market.platform, market.supplier, made.id, data, made.version)
    with pytest.raises(NotFound):
        await change_price_list(market.platform, market.supplier, UUID(int=5), data, 1)
