import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET

from catalog.carts import reading, service
from catalog.carts.schemas import CartChange, CartLineChange, CartLineView, ExpectedPriceInput
from catalog.price_lists import checking
from catalog.price_lists.schemas import PriceCheckInput, PriceCheckLine
from marketplace.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.kernel.limits import CART_DAYS_KEPT, ORDERED_CART_DAYS_KEPT
from marketplace.orders import reading as orders
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from tests.catalog.carts.buying import Buying, price_for, reprice
from tests.catalog.stock.shop import Shop
from tests.conftest import MoveClock


def told(line: CartLineView) -> str:
    """Give what a line costs, or why it costs nothing."""
    if line.price:
        return line.price.line_amount.amount
    assert line.no_price
    return line.no_price.reason


async def actor_in(shop: Shop, unit_id: UUID, *roles: str) -> Caller:
    member = await shop.world.member(shop.buyer, *roles, unit_id=unit_id, order_limit="100000 EUR")
    return member.caller


# What a cart shows


async def test_a_cart_shows_what_its_lines_cost_now(shop: Shop) -> None:
    other = await shop.world.supplier("Other")
    await shop.offer("A", "B")
    await shop.offer("C", supplier=other)
    await shop.set(A="50")
    buying = await Buying.begin(shop)
    added = await buying.add(("A", "3"), ("B", "2"))
    assert (added.line_count, len(added.added), added.version) == (2, 2, 2)
    await buying.add(("C", "1"), supplier=other)
    cart = await buying.read()
    assert [told(line) for line in cart.lines] == ["30.00", "20.00", "10.00"]
    assert [line.name for line in cart.lines] == ["Thing A", "Thing B", "Thing C"]
    assert [line.availability.status for line in cart.lines] == ["in_stock", "unknown", "unknown"]
    totals = {t.supplier_name: (t.total.amount, t.priced_lines) for t in cart.totals}
    assert totals == {"Supplier": ("50.00", 2), "Other": ("10.00", 1)}
    assert (cart.total.amount, cart.total.currency) == ("60.00", "EUR")
    assert cart.can_be_ordered


async def test_the_same_sku_on_two_lines(shop: Shop) -> None:
    await shop.offer("A")
    list_id = (await price_for(shop, shop.buyer.id, A="10")).id
    assert list_id
    buying = await Buying.begin(shop)
    await buying.add(("A", "3"), cost_centre="north")
    await buying.add(("A", "4"), cost_centre="south")
    cart = await buying.read()
    assert [(line.sku, line.quantity, told(line)) for line in cart.lines] == [
        ("A", "3", "30.00"),
        ("A", "4", "40.00"),
    ]
    order = await buying.order()
    assert [(line.sku, line.quantity, line.cost_centre) for line in order.lines] == [
        ("A", "3", "north"),
        ("A", "4", "south"),
    ]
    assert order.total.amount == "70.00"


async def test_1000_lines_of_which_3_have_no_price_the_others_still_answer(shop: Shop) -> None:
    await shop.offer("A", "GONE", "DEAR")
    buying = await Buying.begin(shop)
    lines = [("A", "1")] * 997
    lines[10:10] = [("GONE", "1")] * 3
    added = await buying.add(*lines)
    assert added.line_count == 1000
    await shop.put("GONE", state="withdrawn")
    cart = await buying.read()
    assert len(cart.lines) == 1000
    unpriced = [n for n, line in enumerate(cart.lines) if line.no_price]
    assert unpriced == [10, 11, 12]
    assert {told(cart.lines[n]) for n in unpriced} == {"unknown_sku"}
    assert cart.lines[10].name is UNSET
    assert cart.total.amount == "9970.00"
    assert (cart.totals[0].priced_lines, cart.totals[0].unpriced_lines) == (997, 3)
    assert not cart.can_be_ordered
    with pytest.raises(InvalidInput) as refused:
        await buying.order()
    assert [error.pointer for error in refused.value.errors] == [
        "/lines/10/sku",
        "/lines/11/sku",
        "/lines/12/sku",
    ]
    with pytest.raises(Conflict, match="at most 1000"):
        await buying.add(("A", "1"))


