"""What placing an order does: supplier orders, their lines, and the facts that leave."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, update

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.orders.rules import (
    OrderedLine,
    SupplierOrderState,
    order_total,
    split_by_supplier,
)
from marketplace.orders.tables import OrderLineRow, SupplierOrderLineRow, SupplierOrderRow
from marketplace.platform.database import Transaction
from marketplace.platform.http.schemas import shown_amount


@dataclass(frozen=True, slots=True)
class OrderHeader:
    """An order without its lines: the columns of `orders`."""

    id: UUID
    buyer_id: UUID
    unit_id: UUID
    unit_path: list[UUID]
    requester_id: UUID
    external_system: str | None
    external_id: str | None
    request_hash: bytes
    content_hash: bytes
    state: str
    version: int
    currency: str
    total: Decimal
    line_count: int
    terms: dict[str, Any]
    note: str
    approval_id: UUID | None
    backdated: bool
    ordered_at: datetime
    submitted_at: datetime
    placed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SupplierPart:
    """One supplier's part of an order that is being placed."""

    id: UUID
    supplier_id: UUID
    total: Decimal
    lines: tuple[OrderedLine, ...]
    state: str = SupplierOrderState.PLACED.value
    version: int = 1
    supplier_reference: str | None = None


def split(lines: Sequence[OrderedLine], currency: str) -> list[SupplierPart]:
    """Split an order into supplier orders; their lines are numbered within each."""
    parts = []
    for supplier_id, own in split_by_supplier(lines).items():
        part_id = new_id()
        numbered = tuple(
            replace(line, supplier_order_id=part_id, supplier_line=number)
            for number, line in enumerate(own, start=1)
        )
        total = order_total(numbered, currency).amount
        parts.append(SupplierPart(part_id, supplier_id, total, numbered))
    return parts


def lines_of(parts: Sequence[SupplierPart]) -> list[OrderedLine]:
    """Give the lines of all parts in the order's own sequence."""
    return sorted((line for part in parts for line in part.lines), key=lambda line: line.line)


async def insert_lines(tx: Transaction, order: OrderHeader, lines: Sequence[OrderedLine]) -> None:
    """Write the lines of an order; one round trip for all."""
    owner = {"order_id": order.id, "buyer_id": order.buyer_id}
    await tx.execute(insert(OrderLineRow), [{**owner, **asdict(line)} for line in lines])


async def update_lines(tx: Transaction, order: OrderHeader, lines: Sequence[OrderedLine]) -> None:
    """Write prices and supplier orders of lines that waited; one round trip for all."""
    changed = (
        "description",
        "amount",
        "basis",
        "tier_minimum",
        "line_amount",
        "price_level",
        "source_kind",
        "source_id",
        "source_version",
        "provenance",
        "tax_category",
        "supplier_order_id",
        "supplier_line",
    )
    statement = (
        update(OrderLineRow)
        .where(OrderLineRow.order_id == order.id, OrderLineRow.line == bindparam("of_line"))
        .values({name: bindparam(f"new_{name}") for name in changed})
    )
    await tx.execute(
        statement,
        [
            {"of_line": line.line, **{f"new_{name}": getattr(line, name) for name in changed}}
            for line in lines
        ],
    )


async def insert_parts(
    tx: Transaction, order: OrderHeader, parts: Sequence[SupplierPart], placed_at: datetime
) -> None:
    """Write the supplier orders of a placed order: two round trips, however many there are.

    A supplier's rows are copies of what he may see; nothing of the buyer's own is among it.
    """
    await tx.execute(
        insert(SupplierOrderRow),
        [
            {
                "id": part.id,
                "order_id": order.id,
                "buyer_id": order.buyer_id,
                "supplier_id": part.supplier_id,
                "state": part.state,
                "buyer_reference": order.external_id,
                "currency": order.currency,
                "total": part.total,
                "terms": order.terms,
                "ordered_at": order.ordered_at,
                "placed_at": placed_at,
            }
            for part in parts
        ],
    )
    await tx.execute(
        insert(SupplierOrderLineRow),
        [_supplier_line(order, line) for part in parts for line in part.lines],
    )


def _supplier_line(order: OrderHeader, line: OrderedLine) -> dict[str, Any]:
    return {
        "supplier_order_id": line.supplier_order_id,
        "line": line.supplier_line,
        "buyer_id": order.buyer_id,
        "supplier_id": line.supplier_id,
        "sku": line.sku,
        "description": line.description,
        "unit": line.unit,
        "quantity": line.quantity,
        "amount": line.amount,
        "basis": line.basis,
        "line_amount": line.line_amount,
        "tax_category": line.tax_category,
        "requested_on": line.requested_on,
    }


def tell_order(tx: Transaction, fact: str, order: OrderHeader, **more: object) -> None:
    """Let a fact about an order leave to its buyer, and write it to his audit trail."""
    payload: dict[str, object] = {
        "state": order.state,
        "external_system": order.external_system,
        "external_id": order.external_id,
        "total": {
            "amount": shown_amount(order.total, order.currency),
            "currency": order.currency,
        },
        **more,
    }
    audience = frozenset({order.buyer_id})
    tx.emit(Event(f"order.{fact}", "order", order.id, order.version, audience, payload))
    tx.record(f"order.{fact}", "order", order.id, after={"version": order.version, **payload})


def tell_parts(tx: Transaction, order: OrderHeader, parts: Sequence[SupplierPart]) -> None:
    """Let the placing of each supplier order leave to both its parties."""
    for part in parts:
        payload: dict[str, object] = {
            "state": part.state,
            "order_id": order.id,
            "buyer_id": order.buyer_id,
            "supplier_id": part.supplier_id,
            "buyer_reference": order.external_id,
        }
        audience = frozenset({order.buyer_id, part.supplier_id})
        tx.emit(
            Event(
                "supplier_order.placed", "supplier_order", part.id, part.version, audience, payload
            )
        )
