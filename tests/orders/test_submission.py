import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from marketplace.contracts.rules import Provenance
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.kernel.ids import new_id
from marketplace.orders import reading, service
from marketplace.orders.tables import OrderRow, SupplierOrderRow
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.tables import EventRow
from marketplace.worker import Worker
from tests.orders.trade import Trade
from tests.support.world import Actor, fresh_key


async def count(platform: Platform, who: Actor, table: type) -> int:
    async with transaction(platform, who.caller) as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_an_order_within_the_limit_is_placed_at_the_contract_price(trade: Trade) -> None:
    contract_id = await trade.agree(trade.bolts, "12.25")
    order = await trade.submit(trade.line(trade.bolts, "80"), by=trade.purchaser)
    assert (order.state, order.total.amount) == ("placed", "980.00")
    (line,) = order.lines
    assert (line.price.amount, line.price.level) == ("12.25", "contract")
    assert (line.price.source.kind, line.price.source.id) == ("contract", contract_id)
    (part,) = order.supplier_orders
    assert (part.state, part.supplier_id) == ("placed", trade.bolts.id)


async def test_an_order_is_split_by_supplier_and_its_total_is_the_sum_of_rounded_lines(
    trade: Trade,
) -> None:
    order = await trade.submit(
        trade.line(trade.nuts, "3", "B-1"),
        trade.line(trade.bolts, "1"),
        trade.line(trade.nuts, "1000", "B-1"),
    )
    assert [line.line_amount.amount for line in order.lines] == ["0.01", "12.50", "3.50"]
    assert order.total.amount == "16.01"
    parts = {part.supplier_id: part.total.amount for part in order.supplier_orders}
    assert parts == {trade.nuts.id: "3.51", trade.bolts.id: "12.50"}
    assert [line.supplier_line for line in order.lines] == [1, 1, 2]


async def test_what_was_answered_is_what_is_read(trade: Trade) -> None:
    order = await trade.submit(
        trade.line(trade.nuts, "3", "B-1", cost_centre="4711"), trade.line(trade.bolts)
    )
    read = await reading.read_order(trade.platform, trade.buyer.caller, order.id)
    assert read == order


async def test_sent_twice_under_the_buyers_number_it_is_one_order(trade: Trade) -> None:
    first = await trade.submit(number="4500001")
    second = await trade.submit(number="4500001")
    assert second == first
    assert await count(trade.platform, trade.buyer.administrator, OrderRow) == 1


async def test_sixteen_at_once_under_one_number_make_one_order(trade: Trade) -> None:
    orders = await asyncio.gather(*(trade.submit(number="4500002") for _ in range(16)))
    assert len({order.id for order in orders}) == 1
    assert await count(trade.platform, trade.buyer.administrator, OrderRow) == 1
    assert await count(trade.platform, trade.buyer.administrator, SupplierOrderRow) == 1


async def test_another_order_under_a_taken_number_is_refused(trade: Trade) -> None:
    order = await trade.submit(number="4500003")
    with pytest.raises(Conflict, match=str(order.id)):
        await trade.submit(trade.line(trade.bolts, "11"), number="4500003")


async def test_the_same_number_of_another_company_is_another_order(trade: Trade) -> None:
    mine = await trade.submit(number="1")
    other = await trade.world.buyer("Other")
    theirs = Trade(
        trade.platform,
        trade.world,
        other,
        trade.bolts,
        trade.nuts,
        trade.purchaser,
        trade.approver,
    )
    await theirs.agree(trade.bolts, "13")
    assert (await theirs.submit(number="1")).id != mine.id


async def test_the_transport_key_makes_one_order_of_a_repeated_request(trade: Trade) -> None:
    key = fresh_key("submitOrder")
    caller = trade.buyer.caller
    data = trade.order()
    first = await service.submit_order(trade.platform, caller, data, None, key)
    assert await service.submit_order(trade.platform, caller, data, None, key) == first
    assert await count(trade.platform, trade.buyer.administrator, OrderRow) == 1