async def test_what_changed_since_a_line_was_put_in_is_told(shop: Shop) -> None:
    await shop.offer("UP", "DOWN", "SAME", "GONE", "NEW")
    made = await price_for(shop, shop.buyer.id, UP="5", DOWN="5", SAME="5", GONE="5")
    await shop.put("NEW", minimum_quantity="5")
    buying = await Buying.begin(shop)
    await buying.add(("UP", "2"), ("DOWN", "2"), ("SAME", "2"), ("GONE", "2"), ("NEW", "2"))
    await reprice(shop, made.id, UP="5.5", DOWN="4")
    await shop.put("GONE", state="withdrawn")
    await shop.put("NEW")
    changes = [line.change for line in (await buying.read()).lines]
    assert [change.kind if change else None for change in changes] == [
        "price_rose",
        "price_fell",
        None,
        "no_longer_priced",
        "newly_priced",
    ]
    rose, fell = changes[0], changes[1]
    assert rose
    assert fell
    assert (rose.amount_before, rose.difference and rose.difference.amount) == ("5", "1.00")
    assert fell.difference
    assert fell.difference.amount == "-2.00"


async def test_a_quantity_that_cannot_be_ordered_is_kept_with_advice(shop: Shop) -> None:
    await shop.offer("A", minimum_quantity="10", multiple="4", maximum_quantity="40")
    buying = await Buying.begin(shop)
    await buying.add(("A", "3"), ("A", "13"), ("A", "99"), ("A", "12"))
    lines = (await buying.read()).lines
    assert [told(line) for line in lines] == [
        "below_minimum_quantity",
        "not_a_multiple",
        "above_maximum_quantity",
        "120.00",
    ]
    advised = [line.advice.quantity if line.advice else None for line in lines]
    assert advised == ["12", "16", "40", None]
    assert lines[0].advice
    assert (lines[0].advice.minimum_quantity, lines[0].advice.multiple) == ("10", "4")
    with pytest.raises(InvalidInput) as refused:
        await buying.order()
    # One rule: the order says of these lines what the cart said.
    assert [error.code for error in refused.value.errors] == [told(line) for line in lines[:3]]


async def test_what_is_no_quantity_or_does_not_exist_is_pointed_at_and_nothing_is_put_in(
    shop: Shop,
) -> None:
    await shop.offer("A")
    await shop.offer("HIDDEN", visibility="nobody")
    buying = await Buying.begin(shop)
    with pytest.raises(InvalidInput) as refused:
        await buying.add(("A", "1.5"), ("A", "0"), ("NONE", "1"), ("HIDDEN", "1"), ("A", "1"))
    errors = refused.value.errors
    assert [(error.pointer, error.code) for error in errors] == [
        ("/lines/0/quantity", "too_many_decimals"),
        ("/lines/1/quantity", "not_positive"),
        ("/lines/2/sku", "unknown_sku"),
        ("/lines/3/sku", "unknown_sku"),
    ]
    assert errors[2].detail == errors[3].detail
    assert (await buying.read()).lines == []


async def test_a_line_beyond_all_bounds_is_shown_and_cannot_be_ordered(shop: Shop) -> None:
    await shop.offer("A")
    huge = "999999999999999999"
    await price_for(shop, shop.buyer.id, 0, "graduated", A=huge)
    buying = await Buying.begin(shop)
    await buying.add(("A", huge))
    assert len((await buying.read()).total.amount) > 30
    with pytest.raises(InvalidInput) as refused:
        await buying.order()
    assert [error.code for error in refused.value.errors] == ["too_large"]


async def test_cart_and_price_check_agree(shop: Shop) -> None:
    await shop.offer("A", "B", minimum_quantity="2")
    await price_for(shop, shop.buyer.id, A="9.99")
    buying = await Buying.begin(shop)
    await buying.add(("A", "1"), ("A", "7"), ("B", "3"))
    cart = await buying.read()
    asked = [
        PriceCheckLine(line.supplier_id, line.sku, line.quantity, line.unit) for line in cart.lines
    ]
    data = PriceCheckInput(currency="EUR", lines=asked)
    checked = await checking.check_prices(shop.platform, buying.caller, data)
    assert [(line.price, line.no_price) for line in cart.lines] == [
        (line.price, line.no_price) for line in checked.lines
    ]


