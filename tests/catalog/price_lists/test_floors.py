"""Margin floors: prices below them wait for a second person, and nobody else learns of them."""

import asyncio
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from catalog.imports.schemas import ImportKind
from catalog.price_lists import checking, discounts, floors
from catalog.price_lists.publishing import publish_locked
from catalog.price_lists.reading import locked_list
from catalog.price_lists.schemas import (
    MarginFloor,
    MarginFloorsInput,
    PriceCheckInput,
    PriceCheckLine,
    PriceDiscountInput,
    PriceDiscountsInput,
    PriceListView,
)
from marketplace.approvals.schemas import ApprovalView, DecisionInput
from marketplace.approvals.service import decide
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.kernel.limits import BELOW_TOLD_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.parties import entry
from tests.catalog.shop import Shop
from tests.support.waiting import until_held_up
from tests.support.world import fresh_key


async def floor(shop: Shop, sku: str, amount: str, who: Caller | None = None) -> None:
    data = MarginFloorsInput(floors=[MarginFloor("C62", "EUR", amount)])
    await floors.put_floors(shop.platform, who or shop.supplier, sku, data)


async def second(shop: Shop) -> Caller:
    return (await shop.world.member(shop.selling, "administrator")).caller


async def say(shop: Shop, who: Caller, approval_id: UUID, verdict: str) -> ApprovalView:
    data = DecisionInput(verdict=verdict)  # type: ignore[arg-type]
    return await decide(shop.platform, who, approval_id, data, fresh_key())


async def waiting(shop: Shop, *tiers: tuple[str, str], basis: str = "1") -> PriceListView:
    """Set a floor of 5 and try to publish a list below it."""
    await shop.offer("A")
    await floor(shop, "A", "5")
    made = await shop.price_list(entry("A", *tiers, basis=basis), publish=False)
    return await shop.publish(made.id)


async def test_below_the_floor_a_publication_waits_until_a_second_person_approves(
    shop: Shop,
) -> None:
    asked = await waiting(shop, ("1", "6"), ("100", "4.99"))
    assert asked.approval_id
    assert (asked.published_version, asked.draft_changes) == (0, 1)
    assert await shop.told("A") == "no_price"
    with pytest.raises(NotPermitted):
        await say(shop, shop.supplier, asked.approval_id, "approve")
    again = await shop.publish(asked.id)
    assert again.approval_id == asked.approval_id
    decided = await say(shop, await second(shop), asked.approval_id, "approve")
    assert decided.state == "approved"
    assert await shop.told("A", "100") == "4.99 base"


async def test_what_is_rejected_stays_a_draft(shop: Shop) -> None:
    asked = await waiting(shop, ("1", "4"))
    assert asked.approval_id
    await say(shop, await second(shop), asked.approval_id, "reject")
    assert await shop.told("A") == "no_price"
    await shop.set(asked.id, entry("A", ("1", "5")))  # the floor itself is not below it
    assert (await shop.publish(asked.id)).published_version == 1


async def test_an_approval_is_for_the_draft_it_was_asked_for(shop: Shop) -> None:
    asked = await waiting(shop, ("1", "4"))
    assert asked.approval_id
    await shop.set(asked.id, entry("A", ("1", "1")))
    other = await second(shop)
    with pytest.raises(Conflict):
        await say(shop, other, asked.approval_id, "approve")
    anew = await shop.publish(asked.id)
    assert anew.approval_id
    assert anew.approval_id != asked.approval_id
    await say(shop, other, anew.approval_id, "approve")
    assert await shop.told("A") == "1 base"


async def reckoned(shop: Shop, percent_off: str) -> tuple[PriceListView, PriceListView]:
    """Make a list at 10, with a floor of 5, and the draft of one so much below it."""
    await shop.offer("A")
    await floor(shop, "A", "5")
    base = await shop.price_list(entry("A", ("1", "10")))
    cheap = await shop.price_list(level="organization", to=[shop.buyer], publish=False)
    data = PriceDiscountsInput([PriceDiscountInput(percent_off=percent_off, of_list_id=base.id)])
    await discounts.put_discounts(shop.platform, shop.supplier, cheap.id, data)
    return base, cheap


async def test_an_approval_is_for_what_the_percentages_came_to(shop: Shop) -> None:
    base, cheap = await reckoned(shop, "60")
    asked = await shop.publish(cheap.id)
    assert asked.approval_id
    await shop.set(base.id, entry("A", ("1", "6")))
    assert not (await shop.publish(base.id)).approval_id
    with pytest.raises(Conflict):
        await say(shop, await second(shop), asked.approval_id, "approve")
    assert await shop.told("A") == "6 base"


async def test_an_approval_is_for_each_price_however_many_lie_below_their_floors(
    shop: Shop,
) -> None:
    skus = [f"A{number:02}" for number in range(BELOW_TOLD_MAX + 2)]
    for sku in skus:
        await shop.offer(sku)
        await floor(shop, sku, "5")
    base = await shop.price_list(*(entry(sku, ("1", "5")) for sku in skus))
    cheap = await shop.price_list(level="organization", to=[shop.buyer], publish=False)
    data = PriceDiscountsInput([PriceDiscountInput(percent_off="10", of_list_id=base.id)])
    await discounts.put_discounts(shop.platform, shop.supplier, cheap.id, data)
    asked = await shop.publish(cheap.id)
    assert asked.approval_id
    await shop.set(base.id, entry(skus[-1], ("1", "5.1")))  # still below, and least of all
    assert not (await shop.publish(base.id)).approval_id
    with pytest.raises(Conflict):
        await say(shop, await second(shop), asked.approval_id, "approve")


