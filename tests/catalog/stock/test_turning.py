"""Stock that runs out and returns, and what of it the catalog shows whom."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from catalog.search import service as search
from catalog.stock.rules import Turn, turn
from marketplace.orders import service
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.tables import EventRow
from marketplace.worker import Worker
from tests.catalog.stock.shop import Shop


@pytest.mark.parametrize(
    ("before", "after", "turned"),
    [
        ("1", "0", Turn.RAN_OUT),
        ("1", "-4", Turn.RAN_OUT),
        ("0", "1", Turn.RETURNED),
        ("-1", "0.5", Turn.RETURNED),
        ("5", "1", None),
        ("0", "-1", None),
    ],
)
def test_stock_turns_where_there_is_nothing_or_something_to_promise(
    before: str, after: str, turned: Turn | None
) -> None:
    assert turn(Decimal(before), Decimal(after)) is turned


async def turns(shop: Shop, worker: Worker) -> list[tuple[str, object, object, list[UUID]]]:
    await worker.run_until_idle()
    async with system_transaction(shop.platform, Role.WORKER) as tx:
        rows = await tx.all(
            select(EventRow.kind, EventRow.payload, EventRow.audience).where(
                EventRow.kind.in_(["stock.ran_out", "stock.returned"])
            )
        )
    return [(r.kind, r.payload["sku"], r.payload["available"], r.audience) for r in rows]


async def test_a_supplier_is_told_when_stock_runs_out_and_when_it_returns(
    shop: Shop, worker: Worker
) -> None:
    await shop.offer("A", "B")
    await shop.set(A="5", B="1")
    await shop.set(at="SHOP", A="1")
    assert await turns(shop, worker) == []
    order = await shop.order(shop.line("A", "6"), shop.line("B", "1"))
    own = [shop.supplier.id]
    gone = [("stock.ran_out", "A", "0", own), ("stock.ran_out", "B", "0", own)]
    assert sorted(await turns(shop, worker)) == gone
    await service.cancel_order(shop.platform, shop.buyer.caller, order.id, order.version)
    back = [("stock.returned", "A", "6", own), ("stock.returned", "B", "1", own)]
    assert sorted(await turns(shop, worker)) == sorted([*gone, *back])
    # A report counts over all locations: one that is empty is no turn.
    await shop.set(A="0")
    await shop.set(at="SHOP", A="0")
    await shop.set(A="3")
    later = [("stock.ran_out", "A", "0", own), ("stock.returned", "A", "3", own)]
    assert sorted(await turns(shop, worker)) == sorted([*gone, *back, *later])


async def test_the_catalog_tells_what_the_supplier_shows_at_this_moment(shop: Shop) -> None:
    await shop.offer("A", "B")
    await shop.set(A="5")
    await shop.treat(shown="exact", low_below="2", policy="refuse")

    async def told(*, stock: bool = True) -> dict[str, tuple[str, object]]:
        page = await search.search_catalog(
            shop.platform, shop.buyer.caller, None, "EUR", PageRequest(10, None), stock=stock
        )
        found = [offer for item in page.items for offer in item.offers]
        shown = {
            offer.sku: (offer.availability.status, offer.availability.quantity or None)
            for offer in found
            if offer.availability
        }
        for item in page.items if stock else ():
            whole = await search.read_catalog_item(shop.platform, shop.buyer.caller, item.id, "EUR")
            assert whole.offers[0].availability == item.offers[0].availability
        return shown

    assert await told(stock=False) == {}
    assert await told() == {"A": ("in_stock", "5"), "B": ("unknown", None)}
    await shop.order(shop.line("A", "4"))
    assert await told() == {"A": ("low", "1"), "B": ("unknown", None)}
    await shop.treat(shown="nothing")
    assert await told() == {"A": ("unknown", None), "B": ("unknown", None)}