# Whose carts


async def test_a_cart_is_its_owners_or_shared_with_who_acts_for_the_unit(shop: Shop) -> None:
    await shop.offer("A")
    north = await shop.world.unit(shop.buyer, "North")
    south = await shop.world.unit(shop.buyer, "South")
    anna, ben = [await actor_in(shop, north, "purchaser") for _ in range(2)]
    viewer = await actor_in(shop, north, "viewer")
    approver = await actor_in(shop, north, "approver")
    elsewhere = await actor_in(shop, south, "purchaser")
    buying = await Buying.begin(shop, anna)
    await buying.add(("A", "1"))
    for other in (ben, viewer, approver, elsewhere, shop.buyer.caller):
        with pytest.raises(NotFound):
            await buying.read(other)
    change = CartChange(shared=True)
    shared = await service.change_cart(shop.platform, anna, buying.cart.id, change, 2)
    assert (shared.shared, shared.version) == (True, 3)
    for other in (ben, viewer, approver):
        assert (await buying.read(other)).lines[0].sku == "A"
    for other in (elsewhere, shop.buyer.caller):
        with pytest.raises(NotFound):
            await buying.read(other)
    await Buying(shop, ben, buying.cart).add(("A", "2"))
    for other in (viewer, approver):
        with pytest.raises(NotPermitted):
            await Buying(shop, other, buying.cart).add(("A", "2"))
    with pytest.raises(NotPermitted):
        await service.change_cart(shop.platform, ben, buying.cart.id, CartChange(name="X"), 4)
    with pytest.raises(NotPermitted):
        await service.remove_cart(shop.platform, ben, buying.cart.id, 4)
    found = await reading.list_carts(shop.platform, viewer, PageRequest(10, None), None)
    assert [(each.id, each.line_count) for each in found.items] == [(buying.cart.id, 2)]
    order = await Buying(shop, ben, buying.cart).order()
    assert order.unit_id == north


async def test_a_member_has_several_carts_each_with_its_name(shop: Shop) -> None:
    first = await Buying.begin(shop, name="Weekly")
    await Buying.begin(shop, name="Project")
    with pytest.raises(Conflict, match="Weekly"):
        await Buying.begin(shop, name="Weekly")
    await service.remove_cart(shop.platform, first.caller, first.cart.id, 1)
    await Buying.begin(shop, name="Weekly")
    found = await reading.list_carts(shop.platform, first.caller, PageRequest(1, None), None)
    assert [each.name for each in found.items] == ["Weekly"]
    assert found.next is not None


async def test_a_line_is_changed_and_taken_out_at_the_version_that_was_read(shop: Shop) -> None:
    await shop.offer("A")
    buying = await Buying.begin(shop)
    first, second = (await buying.add(("A", "1"), ("A", "2"))).added
    path: tuple[Any, ...] = (shop.platform, buying.caller, buying.cart.id)
    change = CartLineChange(quantity="5", cost_centre="4711")
    with pytest.raises(StaleVersion):
        await service.change_line(*path, first, change, 1)
    assert (await service.change_line(*path, first, change, 2)).version == 3
    with pytest.raises(InvalidInput) as refused:
        await service.change_line(*path, first, CartLineChange(quantity="0.5"), 3)
    assert refused.value.errors[0].pointer == "/quantity"
    with pytest.raises(StaleVersion):
        await service.take_line_out(*path, second, 2)
    assert (await service.take_line_out(*path, second, 3)).line_count == 1
    with pytest.raises(NotFound):
        await service.take_line_out(*path, second, 4)
    (line,) = (await buying.read()).lines
    assert (line.quantity, line.cost_centre, told(line)) == ("5", "4711", "50.00")


# Checkout


