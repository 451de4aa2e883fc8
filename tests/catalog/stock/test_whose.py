"""What the database itself shows of stock, whatever a service asks."""

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from catalog.stock.tables import (
    StockLevelRow,
    StockLocationRow,
    StockReservationRow,
    StockSettingRow,
)
from marketplace.platform.database import Role, system_transaction, transaction
from tests.catalog.stock.shop import Shop

TABLES = (StockLevelRow, StockLocationRow, StockReservationRow, StockSettingRow)


async def test_rows_of_stock_are_their_suppliers_alone(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    await shop.treat(shown="exact")
    await shop.order(shop.line("A", "2"))
    other = await shop.world.supplier("Other")
    seen = {}
    for name, who in (("own", shop.supplier), ("buyer", shop.buyer), ("other", other)):
        async with transaction(shop.platform, who.caller) as tx:
            seen[name] = [len(await tx.all(select(table))) for table in TABLES]
    assert seen == {"own": [1, 1, 1, 1], "buyer": [0, 0, 0, 0], "other": [0, 0, 0, 0]}


async def test_nobody_moves_stock_by_reservations_of_others(shop: Shop) -> None:
    await shop.offer("A")
    await shop.set(A="5")
    order = await shop.order(shop.line("A", "2"))
    async with transaction(shop.platform, shop.supplier.caller) as tx:
        found = await tx.one(
            text("select * from lock_reservations(:ids)").bindparams(
                ids=[order.supplier_orders[0].id]
            )
        )
    row = {**found._mapping, "released": found.quantity}
    other = await shop.world.supplier("Other")
    async with transaction(shop.platform, other.caller) as tx:
        ids = [order.supplier_orders[0].id]
        statement = text("select * from lock_reservations(:ids)").bindparams(ids=ids)
        assert await tx.all(statement) == []
        rows = msgspec.json.encode([row]).decode()
        await tx.execute(text("select write_reservations(cast(:rows as jsonb))"), {"rows": rows})
    assert await shop.levels() == [("A", "MAIN", "5", "2")]
    # A buyer may give back what he held; that goods have left only their supplier says.
    async with transaction(shop.platform, shop.buyer.caller) as tx:
        gone = {**row, "released": 0, "consumed": found.quantity}
        rows = msgspec.json.encode([gone]).decode()
        await tx.execute(text("select write_reservations(cast(:rows as jsonb))"), {"rows": rows})
    assert (await shop.levels())[0][2] == "5"


async def test_no_other_role_has_the_functions_that_read_past_row_security(shop: Shop) -> None:
    for role in (Role.ENGINE, Role.WORKER, Role.AUTH):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with system_transaction(shop.platform, role) as tx:
                await tx.all(text("select * from stock_of('{}')"))
