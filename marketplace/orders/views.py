"""From rows and values to what the wire shows."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from marketplace.contracts.documents import read_terms
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.money import Money
from marketplace.orders.schemas import (
    DespatchedLine,
    DespatchView,
    ExternalNumber,
    LinePriceView,
    OrderLineView,
    OrderPartView,
    OrderPriceSourceView,
    OrderSummary,
    OrderTerms,
    OrderView,
    PriceDetailView,
    SupplierOrderLineView,
    SupplierOrderSummary,
    SupplierOrderView,
    UnitPriceView,
)
from marketplace.platform.http.schemas import MoneyView, shown_amount, shown_quantity


def order_summary(order: Any) -> OrderSummary:
    """Show an order (a row of `orders`, or a value with its columns) without its lines."""
    return OrderSummary(**_order_fields(order))


def order_view(order: Any, parts: Iterable[Any], lines: Iterable[Any]) -> OrderView:
    """Show an order with its supplier orders and lines; lines carry their progress, if any."""
    return OrderView(
        **_order_fields(order),
        terms=msgspec.convert(order.terms, OrderTerms),
        note=order.note,
        supplier_orders=[_part_view(part, order.currency) for part in parts],
        lines=[_line_view(line, order.currency) for line in lines],
    )


def _order_fields(order: Any) -> dict[str, Any]:
    external = None
    if order.external_id is not None:
        external = ExternalNumber(system=order.external_system, id=order.external_id)
    return {
        "id": order.id,
        "version": order.version,
        "state": order.state,
        "external": external,
        "unit_id": order.unit_id,
        "requester_id": order.requester_id,
        "approval_id": order.approval_id,
        "total": _money(order.total, order.currency),
        "line_count": order.line_count,
        "ordered_at": order.ordered_at,
        "submitted_at": order.submitted_at,
        "placed_at": order.placed_at,
    }


def _part_view(part: Any, currency: str) -> OrderPartView:
    return OrderPartView(
        id=part.id,
        version=part.version,
        state=part.state,
        supplier_id=part.supplier_id,
        supplier_reference=part.supplier_reference,
        total=_money(part.total, currency),
    )


def line_price_view(line: Any, currency: str) -> LinePriceView:
    """Show the price of an ordered line and where it is written."""
    source = OrderPriceSourceView(
        kind=line.source_kind, id=line.source_id, version=line.source_version
    )
    return LinePriceView(
        amount=shown_amount(line.amount, currency),
        currency=currency,
        basis=shown_quantity(line.basis),
        tier_minimum=shown_quantity(line.tier_minimum),
        level=line.price_level,
        source=source,
        detail=_detail(line),
    )


def _detail(line: Any) -> PriceDetailView | UnsetType:
    if line.price_detail is None:
        return UNSET
    return msgspec.convert(line.price_detail, PriceDetailView)


def _agreed_terms(line: Any) -> LineTerms | UnsetType:
    return UNSET if line.agreed_terms is None else read_terms(line.agreed_terms)


def _line_view(line: Any, currency: str) -> OrderLineView:
    return OrderLineView(
        line=line.line,
        supplier_id=line.supplier_id,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=shown_quantity(line.quantity),
        price=line_price_view(line, currency),
        line_amount=_money(line.line_amount, currency),
        tax_category=line.tax_category,
        requested_on=line.requested_on,
        cost_centre=line.cost_centre,
        agreed_terms=_agreed_terms(line),
        supplier_order_id=line.supplier_order_id,
        supplier_line=line.supplier_line,
        **_progress(line),
    )


def _progress(line: Any) -> dict[str, Any]:
    """Give how far a line is; nothing has happened yet to one without a supplier order."""
    confirmed = getattr(line, "confirmed_quantity", None)
    return {
        "confirmed_quantity": None if confirmed is None else shown_quantity(confirmed),
        "promised_on": getattr(line, "promised_on", None),
        "reason": getattr(line, "reason", None) or "",
        "despatched_quantity": shown_quantity(
            getattr(line, "despatched_quantity", None) or Decimal(0)
        ),
    }


def supplier_order_summary(row: Any) -> SupplierOrderSummary:
    """Show a supplier order without its lines."""
    return SupplierOrderSummary(**_supplier_order_fields(row))


def supplier_order_view(
    row: Any, lines: Iterable[Any], despatches: Sequence[Any]
) -> SupplierOrderView:
    """Show a supplier order to him and to its buyer."""
    return SupplierOrderView(
        **_supplier_order_fields(row),
        terms=msgspec.convert(row.terms, OrderTerms),
        lines=[_supplier_line_view(line, row.currency) for line in lines],
        despatches=[_despatch_view(despatch) for despatch in despatches],
    )


def _supplier_order_fields(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "state": row.state,
        "order_id": row.order_id,
        "buyer_id": row.buyer_id,
        "supplier_id": row.supplier_id,
        "buyer_reference": row.buyer_reference,
        "supplier_reference": row.supplier_reference,
        "total": _money(row.total, row.currency),
        "ordered_at": row.ordered_at,
        "placed_at": row.placed_at,
    }


def _supplier_line_view(line: Any, currency: str) -> SupplierOrderLineView:
    return SupplierOrderLineView(
        line=line.line,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=shown_quantity(line.quantity),
        price=UnitPriceView(
            amount=shown_amount(line.amount, currency),
            currency=currency,
            basis=shown_quantity(line.basis),
            detail=_detail(line),
        ),
        line_amount=_money(line.line_amount, currency),
        tax_category=line.tax_category,
        requested_on=line.requested_on,
        agreed_terms=_agreed_terms(line),
        **_progress(line),
    )


def _despatch_view(row: Any) -> DespatchView:
    return DespatchView(
        id=row.id,
        carrier=row.carrier,
        tracking_number=row.tracking_number,
        expected_on=row.expected_on,
        lines=msgspec.convert(row.lines, list[DespatchedLine]),
        despatched_at=row.despatched_at,
    )


def _money(amount: Decimal, currency: str) -> MoneyView:
    return MoneyView.of(Money(amount, currency))