async def test_a_cart_becomes_one_order_however_many_order_it(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="100")
    buying = await Buying.begin(shop, shared=True)
    await buying.add(("A", "3"))

    async def one() -> object:
        try:
            return await buying.order(2)
        except (StaleVersion, WrongState) as refused:
            return refused

    outcomes = await asyncio.gather(*(one() for _ in range(8)))
    placed = [each for each in outcomes if not isinstance(each, Exception)]
    assert len(placed) == 1
    cart = await buying.read()
    assert (cart.state, cart.can_be_ordered) == ("ordered", False)
    listed = await orders.list_orders(
        shop.platform, buying.caller, PageRequest(10, None), None, None
    )
    assert [order.id for order in listed.items] == [cart.order_id]
    assert (await shop.levels())[0][3] == "3"
    with pytest.raises(WrongState):
        await buying.add(("A", "1"))


async def test_a_price_that_rose_is_refused_with_the_difference_until_it_is_accepted(
    shop: Shop,
) -> None:
    await shop.offer("A", "B")
    made = await price_for(shop, shop.buyer.id, A="10", B="10")
    buying = await Buying.begin(shop)
    a_line, _ = (await buying.add(("A", "3"), ("B", "1"))).added
    await reprice(shop, made.id, A="11", B="9")
    with pytest.raises(Conflict, match=r"3\.00 EUR more") as refused:
        await buying.order()
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/lines/0", "price_raised")]
    with pytest.raises(Conflict, match=r"2 EUR more"):
        await buying.order(expected_total="40")
    with pytest.raises(Conflict):
        await buying.order(expected_prices=[ExpectedPriceInput(a_line, "10.99")])
    with pytest.raises(InvalidInput):
        await buying.order(expected_prices=[ExpectedPriceInput(buying.cart.id, "11")])
    assert (await buying.read()).state == "open"
    order = await buying.order(expected_prices=[ExpectedPriceInput(a_line, "1100", "100")])
    assert order.total.amount == "42.00"


async def test_a_total_that_is_accepted_accepts_every_line(shop: Shop) -> None:
    await shop.offer("A")
    made = await price_for(shop, shop.buyer.id, A="10")
    buying = await Buying.begin(shop)
    await buying.add(("A", "3"))
    await reprice(shop, made.id, A="11")
    assert (await buying.order(expected_total="33")).total.amount == "33.00"


async def test_a_price_the_member_never_saw_must_be_accepted(shop: Shop) -> None:
    await shop.offer("A", minimum_quantity="5")
    buying = await Buying.begin(shop)
    await buying.add(("A", "3"))
    await shop.put("A")
    with pytest.raises(Conflict) as refused:
        await buying.order()
    assert [error.code for error in refused.value.errors] == ["price_not_seen"]
    assert "30.00" in refused.value.errors[0].detail
    assert Decimal((await buying.order(expected_total="30")).total.amount) == 30


async def test_a_cart_above_the_limit_becomes_an_order_that_waits(shop: Shop) -> None:
    await shop.offer("A")
    poor = await shop.world.member(shop.buyer, "purchaser", order_limit="5 EUR")
    buying = await Buying.begin(shop, poor.caller)
    with pytest.raises(Conflict, match="empty"):
        await buying.order()
    await buying.add(("A", "1"))
    order = await buying.order()
    assert order.state == "in_approval"
    assert (await buying.read()).order_id == order.id


async def test_carts_that_nobody_touched_for_long_are_forgotten_and_orders_stay(
    shop: Shop, worker: Worker, move_clock: MoveClock
) -> None:
    await shop.offer("A")
    ordered = await Buying.begin(shop, name="Ordered")
    await ordered.add(("A", "1"))
    order = await ordered.order()
    left = await Buying.begin(shop, name="Left")
    used = await Buying.begin(shop, name="Used")

    async def there() -> set[str]:
        asked = PageRequest(50, None)
        carts = await reading.list_carts(shop.platform, left.caller, asked, None)
        return {cart.name for cart in carts.items}

    await move_clock(timedelta(days=ORDERED_CART_DAYS_KEPT + 1))
    await used.add(("A", "1"))
    await worker.forget()
    assert await there() == {"Left", "Used"}
    await move_clock(timedelta(days=CART_DAYS_KEPT - ORDERED_CART_DAYS_KEPT))
    await worker.forget()
    assert await there() == {"Used"}
    assert [line.quantity for line in (await used.read()).lines] == ["1"]
    assert (await orders.read_order(shop.platform, left.caller, order.id)).state == "placed"
