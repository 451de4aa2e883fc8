"""What orders draw of contracts' commitments, and give back."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from marketplace.contracts.rules import Draw
from marketplace.contracts.service import give_back
from marketplace.kernel.money import EXACT
from marketplace.orders.rules import OrderedLine
from marketplace.orders.tables import SupplierOrderLineRow
from marketplace.platform.database import Transaction

_STEP: Final = Decimal(1).scaleb(-6)


def draws_of(lines: Iterable[OrderedLine]) -> list[Draw]:
    """Give what the lines of an order draw."""
    return [each for line in lines for each in _draws(line.price_detail)]


def _draws(detail: Mapping[str, Any] | None) -> list[Draw]:
    return [
        Draw(UUID(each["contract_price_id"]), Decimal(each["amount"]))
        for each in (detail or {}).get("draws", ())
    ]


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
        select(line.line, line.quantity, line.price_detail).where(
            line.supplier_order_id.in_(supplier_order_ids), line.price_detail.is_not(None)
        )
    )
    given: list[Draw] = []
    for row in rows:
        kept = Decimal(0) if confirmed is None else confirmed.get(row.line, row.quantity)
        missing = row.quantity - kept
        for drawn in _draws(row.price_detail):
            share = EXACT.divide(EXACT.multiply(drawn.amount, missing), row.quantity)
            back = share.quantize(_STEP, rounding=ROUND_DOWN, context=EXACT)
            given.append(Draw(drawn.price_id, back))
    await give_back(tx, given)