async def test_two_lists_published_at_once_do_not_go_below_the_floor_together(shop: Shop) -> None:
    base, cheap = await reckoned(shop, "40")
    await shop.set(base.id, entry("A", ("1", "8")))
    async with transaction(shop.platform, shop.supplier) as tx:
        row = await locked_list(tx, shop.supplier, cheap.id)
        assert await publish_locked(tx, row) == []
        other = asyncio.create_task(shop.publish(base.id))
        await until_held_up(other, by=tx)
    assert (await other).approval_id
    assert await shop.told("A") == "6 organization"


async def test_a_price_per_hundred_and_a_percentage_are_held_against_it_per_piece(
    shop: Shop,
) -> None:
    asked = await waiting(shop, ("1", "500"), basis="100")
    assert not asked.approval_id
    cheap = await shop.price_list(level="organization", to=[shop.buyer], publish=False)
    given = PriceDiscountInput(percent_off="1", of_list_id=asked.id)
    data = PriceDiscountsInput(discounts=[given])
    await discounts.put_discounts(shop.platform, shop.supplier, cheap.id, data)
    assert (await shop.publish(cheap.id)).approval_id


async def test_a_list_others_are_reckoned_from_is_held_against_what_they_become(
    shop: Shop,
) -> None:
    await shop.offer("A")
    base = await shop.price_list(entry("A", ("1", "10")))
    cheap = await shop.price_list(level="organization", to=[shop.buyer], publish=False)
    given = PriceDiscountInput(percent_off="40", of_list_id=base.id, sku="A")
    data = PriceDiscountsInput(discounts=[given])
    await discounts.put_discounts(shop.platform, shop.supplier, cheap.id, data)
    await shop.publish(cheap.id)
    await floor(shop, "A", "5")
    await shop.set(base.id, entry("A", ("1", "8")))
    assert (await shop.publish(base.id)).approval_id
    assert await shop.told("A") == "6 organization"


@pytest.mark.parametrize(
    ("amount", "basis", "below"),
    [
        ("4.999999", "1", True),
        ("5", "1", False),
        ("499.999999", "100", True),
        ("500", "100", False),
    ],
)
async def test_lines_of_quotes_are_held_against_it_as_lists_are(
    shop: Shop, amount: str, basis: str, below: bool
) -> None:
    asked = await waiting(shop, ("1", amount), basis=basis)
    lines = [
        floors.PricedLine("A", "C62", Decimal(basis), Decimal(amount)),
        floors.PricedLine("A", "KGM", Decimal(basis), Decimal(amount)),
    ]
    async with transaction(shop.platform, shop.supplier) as tx:
        found = await floors.lines_below_floor(tx, shop.supplier.organization_id, "EUR", lines)
    assert bool(asked.approval_id) is below
    assert found == ([(0, Decimal(5))] if below else [])


async def test_a_file_published_at_once_is_refused_below_it(shop: Shop) -> None:
    await shop.offer("A")
    await floor(shop, "A", "5")
    made = await shop.price_list(publish=False)
    rows = "sku,unit,amount\nA,C62,4\n"
    done = await shop.upload(ImportKind.PRICES, rows, list_id=made.id, publish=True)
    assert done.status == "failed"
    assert [error.code for error in done.errors] == ["below_margin_floor"]


async def test_only_the_suppliers_own_people_are_told(shop: Shop) -> None:
    asked = await waiting(shop, ("1", "4"))
    await shop.price_list(entry("A", ("1", "9")), level="organization", to=[shop.buyer])
    line = PriceCheckLine(supplier_id=shop.supplier.organization_id, sku="A")
    data = PriceCheckInput(currency="EUR", lines=[line], explain=True)
    own = await checking.check_prices(shop.platform, shop.buyer, data)
    assert b"below_margin_floor" not in msgspec.json.encode(own)
    wide = msgspec.structs.replace(data, organization_id=shop.buyer.organization_id)
    told = (await checking.check_prices(shop.platform, shop.supplier, wide)).lines[0].price
    assert told
    held = [loser for loser in told.losers or () if loser.reason == "below_margin_floor"]
    assert [(x.source.id, x.source.version, x.tiers[0].amount) for x in held] == [
        (asked.id, 1, "4")
    ]
    for who in (shop.buyer, shop.other):
        with pytest.raises((NotFound, NotPermitted)):
            await floors.read_floors(shop.platform, who, "A")


async def test_floors_that_cannot_be_are_named(shop: Shop) -> None:
    await shop.offer("A")
    wrong = [MarginFloor("XX", "EUR", "1"), MarginFloor("C62", "XXX", "1")]
    twice = [MarginFloor("C62", "EUR", "1"), MarginFloor("C62", "EUR", "2")]
    data = MarginFloorsInput(floors=[*wrong, *twice])
    with pytest.raises(InvalidInput) as refused:
        await floors.put_floors(shop.platform, shop.supplier, "A", data)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/floors/0/unit", "unknown_unit"),
        ("/floors/1/currency", "unknown_currency"),
        ("/floors/3", "duplicate"),
    ]
    with pytest.raises(NotFound):
        await floors.read_floors(shop.platform, shop.supplier, "NOPE")
    buyer = structs.replace(shop.buyer, scopes=shop.buyer.scopes | {"prices:write"})
    with pytest.raises(NotFound):
        await floor(shop, "A", "1", who=buyer)
