import asyncio
from datetime import date

import pytest

from marketplace.kernel.errors import InvalidInput, NotFound, StaleVersion, WrongState
from marketplace.orders import fulfilment, reading, service
from marketplace.orders.rules import SupplierOrderState
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    LineConfirmationInput,
    LineDespatchInput,
    OrderTerms,
    SupplierOrderView,
)
from marketplace.platform.http.paging import PageRequest
from tests.orders.trade import Trade, body
from tests.support.world import fresh_key

PROMISED = date(2026, 5, 1)


async def test_each_supplier_sees_his_lines_and_nothing_of_the_others(trade: Trade) -> None:
    order = await trade.submit(
        trade.line(trade.nuts, "3", "B-1", cost_centre="secret-centre"),
        trade.line(trade.bolts, "1"),
        number="77",
        note="secret note",
        terms=OrderTerms(requested_on=PROMISED),
    )
    for supplier, sku in ((trade.bolts, "A-1"), (trade.nuts, "B-1")):
        listed = await fulfilment.list_supplier_orders(
            trade.platform, supplier.caller, PageRequest(50, None), None
        )
        (summary,) = listed.items
        read = await fulfilment.read_supplier_order(trade.platform, supplier.caller, summary.id)
        assert [(line.line, line.sku) for line in read.lines] == [(1, sku)]
        assert read.buyer_reference == "77"
        assert read.terms.requested_on == PROMISED
        assert "secret" not in str(body(read))
        (foreign,) = [p.id for p in order.supplier_orders if p.id != summary.id]
        with pytest.raises(NotFound):
            await fulfilment.read_supplier_order(trade.platform, supplier.caller, foreign)


async def test_the_buyer_does_not_confirm_for_his_supplier(trade: Trade) -> None:
    order = await trade.submit()
    caller = trade.buyer.caller
    posing = type(caller)(
        **{
            **{name: getattr(caller, name) for name in caller.__slots__},
            "scopes": caller.scopes | {"supplier_orders:write"},
        }
    )
    with pytest.raises(NotFound):
        await fulfilment.confirm(
            trade.platform,
            posing,
            order.supplier_orders[0].id,
            ConfirmationInput(),
            fresh_key(),
        )


async def test_a_confirmation_reaches_the_buyers_order(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.bolts, "10"), trade.line(trade.bolts, "20"))
    part = order.supplier_orders[0].id
    answer = ConfirmationInput(
        supplier_reference="AB-9",
        promised_on=PROMISED,
        lines=(LineConfirmationInput(line=2, quantity="15", reason="rest discontinued"),),
    )
    confirmed = await fulfilment.confirm(
        trade.platform, trade.bolts.caller, part, answer, fresh_key()
    )
    assert (confirmed.state, confirmed.version) == ("confirmed", 2)
    seen = await reading.read_order(trade.platform, trade.buyer.caller, order.id)
    assert seen.supplier_orders[0].supplier_reference == "AB-9"
    assert [(line.confirmed_quantity, line.promised_on) for line in seen.lines] == [
        ("10", PROMISED),
        ("15", PROMISED),
    ]
    assert seen.lines[1].reason == "rest discontinued"


async def test_one_suppliers_refusal_leaves_the_others_alive(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.nuts, "3", "B-1"), trade.line(trade.bolts))
    refusal = ConfirmationInput(
        lines=(LineConfirmationInput(line=1, quantity="0", reason="out of stock"),)
    )
    parts = {part.supplier_id: part.id for part in order.supplier_orders}
    refused = await fulfilment.confirm(
        trade.platform, trade.nuts.caller, parts[trade.nuts.id], refusal, fresh_key()
    )
    assert refused.state == "refused"
    await trade.despatched(order, trade.bolts)
    seen = await reading.read_order(trade.platform, trade.buyer.caller, order.id)
    assert {part.state for part in seen.supplier_orders} == {"refused", "despatched"}


async def test_goods_leave_in_parts_until_nothing_is_open(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.bolts, "10"))
    part = order.supplier_orders[0].id
    caller = trade.bolts.caller
    with pytest.raises(WrongState):
        await fulfilment.despatch(trade.platform, caller, part, DespatchInput(), fresh_key())
    await fulfilment.confirm(trade.platform, caller, part, ConfirmationInput(), fresh_key())
    some = DespatchInput(carrier="DHL", lines=(LineDespatchInput(line=1, quantity="4"),))
    first = await fulfilment.despatch(trade.platform, caller, part, some, fresh_key())
    assert (first.state, first.lines[0].despatched_quantity) == ("partly_despatched", "4")
    last = await fulfilment.despatch(trade.platform, caller, part, DespatchInput(), fresh_key())
    assert (last.state, last.lines[0].despatched_quantity) == ("despatched", "10")
    assert [body(d.lines[0])["quantity"] for d in last.despatches] == ["4", "6"]
    assert last.despatches[0].carrier == "DHL"


async def test_more_than_is_open_does_not_leave_twice_at_once(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.bolts, "10"))
    part = order.supplier_orders[0].id
    caller = trade.bolts.caller
    await fulfilment.confirm(trade.platform, caller, part, ConfirmationInput(), fresh_key())
    six = DespatchInput(lines=(LineDespatchInput(line=1, quantity="6"),))
    results = await asyncio.gather(
        *(fulfilment.despatch(trade.platform, caller, part, six, fresh_key()) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, SupplierOrderView) for result in results) == 1
    assert sum(isinstance(result, InvalidInput) for result in results) == 3


async def test_of_two_confirmations_one_counts(trade: Trade) -> None:
    order = await trade.submit()
    part = order.supplier_orders[0].id
    results = await asyncio.gather(
        *(
            fulfilment.confirm(
                trade.platform, trade.bolts.caller, part, ConfirmationInput(), fresh_key()
            )
            for _ in range(4)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(result, SupplierOrderView) for result in results) == 1
    assert {r.state for r in results if isinstance(r, WrongState)} == {"confirmed"}


async def test_a_placed_order_is_cancelled_with_all_its_parts(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.nuts, "3", "B-1"), trade.line(trade.bolts))
    caller = trade.buyer.caller
    with pytest.raises(StaleVersion):
        await service.cancel_order(trade.platform, caller, order.id, order.version - 1)
    cancelled = await service.cancel_order(trade.platform, caller, order.id, order.version)
    assert cancelled.state == "cancelled"
    assert {part.state for part in cancelled.supplier_orders} == {"cancelled"}
    with pytest.raises(WrongState) as caught:
        await service.cancel_order(trade.platform, caller, order.id, cancelled.version)
    assert caught.value.state == "cancelled"


async def test_an_order_with_a_promise_is_cancelled_no_more(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.nuts, "3", "B-1"), trade.line(trade.bolts))
    parts = {part.supplier_id: part.id for part in order.supplier_orders}
    await fulfilment.confirm(
        trade.platform,
        trade.nuts.caller,
        parts[trade.nuts.id],
        ConfirmationInput(),
        fresh_key(),
    )
    with pytest.raises(WrongState, match="confirmed"):
        await service.cancel_order(trade.platform, trade.buyer.caller, order.id, order.version)


async def test_supplier_orders_are_listed_by_state(trade: Trade) -> None:
    first = await trade.submit()
    second = await trade.submit()
    await trade.despatched(first, trade.bolts)
    listed = await fulfilment.list_supplier_orders(
        trade.platform, trade.bolts.caller, PageRequest(50, None), SupplierOrderState.PLACED
    )
    assert [item.id for item in listed.items] == [second.supplier_orders[0].id]
