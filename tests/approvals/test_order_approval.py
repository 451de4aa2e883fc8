import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from marketplace.approvals import service as approvals
from marketplace.approvals.rules import ApprovalState
from marketplace.approvals.schemas import ApprovalView, DecisionInput
from marketplace.kernel.errors import Conflict, NotFound, NotPermitted, WrongState
from marketplace.orders import fulfilment, reading, service
from marketplace.orders.schemas import OrderView
from marketplace.orders.tables import OrderLineRow
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.conftest import MoveClock
from tests.orders.trade import Trade
from tests.support.world import Actor, Company, fresh_key

APPROVE = DecisionInput(verdict="approve")
REJECT = DecisionInput(verdict="reject", comment="Too much.")


async def waiting(trade: Trade, quantity: str = "81") -> tuple[OrderView, ApprovalView]:
    """Submit an order above the purchaser's 1,000 EUR; 80 pieces would be exactly his limit."""
    order = await trade.submit(trade.line(trade.bolts, quantity), by=trade.purchaser)
    assert order.state == "in_approval"
    assert order.approval_id is not None
    approval = await approvals.read_approval(
        trade.platform, trade.approver.caller, order.approval_id
    )
    return order, approval


async def decide(
    trade: Trade, approval: ApprovalView, said: DecisionInput, by: Actor | Company | None = None
) -> ApprovalView:
    caller = (by or trade.approver).caller
    return await approvals.decide(trade.platform, caller, approval.id, said, fresh_key())


async def read(trade: Trade, order: OrderView) -> OrderView:
    return await reading.read_order(trade.platform, trade.buyer.caller, order.id)


async def test_an_order_at_the_limit_is_placed_and_one_above_it_waits(trade: Trade) -> None:
    placed = await trade.submit(trade.line(trade.bolts, "80"), by=trade.purchaser)
    assert placed.state == "placed"
    order, approval = await waiting(trade)
    assert order.supplier_orders == []
    assert approval.state == "pending"
    assert approval.amount.amount == "1012.50"
    assert approval.waits_for == [["administrator", "approver"]]
    assert approval.requester_id == trade.purchaser.member_id


async def test_nothing_reaches_the_supplier_before_the_approval(trade: Trade) -> None:
    await waiting(trade)
    listed = await fulfilment.list_supplier_orders(
        trade.platform, trade.bolts.caller, PageRequest(50, None), None
    )
    assert listed.items == []


async def test_the_approval_places_the_order(trade: Trade) -> None:
    order, approval = await waiting(trade)
    decided = await decide(trade, approval, APPROVE)
    assert (decided.state, decided.waits_for) == ("approved", [])
    now = await read(trade, order)
    assert (now.state, now.version, now.total.amount) == ("placed", 3, "1012.50")
    assert [part.state for part in now.supplier_orders] == ["placed"]
    assert now.lines[0].supplier_order_id == now.supplier_orders[0].id


async def test_a_rejection_ends_the_order(trade: Trade) -> None:
    order, approval = await waiting(trade)
    decided = await decide(trade, approval, REJECT)
    assert decided.state == "rejected"
    assert decided.decisions[0].comment == "Too much."
    assert (await read(trade, order)).state == "rejected"


async def test_nobody_approves_his_own_order(trade: Trade) -> None:
    both = await trade.world.member(trade.buyer, "purchaser", "approver", order_limit="1 EUR")
    order = await trade.submit(by=both)
    assert order.approval_id is not None
    for verdict in (APPROVE, REJECT):
        with pytest.raises(NotPermitted):
            await approvals.decide(
                trade.platform, both.caller, order.approval_id, verdict, fresh_key()
            )


async def test_a_purchaser_approves_nothing(trade: Trade) -> None:
    _, approval = await waiting(trade)
    other = await trade.world.member(trade.buyer, "purchaser")
    with pytest.raises(NotPermitted):
        await decide(trade, approval, APPROVE, other)


async def test_a_foreign_company_finds_no_such_request(trade: Trade) -> None:
    _, approval = await waiting(trade)
    stranger = await trade.world.buyer("Stranger")
    with pytest.raises(NotFound):
        await decide(trade, approval, APPROVE, stranger)
    with pytest.raises(NotFound):
        await approvals.read_approval(trade.platform, stranger.caller, approval.id)


async def test_of_two_decisions_at_once_one_wins_and_the_other_learns_the_state(
    trade: Trade,
) -> None:
    order, approval = await waiting(trade)
    results = await asyncio.gather(
        decide(trade, approval, APPROVE),
        decide(trade, approval, REJECT, trade.buyer),
        return_exceptions=True,
    )
    won = [result for result in results if isinstance(result, ApprovalView)]
    lost = [result for result in results if isinstance(result, WrongState)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].state == won[0].state
    expected = {"approved": "placed", "rejected": "rejected"}[won[0].state]
    assert (await read(trade, order)).state == expected


async def test_many_approvals_at_once_place_the_order_once(trade: Trade) -> None:
    order, approval = await waiting(trade)
    approvers = [await trade.world.member(trade.buyer, "approver") for _ in range(6)]
    results = await asyncio.gather(
        *(decide(trade, approval, APPROVE, approver) for approver in approvers),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ApprovalView) for result in results) == 1
    assert sum(isinstance(result, WrongState) for result in results) == 5
    assert len((await read(trade, order)).supplier_orders) == 1


