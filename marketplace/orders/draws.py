"""What orders draw of contracts' commitments and of frameworks, and give back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.contracts.ceilings import (
    FrameworkDraw,
    draw_on_frameworks,
    give_back_to_frameworks,
)
from marketplace.contracts.commitments import draw, give_back
from marketplace.contracts.rules import Draw
from marketplace.kernel.money import EXACT
from marketplace.orders.rules import OrderedLine
from marketplace.orders.tables import SupplierOrderLineRow
from marketplace.platform.database import Transaction

_STEP: Final = Decimal(1).scaleb(-6)


async def draw_for(tx: Transaction, lines: Sequence[OrderedLine]) -> None:
    """Draw what the lines of an order take of commitments and frameworks; raises Conflict."""
    await draw(tx, [each for line in lines for each in _draws(line.price_detail)])
    called = [each for line in lines for each in _call_off(line)]
    await draw_on_frameworks(tx, called)


def _draws(detail: Mapping[str, Any] | None) -> list[Draw]:
    return [
        Draw(UUID(each["contract_price_id"]), Decimal(each["amount"]))
        for each in (detail or {}).get("draws", ())
    ]


def _call_off(line: OrderedLine | Row[Any]) -> list[FrameworkDraw]:
    called = (line.price_detail or {}).get("call_off")
    if called is None:
        return []
    # A line ordered before there were ceilings in quantity says none, and counts against none.
    amount, quantity = Decimal(called["amount"]), Decimal(called.get("quantity", 0))
    framework_id = UUID(called["framework_id"])
    return [FrameworkDraw(framework_id, line.supplier_id, line.sku, line.unit, amount, quantity)]


async def give_back_of(
    tx: Transaction,
    supplier_order_ids: Sequence[UUID],
    confirmed: Mapping[int, Decimal] | None = None,
) -> None:
    """Give back what supplier orders drew: all, or of each line what is not `confirmed`.

    A line gives back the share that is not delivered, as it costs only its share (decision 0421).
    """
    line = SupplierOrderLineRow
    rows = await tx.all(
        select(
            line.line, line.quantity, line.price_detail, line.supplier_id, line.sku, line.unit
        ).where(line.supplier_order_id.in_(supplier_order_ids), line.price_detail.is_not(None))
    )
    given: list[Draw] = []
    called: list[FrameworkDraw] = []
    for row in rows:
        kept = Decimal(0) if confirmed is None else confirmed.get(row.line, row.quantity)
        missing = row.quantity - kept
        given += [
            Draw(each.price_id, _share(each.amount, missing, row.quantity))
            for each in _draws(row.price_detail)
        ]
        called += [
            replace(
                each,
                amount=_share(each.amount, missing, row.quantity),
                quantity=_share(each.quantity, missing, row.quantity),
            )
            for each in _call_off(row)
        ]
    await give_back(tx, given)
    await give_back_to_frameworks(tx, called)


def _share(amount: Decimal, missing: Decimal, ordered: Decimal) -> Decimal:
    share = EXACT.divide(EXACT.multiply(amount, missing), ordered)
    return share.quantize(_STEP, rounding=ROUND_DOWN, context=EXACT)
