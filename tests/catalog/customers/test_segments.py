"""Segments of customers: who is in them, and the prices and silence that come of it."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from catalog.customers import service
from catalog.customers.schemas import CustomerInput, SegmentMembersInput
from catalog.customers.tables import CustomerRow, SegmentMemberRow, SegmentRow
from catalog.price_lists import assigning
from catalog.price_lists.schemas import AssignmentInput
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion
from marketplace.kernel.ids import new_id
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.tables import EventRow
from tests.catalog.parties import Market, company, entry, key

FIRST = PageRequest(50, None)


async def put(market: Market, segment_id: UUID, **lists: list[UUID]) -> tuple[int, int, int]:
    data = SegmentMembersInput(**lists)
    done = await service.put_members(market.platform, market.supplier, segment_id, data)
    return done.added, done.removed, done.unchanged


async def test_members_of_a_segment_have_its_prices_and_nobody_else(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")))
    group = await market.segment(market.buyer)
    await market.price_list(entry("A", ("1", "8")), level="segment", segment=group)
    assert await market.told("A") == "8 segment"
    assert await market.told("A", who=market.site) == "8 segment"
    assert await market.told("A", who=market.rival) == "10 base"
    (item,) = await market.catalog()
    assert item.offers[0].price
    assert item.offers[0].price.amount == "8"


async def test_who_leaves_a_segment_or_enters_it_pays_so_with_the_next_request(
    market: Market,
) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")))
    group = await market.segment()
    await market.price_list(entry("A", ("1", "8")), level="segment", segment=group)
    buyer_id = market.buyer.organization_id
    assert await market.told("A") == "10 base"
    assert await put(market, group, added=[buyer_id]) == (1, 0, 0)
    assert await market.told("A") == "8 segment"
    assert await put(market, group, added=[buyer_id]) == (0, 0, 1)
    assert await put(market, group, removed=[buyer_id, market.rival.organization_id]) == (0, 1, 1)
    assert await market.told("A") == "10 base"


async def test_a_segment_stands_between_the_buyers_own_list_and_the_base(market: Market) -> None:
    for sku in ("A", "B"):
        await market.offer(sku)
    await market.price_list(entry("A", ("1", "10")), entry("B", ("1", "10")))
    group = await market.segment(market.buyer)
    await market.price_list(
        entry("A", ("1", "8")), entry("B", ("1", "8")), level="segment", segment=group
    )
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    assert await market.told("A") == "9 organization"
    assert await market.told("B") == "8 segment"
    line = await market.check("A", explain=True)
    assert line.price
    assert line.price.losers
    assert [loser.level for loser in line.price.losers] == ["segment", "base"]


async def test_a_buyer_in_two_segments_has_the_list_of_higher_priority(market: Market) -> None:
    await market.offer("A")
    first, second = await market.segment(market.buyer), await market.segment(market.buyer)
    await market.price_list(entry("A", ("1", "8")), level="segment", segment=first, priority=1)
    await market.price_list(entry("A", ("1", "9")), level="segment", segment=second, priority=2)
    assert await market.told("A") == "9 segment"


async def test_two_segment_lists_of_one_priority_are_refused_even_for_different_segments(
    market: Market,
) -> None:
    first, second = await market.segment(market.buyer), await market.segment()
    made = await market.price_list(level="segment", segment=first, priority=3)
    for segment in (first, second):
        with pytest.raises(Conflict, match="priority 3"):
            await market.price_list(level="segment", segment=segment, priority=3)
    again = AssignmentInput(segment_id=first)
    await assigning.assign_price_list(market.platform, market.supplier, made.id, again)
    theirs = await market.segment(market.buyer, who=market.other)
    await market.price_list(level="segment", segment=theirs, priority=3, who=market.other)


async def test_a_list_goes_where_its_level_says(market: Market) -> None:
    group = await market.segment(market.buyer)
    foreign = await market.segment(market.buyer, who=market.other)
    to_segment = await market.price_list(level="segment")
    to_company = await market.price_list(level="organization")
    buyer_id = market.buyer.organization_id
    for list_id, given, refusal in (
        (to_segment.id, AssignmentInput(organization_id=buyer_id), Conflict),
        (to_company.id, AssignmentInput(segment_id=group), Conflict),
        (to_segment.id, AssignmentInput(segment_id=foreign), InvalidInput),
        (to_segment.id, AssignmentInput(segment_id=new_id()), InvalidInput),
        (to_segment.id, AssignmentInput(), InvalidInput),
        (to_segment.id, AssignmentInput(organization_id=buyer_id, segment_id=group), InvalidInput),
    ):
        with pytest.raises(refusal):
            await assigning.assign_price_list(market.platform, market.supplier, list_id, given)


async def test_assignments_are_listed_and_withdrawn(market: Market) -> None:
    await market.offer("A")
    group = await market.segment(market.buyer)
    made = await market.price_list(entry("A", ("1", "8")), level="segment", segment=group)
    own = await market.price_list(level="organization", to=[market.buyer, market.site])
    supplier = market.supplier
    shown = await assigning.list_assignments(market.platform, supplier, made.id, FIRST)
    assert [each.segment_id for each in shown.items] == [group]
    both = await assigning.list_assignments(market.platform, supplier, own.id, FIRST)
    assert {each.organization_id for each in both.items} == {
        market.buyer.unit_id,
        market.site.unit_id,
    }
    await assigning.withdraw_assignment(market.platform, supplier, made.id, group)
    assert await market.told("A") == "no_price"
    with pytest.raises(NotFound):
        await assigning.list_assignments(market.platform, market.other, made.id, FIRST)


async def test_a_segment_is_renamed_by_version_listed_and_deleted(market: Market) -> None:
    segments, platform, supplier = service.SEGMENTS, market.platform, market.supplier
    again = key()
    made = await segments.create(platform, supplier, "Gold", again)
    assert await segments.create(platform, supplier, "Gold", again) == made
    with pytest.raises(Conflict, match="name"):
        await segments.create(platform, supplier, "Gold", key())
    renamed = await segments.rename(platform, supplier, made.id, 1, "Golden")
    assert (renamed.name, renamed.version, renamed.member_count) == ("Golden", 2, 0)
    with pytest.raises(StaleVersion):
        await segments.rename(platform, supplier, made.id, 1, "Silver")
    assert [each.name for each in (await segments.list(platform, supplier, FIRST)).items] == [
        "Golden"
    ]
    await service.delete_segment(platform, supplier, made.id)
    with pytest.raises(NotFound):
        await segments.read(platform, supplier, made.id)


async def test_a_segment_is_not_deleted_while_prices_or_offers_hang_on_it(market: Market) -> None:
    listed, granted = await market.segment(market.buyer), await market.segment(market.buyer)
    await market.price_list(level="segment", segment=listed)
    await market.assortment(to=[granted])
    for segment in (listed, granted):
        with pytest.raises(Conflict, match="withdraw"):
            await service.delete_segment(market.platform, market.supplier, segment)


async def test_a_segment_is_its_suppliers_alone(market: Market) -> None:
    group = await market.segment(market.buyer)
    platform = market.platform
    for stranger in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await service.SEGMENTS.read(platform, stranger, group)
        with pytest.raises(NotFound):
            await service.list_members(platform, stranger, group, FIRST)
        with pytest.raises(NotFound):
            await service.put_members(platform, stranger, group, SegmentMembersInput())
        with pytest.raises(NotFound):
            await service.delete_segment(platform, stranger, group)
    members = await service.list_members(platform, market.supplier, group, FIRST)
    assert [each.organization_id for each in members.items] == [market.buyer.organization_id]


async def test_no_row_tells_a_member_that_he_is_in_a_segment(market: Market) -> None:
    group = await market.segment(market.buyer, market.rival)
    async with transaction(market.platform, market.buyer) as tx:
        for table in (SegmentRow, SegmentMemberRow):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0
        assert await tx.scalar(select(func.app_segments())) == [group]
    async with transaction(market.platform, market.other) as tx:
        assert await tx.scalar(select(func.app_segments())) == []


async def test_every_unknown_company_and_every_line_twice_is_pointed_at(market: Market) -> None:
    group = await market.segment()
    unknown, own, unit = new_id(), market.supplier.organization_id, market.site.unit_id
    buyer_id = market.buyer.organization_id
    with pytest.raises(InvalidInput) as refused:
        await put(market, group, added=[buyer_id, unknown, own, unit])
    assert [e.pointer for e in refused.value.errors] == ["/added/1", "/added/2", "/added/3"]
    with pytest.raises(InvalidInput) as refused:
        await put(market, group, added=[buyer_id, buyer_id], removed=[buyer_id])
    assert [e.pointer for e in refused.value.errors] == ["/added/1", "/removed/0"]
    assert (await service.SEGMENTS.read(market.platform, market.supplier, group)).member_count == 0


async def test_a_company_is_in_a_bounded_number_of_one_suppliers_segments(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SEGMENTS_PER_CUSTOMER_MAX", 2)
    for _ in range(2):
        await market.segment(market.buyer)
    await market.segment(market.buyer, who=market.other)
    third = await market.segment(market.rival)
    with pytest.raises(InvalidInput) as refused:
        await put(market, third, added=[market.rival.organization_id, market.buyer.organization_id])
    assert [e.pointer for e in refused.value.errors] == ["/added/1"]
    monkeypatch.setattr(service, "SEGMENT_MEMBERS_MAX", 0)
    with pytest.raises(Conflict, match="members"):
        await market.segment(market.rival)


async def test_the_members_of_a_segment_hear_that_its_list_is_published(market: Market) -> None:
    await market.offer("A")
    group = await market.segment(market.buyer)
    await market.price_list(entry("A", ("1", "8")), level="segment", segment=group)
    await market.worker.run_until_idle()
    for who, heard in ((market.buyer, 1), (market.rival, 0)):
        async with transaction(market.platform, who) as tx:
            told = select(EventRow.payload).where(EventRow.kind == "price_list.published")
            payloads = [row.payload for row in await tx.all(told)]
        assert len(payloads) == heard
        # Not how much of it changed: that may be of offers he does not see.
        assert all(set(each) == {"supplier_id", "level", "currency"} for each in payloads)


async def test_a_customers_price_policy_is_set_and_both_may_read_it(market: Market) -> None:
    platform, supplier, buyer_id = market.platform, market.supplier, market.buyer.organization_id
    with pytest.raises(NotFound):
        await service.read_customer(platform, supplier, buyer_id)
    best = CustomerInput(price_policy="best_price")
    made = await service.put_customer(platform, supplier, buyer_id, best)
    assert (made.price_policy, made.version) == ("best_price", 1)
    assert await service.put_customer(platform, supplier, buyer_id, best) == made
    changed = await service.put_customer(
        platform, supplier, buyer_id, CustomerInput(price_policy="priority")
    )
    assert (changed.price_policy, changed.version) == ("priority", 2)
    assert (await service.list_customers(platform, supplier, FIRST)).items == [changed]
    assert (await service.list_customers(platform, market.other, FIRST)).items == []
    for who, seen in ((market.buyer, 1), (market.supplier, 1), (market.rival, 0)):
        async with transaction(platform, who) as tx:
            assert await tx.scalar(select(func.count()).select_from(CustomerRow)) == seen
    for nobody in (company().organization_id, supplier.organization_id, market.site.unit_id):
        with pytest.raises(InvalidInput):
            await service.put_customer(platform, supplier, nobody, best)
