"""Carts as their members read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from catalog.carts.rules import (
    CURABLE,
    CartState,
    advised_quantity,
    amount_at,
    change_of,
)
from catalog.carts.schemas import (
    CartLineView,
    CartSummary,
    CartTotalView,
    CartView,
    NextTierView,
    PriceChangeView,
    QuantityAdviceView,
)
from catalog.price_lists.price_book import Found
from catalog.price_lists.quoting import stated
from catalog.price_lists.rules import Unpriced
from catalog.price_lists.views import no_price_view, price_view
from catalog.pricing.terms import Price
from catalog.products.rules import OfferTerms
from catalog.stock.availability import unknown
from catalog.stock.schemas import AvailabilityView
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.money import Money, total
from marketplace.orders.rules import Price as StatedPrice
from marketplace.platform.http.schemas import MoneyView, shown_quantity


class PricedCartLine(msgspec.Struct, frozen=True):
    """A line with what holds of it now."""

    line: Any
    found: Found
    answer: Price | Unpriced
    availability: AvailabilityView | None

    @property
    def amount(self) -> Money | None:
        """Give what the line costs; None without a price."""
        if isinstance(self.answer, Unpriced):
            return None
        return Money(self.answer.line_amount, self.answer.winner.currency)


def cart_summary(cart: Any, line_count: int) -> CartSummary:
    """Show a cart without its lines."""
    return CartSummary(**_fields(cart, line_count))


def _fields(cart: Any, line_count: int) -> dict[str, Any]:
    return {
        "id": cart.id,
        "version": cart.version,
        "name": cart.name,
        "currency": cart.currency,
        "unit_id": cart.unit_id,
        "owner_id": cart.owner_id,
        "shared": cart.shared,
        "state": cart.state,
        "line_count": line_count,
        "created_at": cart.created_at,
        "updated_at": cart.updated_at,
        "order_id": UNSET if cart.order_id is None else cart.order_id,
    }


def cart_view(
    cart: Any, lines: Sequence[PricedCartLine], names: Mapping[UUID, str], as_of: datetime
) -> CartView:
    """Show a cart with its lines and totals."""
    amounts = [line.amount for line in lines if line.amount is not None]
    return CartView(
        **_fields(cart, len(lines)),
        as_of=as_of,
        lines=[_line_view(line, cart.currency) for line in lines],
        totals=_totals(lines, names, cart.currency),
        total=MoneyView.of(total(amounts, cart.currency)),
        can_be_ordered=(cart.state == CartState.OPEN.value and 0 < len(lines) == len(amounts)),
    )


def _totals(
    lines: Sequence[PricedCartLine], names: Mapping[UUID, str], currency: str
) -> list[CartTotalView]:
    by_supplier: dict[UUID, list[Money | None]] = {}
    for line in lines:
        by_supplier.setdefault(line.line.supplier_id, []).append(line.amount)
    totals = []
    for supplier_id, amounts in by_supplier.items():
        priced = [amount for amount in amounts if amount is not None]
        totals.append(
            CartTotalView(
                supplier_id=supplier_id,
                supplier_name=names.get(supplier_id, ""),
                total=MoneyView.of(total(priced, currency)),
                priced_lines=len(priced),
                unpriced_lines=len(amounts) - len(priced),
            )
        )
    return totals


def _line_view(priced: PricedCartLine, currency: str) -> CartLineView:
    line, answer, offer = priced.line, priced.answer, priced.found.offer
    name = offer.name if offer is not None else priced.found.agreed_text
    view = CartLineView(
        id=line.id,
        supplier_id=line.supplier_id,
        sku=line.sku,
        quantity=shown_quantity(line.quantity),
        unit=line.unit,
        name=name or UNSET,
        requested_on=line.requested_on,
        cost_centre=line.cost_centre,
        added_at=line.added_at,
        availability=priced.availability or unknown(),
        quote_id=line.quote_id or UNSET,
        change=_change(line, answer, currency) or UNSET,
        advice=_advice(line, answer, priced.found.terms) or UNSET,
    )
    if isinstance(answer, Unpriced):
        view.no_price = no_price_view(answer, explain=False)
    else:
        view.price = price_view(answer, explain=False)
    return view


def shown_before(line: Any) -> tuple[Decimal, Decimal] | None:
    """Give the price (amount, basis) that stood there when the line was put in."""
    return None if line.shown_amount is None else (line.shown_amount, line.shown_basis)


def _change(line: Any, answer: Price | Unpriced, currency: str) -> PriceChangeView | None:
    shown, now = shown_before(line), None
    if not isinstance(answer, Unpriced):
        now = StatedPrice(*stated(answer), Money(answer.line_amount, currency))
    change = change_of(shown, now)
    if change is None:
        return None
    view = PriceChangeView(kind=change.value)
    if shown is not None:
        view.amount_before, view.basis_before = plain_decimal(shown[0]), plain_decimal(shown[1])
        if now is not None:
            before = Money(amount_at(line.quantity, shown, currency), currency)
            view.difference = MoneyView.of(now.line_amount - before)
    return view


def _advice(
    line: Any, answer: Price | Unpriced, terms: OfferTerms | None
) -> QuantityAdviceView | None:
    """Tell the bounds of a quantity where it breaks one, and what the next tier would bring."""
    advice = QuantityAdviceView()
    if isinstance(answer, Unpriced):
        if answer.reason not in CURABLE:
            return None
        if terms is None:
            return None
        least = answer.minimum_quantity
        if least is not None and least > terms.minimum_quantity:
            terms = msgspec.structs.replace(terms, minimum_quantity=least)
        quantity = advised_quantity(line.quantity, line.unit, terms)
        advice.minimum_quantity = plain_decimal(terms.minimum_quantity)
        advice.multiple = UNSET if terms.multiple is None else plain_decimal(terms.multiple)
        if terms.maximum_quantity is not None:
            advice.maximum_quantity = plain_decimal(terms.maximum_quantity)
        advice.quantity = UNSET if quantity is None else plain_decimal(quantity)
        return advice
    step = answer.next_step
    if step is None:
        return None
    advice.next_tier = NextTierView(
        minimum_quantity=plain_decimal(step.tier.minimum_quantity),
        amount=plain_decimal(step.tier.amount),
        basis=plain_decimal(step.candidate.ladder.basis),
    )
    return advice
