"""Lists, versions and assignments; on the real Postgres."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from catalog.price_lists import assigning, reading, service
from catalog.price_lists.schemas import (
    AssignmentInput,
    PriceEntryKey,
    PriceListInput,
)
from catalog.price_lists.tables import PriceLadderRow, PriceListRow
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, company, entry, key

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


async def test_a_draft_is_nobodys_price_before_it_is_published(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10")), publish=False)
    drafted = await reading.read_price_list(market.platform, market.supplier, made.id)
    assert (drafted.published_version, drafted.draft_changes) == (0, 1)
    assert await market.told("A") == "no_price"
    published = await market.publish(made.id)
    assert (published.published_version, published.draft_changes) == (1, 0)
    assert await market.told("A") == "10 base"


async def test_a_published_price_changes_only_with_the_next_publication(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10")))
    await market.set(made.id, entry("A", ("1", "11"), ("10", "9")))
    assert await market.told("A") == "10 base"
    await market.publish(made.id)
    assert await market.told("A") == "11 base"
    assert await market.told("A", "10") == "9 base"


async def test_a_draft_can_be_changed_and_its_entries_removed(market: Market) -> None:
    await market.offer("A")
    await market.offer("B")
    made = await market.price_list(entry("A", ("1", "10")), entry("B", ("1", "20")))
    await market.set(made.id, entry("A", ("1", "11")))
    await market.set(made.id, entry("A", ("1", "12")), removed=[PriceEntryKey(sku="B", unit="C62")])
    assert await market.told("B") == "20 base"
    drafted = await reading.read_price_list(market.platform, market.supplier, made.id)
    # A's price ends and another begins, B's ends.
    assert (drafted.published_version, drafted.draft_changes) == (1, 3)
    published = await market.publish(made.id)
    assert (published.published_version, published.draft_changes) == (2, 0)
    assert await market.told("A") == "12 base"
    assert await market.told("B") == "no_price"


async def test_what_does_not_differ_is_not_written_and_makes_no_version(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10.50"), ("10", "9")))
    await market.set(made.id, entry("A", ("1", "10.5"), ("10", "9.0")))
    same = await market.publish(made.id)
    assert (same.published_version, same.draft_changes) == (1, 0)


async def test_an_entry_set_back_in_the_draft_leaves_what_was_published(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10")))
    await market.set(made.id, removed=[PriceEntryKey(sku="A", unit="C62")])
    await market.set(made.id, entry("A", ("1", "10")))
    await market.publish(made.id)
    assert await market.told("A") == "10 base"


async def test_prices_follow_one_another_to_the_instant(market: Market) -> None:
    await market.offer("A")
    await market.price_list(
        entry("A", ("1", "10"), valid_from=DAY_ONE, valid_until=JULY),
        entry("A", ("1", "12"), valid_from=JULY),
    )
    assert await market.told("A", at=DAY_ONE - TICK) == "not_yet_valid"
    assert await market.told("A", at=DAY_ONE) == "10 base"
    assert await market.told("A", at=JULY - TICK) == "10 base"
    assert await market.told("A", at=JULY) == "12 base"


async def test_overlapping_validities_are_refused_and_both_entries_named(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(
        entry("A", ("1", "10"), valid_until=JULY),
        entry("A", ("1", "12"), valid_from=DAY_ONE),
        publish=False,
    )
    with pytest.raises(Conflict) as refused:
        await market.publish(made.id)
    assert [e.code for e in refused.value.errors] == ["overlap"]
    detail = refused.value.errors[0].detail
    assert "A in C62" in detail
    assert "until 2026-07-01" in detail
    assert "from 2026-01-01" in detail
    assert await market.told("A") == "no_price"
    await market.set(made.id, entry("A", ("1", "10"), valid_until=DAY_ONE))
    await market.publish(made.id)
    assert await market.told("A", at=JULY) == "12 base"


async def test_a_new_entry_may_not_overlap_a_published_one(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10")))
    await market.set(made.id, entry("A", ("1", "12"), valid_from=JULY))
    with pytest.raises(Conflict, match="overlaps"):
        await market.publish(made.id)
    await market.set(made.id, entry("A", ("1", "10"), valid_until=JULY))
    await market.publish(made.id)
    assert await market.told("A", at=JULY) == "12 base"
    assert await market.told("A", at=JULY - TICK) == "10 base"


async def test_two_publications_at_once_cannot_make_an_overlap(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(publish=False)

    async def set_and_publish(begin: datetime) -> object:
        ends = begin + timedelta(days=2)
        try:
            await market.set(made.id, entry("A", ("1", "12"), valid_from=begin, valid_until=ends))
            return await market.publish(made.id)
        except Conflict as refused:
            return refused

    begins = [JULY + timedelta(days=day) for day in range(16)]
    results = await asyncio.gather(*(set_and_publish(begin) for begin in begins))
    refusals = [result for result in results if isinstance(result, Conflict)]
    assert refusals
    for refusal in refusals:
        for error in refusal.errors:
            assert len(re.findall(r"valid from 2026-07-\d\d", error.detail)) == 2
    async with transaction(market.platform, market.supplier) as tx:
        rows = await tx.all(
            select(PriceLadderRow.valid_from, PriceLadderRow.valid_until)
            .join(PriceListRow, PriceListRow.id == PriceLadderRow.list_id)
            .where(
                PriceLadderRow.from_version <= PriceListRow.published_version,
                PriceLadderRow.until_version > PriceListRow.published_version,
            )
            .order_by(PriceLadderRow.valid_from)
        )
    assert all(one.valid_until <= other.valid_from for one, other in pairwise(rows))


async def test_a_list_for_a_company_beats_the_base_and_is_nobody_elses(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")))
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    assert await market.told("A") == "9 organization"
    assert await market.told("A", who=market.site) == "9 organization"
    assert await market.told("A", who=market.rival) == "10 base"


async def test_a_unit_has_its_own_list_before_its_companys(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    await market.price_list(
        entry("A", ("1", "9.5")), level="organization", to=[market.site], priority=0
    )
    assert await market.told("A", who=market.site) == "9.5 organization"
    assert await market.told("A") == "9 organization"


async def test_a_withdrawn_assignment_ends_with_the_next_request(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    assert await market.told("A") == "9 organization"
    await assigning.withdraw_assignment(
        market.platform, market.supplier, made.id, market.buyer.unit_id
    )
    assert await market.told("A") == "no_price"


async def test_two_lists_of_one_rank_for_one_buyer_are_refused_when_written(
    market: Market,
) -> None:
    first = await market.price_list(level="organization", to=[market.buyer])
    with pytest.raises(Conflict, match="priority"):
        await market.price_list(level="organization", to=[market.buyer])
    await market.price_list(level="organization", to=[market.rival])
    await market.price_list(level="organization", to=[market.buyer], priority=1)
    await market.price_list()
    with pytest.raises(Conflict, match="priority"):
        await market.price_list(currency="USD")
    again = AssignmentInput(organization_id=market.buyer.unit_id)
    await assigning.assign_price_list(market.platform, market.supplier, first.id, again)


async def test_a_base_list_is_not_assigned_and_nobody_unknown_is(market: Market) -> None:
    base = await market.price_list()
    with pytest.raises(Conflict):
        await assigning.assign_price_list(
            market.platform,
            market.supplier,
            base.id,
            AssignmentInput(organization_id=market.buyer.unit_id),
        )
    made = await market.price_list(level="organization")
    for nobody in (company(), market.supplier):
        with pytest.raises(InvalidInput):
            await assigning.assign_price_list(
                market.platform,
                market.supplier,
                made.id,
                AssignmentInput(organization_id=nobody.unit_id),
            )


async def test_a_list_of_another_supplier_does_not_exist(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(entry("A", ("1", "10")))
    given = AssignmentInput(organization_id=market.rival.unit_id)
    for who in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await reading.read_price_list(market.platform, who, made.id)
        with pytest.raises(NotFound):
            await market.publish(made.id, who)
        with pytest.raises(NotFound):
            await market.set(made.id, entry("A", ("1", "1")), who=who)
        with pytest.raises(NotFound):
            await assigning.assign_price_list(market.platform, who, made.id, given)
        with pytest.raises(NotFound):
            await service.list_entries(market.platform, who, made.id, PageRequest(10, None))
    assert await market.told("A") == "10 base"


async def test_wrong_entries_are_all_named_and_none_is_written(market: Market) -> None:
    await market.offer("A")
    made = await market.price_list(publish=False)
    wrong = [
        entry("A", ("1", "1"), unit="FOO"),
        entry("A", ("2", "1"), ("1", "2")),
        entry("A", ("1.5", "1")),
        entry("A", ("1", "1"), valid_from=JULY, valid_until=JULY),
    ]
    with pytest.raises(InvalidInput) as refused:
        await market.set(made.id, entry("A", ("1", "1")), *wrong)
    assert [e.pointer for e in refused.value.errors] == [
        "/entries/1/unit",
        "/entries/2/tiers/1/minimum_quantity",
        "/entries/3/tiers/0/minimum_quantity",
        "/entries/4/valid_until",
    ]
    with pytest.raises(InvalidInput) as refused:
        await market.set(made.id, entry("A", ("1", "1")), entry("NOPE", ("1", "1")))
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/entries/1/sku", "unknown_sku")
    ]
    with pytest.raises(InvalidInput) as refused:
        await market.set(made.id, entry("A", ("1", "1")), entry("A", ("1", "2")))
    assert refused.value.errors[0].code == "duplicate"
    shown = await service.list_entries(
        market.platform, market.supplier, made.id, PageRequest(10, None)
    )
    assert shown.items == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "XXX"), ("currency", "DEM"), ("valid_until", DAY_ONE)],
)
async def test_a_list_that_could_never_price_is_refused(
    market: Market, field: str, value: object
) -> None:
    data = PriceListInput(name="x", level="base", currency="EUR", valid_from=JULY)
    setattr(data, field, value)
    with pytest.raises(InvalidInput):
        await service.create_price_list(market.platform, market.supplier, data, key())


async def test_the_same_key_makes_one_list(market: Market) -> None:
    data = PriceListInput(name="x", level="base", currency="EUR")
    same = key("k")
    first = await service.create_price_list(market.platform, market.supplier, data, same)
    again = await service.create_price_list(market.platform, market.supplier, data, same)
    assert first.id == again.id


async def test_prices_need_their_scopes(market: Market) -> None:
    nobody = company()
    stranger = type(nobody)(
        nobody.organization_id,
        nobody.unit_id,
        nobody.path,
        nobody.member_id,
        frozenset(),
        frozenset(),
    )
    with pytest.raises(NotPermitted):
        await market.told("A", who=stranger)
    with pytest.raises(NotPermitted):
        await reading.list_price_lists(market.platform, stranger, PageRequest(1, None))


async def test_entries_and_lists_come_in_pages(market: Market) -> None:
    for number in range(5):
        await market.offer(f"S{number}")
    made = await market.price_list(*(entry(f"S{n}", ("1", "1")) for n in range(5)))
    seen, after = [], None
    while True:
        asked = PageRequest(2, after)
        shown = await service.list_entries(market.platform, market.supplier, made.id, asked)
        seen += [item.sku for item in shown.items]
        after = shown.next
        if after is None:
            break
    assert seen == [f"S{n}" for n in range(5)]
    lists = await reading.list_price_lists(market.platform, market.supplier, PageRequest(5, None))
    assert [item.id for item in lists.items] == [made.id]