async def test_every_line_without_a_price_is_pointed_at_and_nothing_is_written(
    trade: Trade,
) -> None:
    await trade.agree(trade.bolts, "1", "MIN", tiers=[("100", "1")])
    with pytest.raises(InvalidInput) as caught:
        await trade.submit(
            trade.line(trade.bolts),
            trade.line(trade.bolts, "99", "MIN"),
            trade.line(trade.bolts, sku="NO-SUCH"),
            trade.line(trade.nuts),
            trade.line(trade.bolts, unit="KGM"),
        )
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/lines/1/quantity", "below_minimum_quantity"),
        ("/lines/2/sku", "unknown_sku"),
        ("/lines/3/sku", "unknown_sku"),
        ("/lines/4/unit", "wrong_unit"),
    ]
    assert await count(trade.platform, trade.buyer.administrator, OrderRow) == 0


async def test_every_line_that_cannot_be_read_is_pointed_at(trade: Trade) -> None:
    with pytest.raises(InvalidInput) as caught:
        await trade.submit(
            trade.line(trade.bolts, "0"),
            trade.line(trade.bolts, "1.5"),
            trade.line(trade.bolts, unit="XX"),
            trade.line(trade.bolts, expected_basis="0"),
        )
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/lines/0/quantity", "not_positive"),
        ("/lines/1/quantity", "too_many_decimals"),
        ("/lines/2/unit", "unknown_unit"),
        ("/lines/3/expected_basis", "not_positive"),
    ]


async def test_a_line_beyond_all_bounds_is_refused_before_it_is_written(trade: Trade) -> None:
    await trade.agree(trade.bolts, "999999999999999999")
    with pytest.raises(InvalidInput) as caught:
        await trade.submit(trade.line(trade.bolts, "999999999999999999"))
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/lines/0/quantity", "too_large")


async def test_a_lower_price_than_the_document_states_is_taken(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.bolts, expected_amount="12.51"))
    assert order.lines[0].price.amount == "12.50"


async def test_a_higher_price_than_the_document_states_is_refused_with_the_difference(
    trade: Trade,
) -> None:
    with pytest.raises(Conflict, match=r"0\.10 EUR more") as caught:
        await trade.submit(trade.line(trade.bolts, expected_amount="1249", expected_basis="100"))
    assert caught.value.errors[0].pointer == "/lines/0"


async def test_nobody_but_an_import_chooses_the_date_of_his_prices(trade: Trade) -> None:
    with pytest.raises(NotPermitted):
        await trade.submit(ordered_at=datetime(2021, 1, 1, tzinfo=UTC))


async def test_an_import_places_history_at_the_prices_of_its_date(trade: Trade) -> None:
    past = datetime(2015, 6, 1, tzinfo=UTC)
    await trade.agree(
        trade.bolts, "9", first_day=past.date(), last_day=past.date() + timedelta(days=30)
    )
    caller = trade.buyer.caller
    importing = Actor(
        caller.member_id,
        "",
        new_id(),
        type(caller)(
            organization_id=caller.organization_id,
            unit_id=caller.unit_id,
            path=caller.path,
            member_id=caller.member_id,
            roles=caller.roles,
            scopes=caller.scopes | {"orders:backdate"},
        ),
    )
    order = await trade.submit(by=importing, ordered_at=past + timedelta(days=10))
    assert order.lines[0].price.amount == "9.00"
    assert order.ordered_at == past + timedelta(days=10)
    assert order.submitted_at > order.ordered_at


async def test_a_tier_counts_from_its_minimum_on(trade: Trade) -> None:
    await trade.agree(trade.bolts, "1", "T", tiers=[("1", "1.00"), ("100", "0.90")])
    order = await trade.submit(
        trade.line(trade.bolts, "99", "T"), trade.line(trade.bolts, "100", "T")
    )
    assert [line.line_amount.amount for line in order.lines] == ["99.00", "90.00"]
    assert [line.price.tier_minimum for line in order.lines] == ["1", "100"]


