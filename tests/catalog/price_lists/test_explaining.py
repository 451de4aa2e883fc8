"""Why a price is the price: to the supplier's own people wide, to the buyer only what is his."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import UNSET
from sqlalchemy import insert, update

from catalog.customers.tables import CustomerRow, SegmentMemberRow, SegmentRow
from catalog.price_lists import checking
from catalog.price_lists.schemas import PriceCheckInput, PriceCheckLine, PricedLineView
from catalog.price_lists.tables import PriceListAssignmentRow, PriceListRow
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.parties import Market, entry
from tests.catalog.shop import Shop


async def ask(
    market: Market,
    who: Caller,
    organization_id: UUID | None = None,
    *skus: str,
    quantity: str = "1",
    explain: bool = True,
) -> list[PricedLineView]:
    lines = [
        PriceCheckLine(supplier_id=market.supplier.organization_id, sku=sku, quantity=quantity)
        for sku in skus or ("A",)
    ]
    data = PriceCheckInput(
        currency="EUR", lines=lines, explain=explain, organization_id=organization_id
    )
    return (await checking.check_prices(market.platform, who, data)).lines


async def put_in_segment(market: Market, *members: Caller) -> UUID:
    """Make a segment of companies and publish a list for it; give the segment."""
    segment_id, own = new_id(), market.supplier.organization_id
    made = await market.price_list(entry("A", ("1", "8")), level="organization")
    async with transaction(market.platform, market.supplier) as tx:
        await tx.execute(insert(SegmentRow).values(id=segment_id, supplier_id=own, name="Gold"))
        for member in members:
            values = {"segment_id": segment_id, "supplier_id": own}
            await tx.execute(
                insert(SegmentMemberRow).values(company_id=member.organization_id, **values)
            )
        await tx.execute(
            update(PriceListRow).where(PriceListRow.id == made.id).values(level="segment")
        )
        await tx.execute(
            insert(PriceListAssignmentRow).values(
                list_id=made.id,
                scope_id=segment_id,
                supplier_id=own,
                company_id=PUBLIC,
                level="segment",
                priority=0,
                mode="exclusive",
                currency="EUR",
                valid_from=datetime.min.replace(tzinfo=UTC),
                valid_until=datetime.max.replace(tzinfo=UTC),
                title="Gold",
                published_version=1,
            )
        )
    return segment_id


async def four_levels(market: Market) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")), mode="fill_gaps")
    await put_in_segment(market, market.buyer)
    await market.price_list(
        entry("A", ("1", "9")), level="organization", to=[market.buyer], mode="fill_gaps"
    )
    await market.contract("A", ("1", "7"))
    await market.price_list(
        entry("A", ("1", "1")), level="organization", to=[market.rival], priority=3
    )


async def test_a_supplier_sees_four_levels_three_losing_and_what_others_have(
    market: Market,
) -> None:
    await four_levels(market)
    (line,) = await ask(market, market.supplier, market.buyer.unit_id)
    assert line.price
    assert (line.price.level, line.price.amount) == ("contract", "7")
    assert line.price.losers
    assert {(x.level, x.reason, x.tiers[0].amount) for x in line.price.losers} == {
        ("organization", "shadowed_by_level", "9"),
        ("segment", "shadowed_by_level", "8"),
        ("base", "shadowed_by_level", "10"),
        ("organization", "not_assigned", "1"),
    }
    theirs = [x for x in line.price.losers if x.reason == "not_assigned"]
    assert theirs[0].assigned_to == [market.rival.organization_id]


async def test_the_buyer_sees_only_what_is_his(market: Market) -> None:
    await four_levels(market)
    (line,) = await ask(market, market.buyer)
    assert line.price
    assert line.price.losers
    assert [x.reason for x in line.price.losers] == ["shadowed_by_level"] * 3
    assert {x.assigned_to for x in line.price.losers} == {UNSET}
    (other,) = await ask(market, market.rival)
    assert other.price
    assert (other.price.amount, len(other.price.losers or ())) == ("1", 1)


async def test_what_the_supplier_is_told_is_what_the_buyer_pays(market: Market) -> None:
    await four_levels(market)
    await market.price_list(
        entry("A", ("1", "6")), level="organization", to=[market.site], priority=9
    )
    for who in (market.buyer, market.site, market.rival):
        told = await ask(market, market.supplier, who.unit_id, explain=False)
        own = await ask(market, who, explain=False)
        assert told == own


async def test_only_who_keeps_prices_asks_for_a_customer_and_only_for_one_of_his(
    market: Market,
) -> None:
    await four_levels(market)
    await market.offer("B", who=market.other)
    strangers = [
        (market.other, market.buyer.unit_id),
        (market.buyer, market.rival.unit_id),
        (market.buyer, market.supplier.unit_id),
        (market.supplier, new_id()),
    ]
    for who, whom in strangers:
        with pytest.raises(InvalidInput) as refused:
            await ask(market, who, whom)
        assert [(e.pointer, e.code) for e in refused.value.errors] == [
            ("/organization_id", "unknown_organization")
        ]
    line = PriceCheckLine(supplier_id=market.other.organization_id, sku="B")
    data = PriceCheckInput(currency="EUR", lines=[line], organization_id=market.buyer.unit_id)
    with pytest.raises(InvalidInput) as refused:
        await checking.check_prices(market.platform, market.supplier, data)
    assert refused.value.errors[0].code == "not_yours"


async def test_a_company_asks_for_its_units_and_a_unit_not_for_its_company(
    market: Market,
) -> None:
    await market.offer("A")
    await market.price_list(entry("A", ("1", "10")))
    await market.price_list(entry("A", ("1", "5")), level="organization", to=[market.site])
    (line,) = await ask(market, market.buyer, market.site.unit_id)
    assert line.price
    assert line.price.amount == "5"
    with pytest.raises(InvalidInput):
        await ask(market, market.site, market.buyer.unit_id)


async def test_a_supplier_is_told_that_his_customer_does_not_see_the_offer(
    market: Market,
) -> None:
    await four_levels(market)
    await market.offer("HIDDEN", visibility="nobody")
    await market.price_list(entry("HIDDEN", ("1", "3")), priority=5)
    seen, hidden = await ask(market, market.supplier, market.buyer.unit_id, "A", "HIDDEN")
    assert not seen.hidden
    assert hidden.hidden is True
    assert hidden.price


async def test_the_policy_of_the_relation_counts_everywhere(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10"), ("100", "2")))
    await shop.agree("A", ("1", "7"))
    assert await shop.told("A", "100") == "7 contract"
    async with transaction(shop.platform, shop.supplier) as tx:
        await tx.execute(
            insert(CustomerRow).values(
                supplier_id=shop.supplier.organization_id,
                buyer_id=shop.buyer.organization_id,
                price_policy="best_price",
            )
        )
    assert await shop.told("A", "99") == "7 contract"
    assert await shop.told("A", "100") == "2 base"
    line = await shop.check("A", "100", explain=True)
    assert line.price
    assert [x.reason for x in line.price.losers or ()] == ["shadowed_by_price"]
    order = await shop.order(shop.line("A", "100"))
    assert order.total.amount == "200.00"
    (told,) = await ask(shop, shop.supplier, shop.buyer.unit_id, quantity="100")
    assert told.price
    assert told.price.level == "base"
    (item,) = await shop.catalog()
    assert item.offers[0].price
    assert [(s.minimum_quantity, s.amount) for s in item.offers[0].price.ladder] == [
        ("1", "7"),
        ("100", "2"),
    ]


async def test_an_expired_and_a_coming_price_are_named_with_their_reasons(market: Market) -> None:
    await four_levels(market)
    now = datetime.now(UTC)
    await market.price_list(
        entry("A", ("1", "4"), valid_until=now - timedelta(days=1)),
        entry("A", ("1", "5"), valid_from=now + timedelta(days=1)),
        level="organization",
        to=[market.buyer],
        priority=7,
    )
    (line,) = await ask(market, market.buyer)
    assert line.price
    assert {"expired", "not_yet_valid"} <= {x.reason for x in line.price.losers or ()}
