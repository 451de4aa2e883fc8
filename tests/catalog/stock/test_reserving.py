import asyncio
from datetime import UTC, datetime

import pytest

from marketplace.approvals import service as approvals
from marketplace.approvals.schemas import DecisionInput
from marketplace.kernel.errors import Conflict
from marketplace.orders import reading, service
from marketplace.orders.schemas import OrderView
from tests.catalog.carts.buying import price_for
from tests.catalog.stock.shop import Shop
from tests.support.world import Actor, fresh_key


async def test_what_has_no_stock_can_be_ordered_without_end(shop: Shop) -> None:
    await shop.offer("A")
    await shop.treat(policy="refuse")
    order = await shop.order(shop.line("A", "1000000"))
    assert order.state == "placed"
    assert await shop.reserved_quantities() == []


@pytest.mark.parametrize("policy", ["refuse", "backorder"])
async def test_sixteen_orders_at_once_for_the_last_pieces_reserve_exactly_what_there_is(
    shop: Shop, policy: str
) -> None:
    await shop.offer("A", "B")
    await shop.set(A="5", B="100")
    await shop.set(A="4", at="SHOP")
    await shop.treat(policy=policy)

    async def one(number: int) -> bool:
        # Every other order names its lines the other way round: locks still have one order.
        lines = [shop.line("A", "2"), shop.line("B", "1")]
        try:
            await shop.order(*(lines if number % 2 else reversed(lines)))
        except Conflict:
            return False
        return True

    placed = sum(await asyncio.gather(*(one(number) for number in range(16))))
    held = {(sku, at): (on_hand, r) for sku, at, on_hand, r in await shop.levels()}
    if policy == "refuse":
        assert placed == 4
        assert held["A", "MAIN"] == ("5", "5")
        assert held["A", "SHOP"] == ("4", "3")
        assert held["B", "MAIN"] == ("100", "4")
    else:
        assert placed == 16
        assert int(held["A", "MAIN"][1]) + int(held["A", "SHOP"][1]) == 32
        assert held["B", "MAIN"] == ("100", "16")


async def test_a_refused_order_points_at_its_lines_and_reserves_nothing(shop: Shop) -> None:
    await shop.offer("A", "B", "C")
    await shop.set(A="5", B="5")
    await shop.treat(policy="refuse")
    with pytest.raises(Conflict) as refused:
        await shop.order(
            shop.line("C", "9"), shop.line("A", "3"), shop.line("B", "6"), shop.line("A", "3")
        )
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/lines/2/quantity", "out_of_stock"),
        ("/lines/3/quantity", "out_of_stock"),
    ]
    assert "5" not in str(refused.value.errors)
    assert {reserved for _, _, _, reserved in await shop.levels()} == {"0"}
    await shop.treat(policy="refuse", shown="exact")
    with pytest.raises(Conflict) as refused:
        await shop.order(shop.line("A", "3"), shop.line("A", "3"))
    assert "there are 2 C62 left" in refused.value.errors[0].detail


async def test_no_more_is_on_order_than_can_be_counted(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    await price_for(shop, shop.buyer.id, A="0.000001")
    most = "900000000000000000"
    await shop.order(shop.line("A", most))
    with pytest.raises(Conflict) as refused:
        await shop.order(shop.line("A", most))
    assert refused.value.errors[0].code == "too_large"
    assert await shop.levels() == [("A", "MAIN", "5", most)]


async def test_a_cancelled_order_gives_back_what_it_held(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    order = await shop.order(shop.line("A", "3"))
    assert await shop.levels() == [("A", "MAIN", "5", "3")]
    await service.cancel_order(shop.platform, shop.buyer.caller, order.id, order.version)
    assert await shop.levels() == [("A", "MAIN", "5", "0")]


async def test_a_supplier_who_refuses_or_confirms_less_gives_back_the_rest(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="9")
    refused = await shop.order(shop.line("A", "3"))
    less = await shop.order(shop.line("A", "4"))
    assert await shop.levels() == [("A", "MAIN", "9", "7")]
    await shop.confirm(refused, (1, "0"))
    await shop.confirm(less, (1, "1"))
    assert await shop.levels() == [("A", "MAIN", "9", "1")]


async def test_what_leaves_is_consumed_part_by_part(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    await shop.set(A="5", at="SHOP")
    order = await shop.order(shop.line("A", "8"))
    await shop.confirm(order, (1, "7"))
    await shop.despatch(order, (1, "6"))
    assert await shop.levels() == [("A", "MAIN", "0", "0"), ("A", "SHOP", "4", "1")]
    await shop.despatch(order)
    assert await shop.levels() == [("A", "MAIN", "0", "0"), ("A", "SHOP", "3", "0")]
    # An ERP whose count follows the despatch says the same with a newer version.
    await shop.set(A="3", at="SHOP")
    assert await shop.levels() == [("A", "MAIN", "0", "0"), ("A", "SHOP", "3", "0")]


async def test_pieces_of_a_box_are_held_as_parts_of_a_box(shop: Shop) -> None:
    await shop.offer("BOX", unit="XBX", content="12", content_unit="C62")
    await shop.set(BOX="1")
    await shop.treat(policy="refuse")
    await shop.order(shop.line("BOX", "6"))
    assert await shop.levels() == [("BOX", "MAIN", "1", "0.5")]
    with pytest.raises(Conflict):
        await shop.order(shop.line("BOX", "1", "XBX"))
    with pytest.raises(Conflict) as refused:
        await shop.order(shop.line("BOX", "1", "KGM"))
    assert refused.value.errors[0].code == "not_counted_in_unit"


async def decide(shop: Shop, approver: Actor, order: OrderView, verdict: str) -> None:
    assert order.approval_id is not None
    await approvals.decide(
        shop.platform,
        approver.caller,
        order.approval_id,
        DecisionInput(verdict=verdict),  # type: ignore[arg-type]
        fresh_key(),
    )


async def test_an_order_that_waits_holds_nothing_before_it_is_approved(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    await shop.treat(policy="refuse")
    purchaser = await shop.world.member(shop.buyer, "purchaser", order_limit="1 EUR")
    first = await shop.order(shop.line("A", "4"), by=purchaser)
    second = await shop.order(shop.line("A", "4"), by=purchaser)
    assert await shop.levels() == [("A", "MAIN", "5", "0")]
    await decide(shop, shop.buyer.administrator, first, "approve")
    assert await shop.levels() == [("A", "MAIN", "5", "4")]
    with pytest.raises(Conflict):
        await decide(shop, shop.buyer.administrator, second, "approve")
    waiting = await reading.read_order(shop.platform, shop.buyer.caller, second.id)
    assert waiting.state == "in_approval"
    await decide(shop, shop.buyer.administrator, second, "reject")
    assert await shop.levels() == [("A", "MAIN", "5", "4")]


async def test_history_that_is_imported_takes_nothing(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    caller = shop.buyer.caller
    importing = Actor(
        caller.member_id,
        "",
        shop.buyer.administrator.key_id,
        type(caller)(
            **{name: getattr(caller, name) for name in caller.__slots__}
            | {"scopes": caller.scopes | {"orders:backdate"}}
        ),
    )
    past = datetime(2024, 6, 1, tzinfo=UTC)
    order = await shop.order(shop.line("A", "3"), by=importing, ordered_at=past)
    assert order.state == "placed"
    assert await shop.levels() == [("A", "MAIN", "5", "0")]
