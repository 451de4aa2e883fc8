"""Goods for orders, by the `Stock` that is installed; without one nothing is held."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from marketplace.kernel.errors import Conflict, FieldError
from marketplace.orders.placement import OrderHeader, SupplierPart, lines_of
from marketplace.orders.ports import LineUse, Stock
from marketplace.orders.rules import LineProgress
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction


async def reserve_stock(
    platform: Platform, tx: Transaction, order: OrderHeader, parts: Sequence[SupplierPart]
) -> None:
    """Reserve for an order that was just written as placed; raises Conflict with what is missing.

    History that is imported takes nothing: its goods have long left.
    """
    if order.backdated or not platform.has(Stock):
        return
    stock: Stock = platform.get(Stock)  # type: ignore[type-abstract]
    shortages = await stock.reserve(tx, order.buyer_id, lines_of(parts))
    if shortages:
        errors = [FieldError(f"/lines/{s.line - 1}/quantity", s.code, s.detail) for s in shortages]
        raise Conflict("Some lines of this order cannot be delivered.", errors=errors)


async def release_stock(
    platform: Platform, tx: Transaction, supplier_order_ids: Sequence[UUID]
) -> None:
    """Give back what cancelled supplier orders held."""
    if platform.has(Stock) and supplier_order_ids:
        stock: Stock = platform.get(Stock)  # type: ignore[type-abstract]
        await stock.settle(tx, supplier_order_ids, {})


async def settle_confirmed(
    platform: Platform, tx: Transaction, supplier_order_id: UUID, confirmed: Mapping[int, Decimal]
) -> None:
    """Give back what the supplier does not confirm, all of it if he refuses."""
    if platform.has(Stock):
        uses = {number: LineUse(Decimal(0), quantity) for number, quantity in confirmed.items()}
        stock: Stock = platform.get(Stock)  # type: ignore[type-abstract]
        await stock.settle(tx, [supplier_order_id], uses)


async def settle_despatched(
    platform: Platform,
    tx: Transaction,
    supplier_order_id: UUID,
    progress: Mapping[int, LineProgress],
    leaving: Mapping[int, Decimal],
) -> None:
    """Consume what leaves with a despatch; `progress` is how far the lines were before it."""
    if not platform.has(Stock):
        return
    uses = {}
    for number, line in progress.items():
        now = leaving.get(number, Decimal(0))
        uses[number] = LineUse(line.despatched + now, line.open - now)
    stock: Stock = platform.get(Stock)  # type: ignore[type-abstract]
    await stock.settle(tx, [supplier_order_id], uses)
