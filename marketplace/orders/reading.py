"""The buyer reads his orders."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select

from marketplace.contracts.documents import read_provenance
from marketplace.contracts.reading import provenance_view
from marketplace.kernel.errors import NotFound
from marketplace.orders.placement import OrderHeader
from marketplace.orders.rules import OrderedLine, OrderState
from marketplace.orders.schemas import (
    LineProvenanceView,
    OrderSummary,
    OrderView,
)
from marketplace.orders.tables import (
    OrderLineRow,
    OrderRow,
    SupplierOrderLineRow,
    SupplierOrderRow,
)
from marketplace.orders.views import line_price_view, order_summary, order_view
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

ORDER_COLUMNS: Final = [getattr(OrderRow, name) for name in OrderHeader.__slots__]
LINE: Final = [getattr(OrderLineRow, name) for name in OrderedLine.__slots__]
"""The columns of a line, by the names of `OrderedLine`."""


async def fetch_order(tx: Transaction, order_id: UUID) -> OrderView:
    """Read an order of the caller's company with all that happened to it; raises NotFound."""
    order = await tx.maybe(select(*ORDER_COLUMNS).where(OrderRow.id == order_id))
    if order is None:
        raise NotFound("There is no such order.")
    parts = await tx.all(
        select(
            SupplierOrderRow.id,
            SupplierOrderRow.version,
            SupplierOrderRow.state,
            SupplierOrderRow.supplier_id,
            SupplierOrderRow.supplier_reference,
            SupplierOrderRow.total,
        )
        .where(SupplierOrderRow.order_id == order_id, SupplierOrderRow.buyer_id == order.buyer_id)
        .order_by(SupplierOrderRow.id)
    )
    lines = await tx.all(
        select(
            *LINE,
            SupplierOrderLineRow.confirmed_quantity,
            SupplierOrderLineRow.promised_on,
            SupplierOrderLineRow.reason,
            SupplierOrderLineRow.despatched_quantity,
        )
        .outerjoin(
            SupplierOrderLineRow,
            and_(
                SupplierOrderLineRow.supplier_order_id == OrderLineRow.supplier_order_id,
                SupplierOrderLineRow.line == OrderLineRow.supplier_line,
            ),
        )
        .where(OrderLineRow.order_id == order_id)
        .order_by(OrderLineRow.line)
    )
    return order_view(order, parts, lines)


async def read_order(platform: Platform, caller: Caller, order_id: UUID) -> OrderView:
    """Read one order of the caller's company; raises NotFound."""
    caller.require("orders:read")
    async with transaction(platform, caller) as tx:
        return await fetch_order(tx, order_id)


async def list_orders(
    platform: Platform,
    caller: Caller,
    asked: PageRequest,
    state: OrderState | None,
    external_id: str | None,
) -> Page[OrderSummary]:
    """List the orders of the caller's company, the newest first."""
    caller.require("orders:read")
    statement = (
        select(*ORDER_COLUMNS)
        .where(OrderRow.buyer_id == caller.organization_id)
        .order_by(OrderRow.id.desc())
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(OrderRow.id < after)
    if state is not None:
        statement = statement.where(OrderRow.state == state.value)
    if external_id is not None:
        statement = statement.where(OrderRow.external_id == external_id)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [order_summary(row) for row in rows], lambda summary: summary.id)


async def read_line_provenance(
    platform: Platform, caller: Caller, order_id: UUID, line: int
) -> LineProvenanceView:
    """Tell what the price of an ordered line stems from: one read, nothing is chased upward."""
    caller.require("orders:read")
    columns: list[Any] = [*LINE, OrderRow.currency]
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(*columns)
            .join(OrderRow, OrderRow.id == OrderLineRow.order_id)
            .where(OrderLineRow.order_id == order_id, OrderLineRow.line == line)
        )
    if row is None:
        raise NotFound("There is no such line.")
    return LineProvenanceView(
        order_id=order_id,
        line=line,
        sku=row.sku,
        price=line_price_view(row, row.currency),
        steps=[provenance_view(step) for step in read_provenance(row.provenance)],
    )
