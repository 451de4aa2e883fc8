import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.contracts.reading import list_contracts, read_contract
from marketplace.contracts.rules import Provenance
from marketplace.contracts.tables import ContractPriceRow
from marketplace.kernel.errors import InvalidInput, NotFound
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.conftest import MoveClock
from tests.orders.trade import Trade

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_both_parties_read_a_contract_and_nobody_else(trade: Trade) -> None:
    steps = (Provenance("rfq.bid", uuid4(), AT, "aa"), Provenance("rfq.award", uuid4(), AT, "bb"))
    contract_id = await trade.agree(
        trade.bolts, "1", "X", basis="100", tiers=[("1", "9.5"), ("100", "9")], provenance=steps
    )
    views = [
        await read_contract(trade.platform, company.caller, contract_id)
        for company in (trade.buyer, trade.bolts)
    ]
    assert views[0] == views[1]
    view = views[0]
    assert (view.state, view.origin) == ("active", "award")
    (price,) = view.prices
    assert (price.basis, [(t.minimum_quantity, t.amount) for t in price.tiers]) == (
        "100",
        [("1", "9.5"), ("100", "9")],
    )
    assert [step.kind for step in view.provenance] == ["rfq.bid", "rfq.award", "contract"]
    with pytest.raises(NotFound):
        await read_contract(trade.platform, trade.nuts.caller, contract_id)


async def test_contracts_are_listed_to_their_parties(trade: Trade) -> None:
    asked = PageRequest(50, None)
    buyers = await list_contracts(trade.platform, trade.buyer.caller, asked)
    assert {item.supplier_id for item in buyers.items} == {trade.bolts.id, trade.nuts.id}
    nuts = await list_contracts(trade.platform, trade.nuts.caller, asked)
    assert [item.buyer_id for item in nuts.items] == [trade.buyer.id]


async def test_pages_of_contracts_hold_both_sides_of_a_company(trade: Trade) -> None:
    ids = [await trade.agree(trade.bolts, "1", f"S-{n}") for n in range(3)]
    # A distributor buys and sells.
    ids.append(await trade.agree(trade.nuts, "1", "D", buyer_id=trade.bolts.id))
    seen, after = [], None
    while True:
        found = await list_contracts(trade.platform, trade.bolts.caller, PageRequest(2, after))
        seen += [item.id for item in found.items]
        after = found.next
        if after is None:
            break
    assert seen[:4] == ids[::-1]
    assert len(seen) == 5


async def test_a_contract_past_its_term_reads_as_expired(
    trade: Trade, move_clock: MoveClock
) -> None:
    await move_clock(timedelta(days=366 * 60))
    found = await list_contracts(trade.platform, trade.buyer.caller, PageRequest(50, None))
    assert {item.state for item in found.items} == {"expired"}


async def test_contracts_of_a_pair_have_different_priorities_however_many_at_once(
    trade: Trade,
) -> None:
    await asyncio.gather(*(trade.agree(trade.bolts, "1", f"S-{n}") for n in range(6)))
    found = await list_contracts(trade.platform, trade.bolts.caller, PageRequest(50, None))
    assert sorted(item.priority for item in found.items) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_draft_that_cannot_be_concluded_leaves_nothing(trade: Trade) -> None:
    with pytest.raises(InvalidInput):
        await trade.agree(trade.bolts, "0", "BAD")
    async with transaction(trade.platform, trade.buyer.caller) as tx:
        rows = await tx.all(select(ContractPriceRow.sku).where(ContractPriceRow.sku == "BAD"))
    assert rows == []


async def test_prices_of_a_contract_are_rows_of_both_parties_alone(trade: Trade) -> None:
    for company, skus in (
        (trade.buyer, {"A-1", "B-1"}),
        (trade.bolts, {"A-1"}),
        (trade.nuts, {"B-1"}),
        (await trade.world.buyer("Stranger"), set()),
    ):
        async with transaction(trade.platform, company.caller) as tx:
            rows = await tx.all(select(ContractPriceRow.sku))
        assert {row.sku for row in rows} == skus