async def test_a_contract_of_another_unit_prices_nothing(trade: Trade) -> None:
    north = await trade.world.unit(trade.buyer, "North")
    south = await trade.world.unit(trade.buyer, "South")
    await trade.agree(trade.bolts, "5", "U", unit_ids=(north,))
    in_north = await trade.world.member(
        trade.buyer, "purchaser", unit_id=north, order_limit="1000 EUR"
    )
    in_south = await trade.world.member(
        trade.buyer, "purchaser", unit_id=south, order_limit="1000 EUR"
    )
    line = trade.line(trade.bolts, sku="U")
    assert (await trade.submit(line, by=in_north)).total.amount == "50.00"
    with pytest.raises(InvalidInput):
        await trade.submit(line, by=in_south)


async def test_a_foreign_company_finds_no_such_order(trade: Trade) -> None:
    order = await trade.submit()
    stranger = await trade.world.buyer("Stranger")
    for caller in (stranger.caller, trade.bolts.caller):
        reader = type(caller)(
            **{
                **{name: getattr(caller, name) for name in caller.__slots__},
                "scopes": caller.scopes | {"orders:read", "orders:write"},
            }
        )
        with pytest.raises(NotFound):
            await reading.read_order(trade.platform, reader, order.id)
        with pytest.raises(NotFound):
            await reading.read_line_provenance(trade.platform, reader, order.id, 1)
        with pytest.raises(NotFound):
            await service.cancel_order(trade.platform, reader, order.id, order.version)
        listed = await reading.list_orders(
            trade.platform, reader, PageRequest(50, None), None, None
        )
        assert listed.items == []


async def test_orders_are_listed_newest_first_page_by_page(trade: Trade) -> None:
    placed = [await trade.submit(number=str(number)) for number in range(5)]
    caller = trade.buyer.caller
    seen, after = [], None
    while True:
        found = await reading.list_orders(trade.platform, caller, PageRequest(2, after), None, None)
        seen += [item.id for item in found.items]
        after = found.next
        if after is None:
            break
    assert seen == [order.id for order in reversed(placed)]
    by_number = await reading.list_orders(trade.platform, caller, PageRequest(2, None), None, "3")
    assert [item.id for item in by_number.items] == [placed[3].id]


async def test_a_line_tells_its_price_back_to_the_bid(trade: Trade) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    steps = tuple(
        Provenance(kind, uuid4(), at, "ab" * 32)
        for kind in ("rfq.procedure", "rfq.bid", "auction", "auction.bid", "rfq.award")
    )
    contract_id = await trade.agree(trade.bolts, "7", "R", provenance=steps)
    order = await trade.submit(trade.line(trade.bolts, sku="R"))
    told = await reading.read_line_provenance(trade.platform, trade.buyer.caller, order.id, 1)
    assert [step.kind for step in told.steps] == [*(step.kind for step in steps), "contract"]
    assert told.steps[1].hash == "ab" * 32
    assert told.steps[-1].id == contract_id
    assert Decimal(told.price.amount) == 7


async def test_facts_reach_the_feed_in_order(trade: Trade, worker: Worker) -> None:
    order = await trade.submit(number="77")
    await worker.run_until_idle()
    async with transaction(trade.platform, trade.buyer.caller) as tx:
        rows = await tx.all(
            select(EventRow.kind, EventRow.version, EventRow.payload)
            .where(EventRow.kind.like("%order%"))
            .order_by(EventRow.number)
        )
    assert [(row.kind, row.version) for row in rows] == [
        ("order.submitted", 1),
        ("order.placed", 2),
        ("supplier_order.placed", 1),
    ]
    assert rows[1].payload["external_id"] == "77"
    async with transaction(trade.platform, trade.bolts.caller) as tx:
        kinds = (await tx.connection.execute(select(EventRow.kind))).scalars().all()
    assert "supplier_order.placed" in kinds
    assert not {kind for kind in kinds if kind.startswith("order.")}
    assert order.version == 2