async def test_a_repeated_decision_is_answered_as_the_first(trade: Trade) -> None:
    _, approval = await waiting(trade)
    key = fresh_key("decideApproval")
    caller = trade.approver.caller
    first = await approvals.decide(trade.platform, caller, approval.id, APPROVE, key)
    assert first == await approvals.decide(trade.platform, caller, approval.id, APPROVE, key)


async def test_a_price_raised_meanwhile_is_refused_with_the_difference_and_nothing_is_decided(
    trade: Trade,
) -> None:
    order, approval = await waiting(trade)
    await trade.agree(trade.bolts, "12.60")
    with pytest.raises(Conflict, match=r"8\.10 EUR more") as caught:
        await decide(trade, approval, APPROVE)
    assert caught.value.errors[0].pointer == "/lines/0"
    assert (await read(trade, order)).state == "in_approval"
    again = await approvals.read_approval(trade.platform, trade.approver.caller, approval.id)
    assert (again.state, again.decisions) == ("pending", [])


async def test_a_price_lowered_meanwhile_is_taken(trade: Trade) -> None:
    order, approval = await waiting(trade)
    contract_id = await trade.agree(trade.bolts, "12")
    await decide(trade, approval, APPROVE)
    now = await read(trade, order)
    assert now.total.amount == "972.00"
    assert now.lines[0].price.source.id == contract_id
    told = await reading.read_line_provenance(trade.platform, trade.buyer.caller, order.id, 1)
    assert told.steps[-1].id == contract_id


async def test_a_price_that_ended_meanwhile_is_pointed_at(
    trade: Trade, move_clock: MoveClock
) -> None:
    order, approval = await waiting(trade)
    await move_clock(timedelta(days=366 * 60))
    with pytest.raises(Exception, match="no price") as caught:
        await decide(trade, approval, APPROVE)
    assert caught.value.errors[0].code == "unknown_sku"  # type: ignore[attr-defined]
    assert (await read(trade, order)).state == "in_approval"


async def test_an_order_changed_behind_the_approval_needs_a_new_one(trade: Trade) -> None:
    order, approval = await waiting(trade)
    async with transaction(trade.platform, trade.buyer.caller) as tx:
        await tx.execute(
            update(OrderLineRow)
            .where(OrderLineRow.order_id == order.id)
            .values(quantity=Decimal(8100))
        )
    with pytest.raises(Conflict, match="changed"):
        await decide(trade, approval, APPROVE)


async def test_the_approver_of_the_company_places_a_units_order_at_the_units_prices(
    trade: Trade,
) -> None:
    north = await trade.world.unit(trade.buyer, "North")
    await trade.agree(trade.bolts, "5", "U", unit_ids=(north,))
    buyer = await trade.world.member(trade.buyer, "purchaser", unit_id=north)
    order = await trade.submit(trade.line(trade.bolts, sku="U"), by=buyer)
    assert order.approval_id is not None
    caller = trade.approver.caller
    await approvals.decide(trade.platform, caller, order.approval_id, APPROVE, fresh_key())
    assert (await read(trade, order)).state == "placed"


async def test_an_approver_decides_for_his_unit_and_not_for_the_one_beside_it(trade: Trade) -> None:
    north = await trade.world.unit(trade.buyer, "North")
    south = await trade.world.unit(trade.buyer, "South")
    buyer = await trade.world.member(trade.buyer, "purchaser", unit_id=north)
    beside = await trade.world.member(trade.buyer, "approver", unit_id=south)
    own = await trade.world.member(trade.buyer, "approver", unit_id=north)
    order = await trade.submit(trade.line(trade.bolts), by=buyer)
    assert order.approval_id is not None
    stranger = await trade.world.member(trade.buyer, "purchaser", unit_id=south)
    with pytest.raises(NotPermitted):
        await service.cancel_order(trade.platform, stranger.caller, order.id, order.version)
    for verdict in (APPROVE, REJECT):
        with pytest.raises(NotPermitted):
            await approvals.decide(
                trade.platform, beside.caller, order.approval_id, verdict, fresh_key()
            )
    await approvals.decide(trade.platform, own.caller, order.approval_id, APPROVE, fresh_key())
    assert (await read(trade, order)).state == "placed"


async def test_cancelling_withdraws_the_request(trade: Trade) -> None:
    order, approval = await waiting(trade)
    cancelled = await service.cancel_order(
        trade.platform, trade.purchaser.caller, order.id, order.version
    )
    assert cancelled.state == "cancelled"
    with pytest.raises(WrongState) as caught:
        await decide(trade, approval, APPROVE)
    assert caught.value.state == "withdrawn"


async def test_cancelling_and_approving_at_once_end_in_one_of_both(trade: Trade) -> None:
    for _ in range(5):
        order, approval = await waiting(trade)
        await asyncio.gather(
            decide(trade, approval, APPROVE),
            service.cancel_order(trade.platform, trade.purchaser.caller, order.id, order.version),
            return_exceptions=True,
        )
        now = await read(trade, order)
        request = await approvals.read_approval(trade.platform, trade.approver.caller, approval.id)
        assert (now.state, request.state) in {("placed", "approved"), ("cancelled", "withdrawn")}


async def test_what_waits_is_listed(trade: Trade) -> None:
    _, first = await waiting(trade)
    _, second = await waiting(trade)
    await decide(trade, first, APPROVE)
    asked = PageRequest(50, None)
    caller = trade.approver.caller
    pending = await approvals.list_approvals(trade.platform, caller, asked, ApprovalState.PENDING)
    assert [item.id for item in pending.items] == [second.id]
    everything = await approvals.list_approvals(trade.platform, caller, asked, None)
    assert [item.id for item in everything.items] == [second.id, first.id]
