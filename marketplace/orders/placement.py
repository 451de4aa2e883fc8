"""What placing an order does: supplier orders, their lines, and the facts that leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, text, update

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.orders.rules import (
    OrderedLine,
    SupplierOrderState,
    order_total,
    split_by_supplier,
)
from marketplace.orders.tables import OrderLineRow
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


# One round trip for an order and all it consists of: each costs more than the rows do. The rows
# travel as JSON, by the names of the tables' columns, every column given. A number of the buyer's
# that is taken writes nothing at all.
_WRITE_ORDER: Final = text("""
with written as (
    insert into orders
    select * from jsonb_populate_record(null::orders, cast(:header as jsonb))
    on conflict (buyer_id, external_system, external_id) do nothing
    returning id
), lines as (
    insert into order_lines
    select given.* from written
    cross join jsonb_populate_recordset(null::order_lines, cast(:lines as jsonb)) as given
), parts as (
    insert into supplier_orders
    select given.* from written
    cross join jsonb_populate_recordset(null::supplier_orders, cast(:parts as jsonb)) as given
), part_lines as (
    insert into supplier_order_lines
    select given.* from written
    cross join jsonb_populate_recordset(null::supplier_order_lines, cast(:part_lines as jsonb))
        as given
)
select count(*) from written
""")

_WRITE_PARTS: Final = text("""
with parts as (
    insert into supplier_orders
    select * from jsonb_populate_recordset(null::supplier_orders, cast(:parts as jsonb))
)
insert into supplier_order_lines
select * from jsonb_populate_recordset(null::supplier_order_lines, cast(:part_lines as jsonb))
""")


async def write_order(
    tx: Transaction,
    order: OrderHeader,
    lines: Sequence[OrderedLine],
    parts: Sequence[SupplierPart] = (),
) -> bool:
    """Write a new order, with its supplier orders if it is placed; False if its number is taken.

    A twin that is being written holds this statement until it commits, so of any number at once
    exactly one gets through.
    """
    header = _columns(order)
    for name in ("request_hash", "content_hash"):
        header[name] = f"\\x{header[name].hex()}"
    owner = {"order_id": order.id, "buyer_id": order.buyer_id}
    written: int = await tx.scalar(
        _WRITE_ORDER,
        {
            "header": _json(header),
            "lines": _json([{**owner, **_columns(line)} for line in lines]),
            **_part_rows(order, parts),
        },
    )
    return written == 1


async def write_parts(tx: Transaction, order: OrderHeader, parts: Sequence[SupplierPart]) -> None:
    """Write the supplier orders of an order that waited."""
    await tx.execute(_WRITE_PARTS, _part_rows(order, parts))


def _columns(value: OrderHeader | OrderedLine) -> dict[str, Any]:
    # Not `asdict`: its deep copies cost more than all else of a long order.
    return {name: getattr(value, name) for name in value.__slots__}


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()


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
        "price_detail",
        "agreed_terms",
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


def _part_rows(order: OrderHeader, parts: Sequence[SupplierPart]) -> dict[str, str]:
    """Give the rows of supplier orders and their lines.

    They are copies of what a supplier may see; nothing of the buyer's own is among it.
    """
    return {
        "parts": _json([_supplier_order(order, part) for part in parts]),
        "part_lines": _json([_supplier_line(order, line) for p in parts for line in p.lines]),
    }


def _supplier_order(order: OrderHeader, part: SupplierPart) -> dict[str, Any]:
    return {
        "id": part.id,
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "supplier_id": part.supplier_id,
        "state": part.state,
        "version": part.version,
        "buyer_reference": order.external_id,
        "supplier_reference": part.supplier_reference,
        "currency": order.currency,
        "total": part.total,
        "terms": order.terms,
        "ordered_at": order.ordered_at,
        "placed_at": order.placed_at,
    }


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
        "confirmed_quantity": None,
        "promised_on": None,
        "reason": "",
        "despatched_quantity": 0,
        "price_detail": line.price_detail,
        "agreed_terms": line.agreed_terms,
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
