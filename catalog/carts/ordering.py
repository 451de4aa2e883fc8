"""Checkout: a cart becomes an order, by the one way to order."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update

from catalog.carts.reading import lines_of_cart, locked_cart
from catalog.carts.rules import CART, CartState
from catalog.carts.schemas import CheckoutInput
from catalog.carts.tables import CartRow
from catalog.carts.views import shown_before
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, StaleVersion
from marketplace.kernel.events import Event
from marketplace.orders.pricing import price_requests
from marketplace.orders.schemas import OrderInput, OrderLineInput, OrderView
from marketplace.orders.service import submit_in
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_Expected = dict[UUID, tuple[str, str]]
_ONE: Final = "1"


@retries_conflicts
async def order_cart(
    platform: Platform,
    caller: Caller,
    cart_id: UUID,
    data: CheckoutInput,
    version: int,
    key: IdempotencyKey,
) -> OrderView:
    """Order what is in a cart; in the same transaction the cart becomes ``ordered``.

    Raises what submitting an order raises, its pointers counting the cart's lines; NotFound,
    StaleVersion, WrongState for a cart that is ordered; and Conflict with the difference where
    prices rose above those the member saw and did not accept.
    """
    caller.require("carts:write")
    caller.require("orders:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, OrderView)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        CART.after(CartState(cart.state), "order")
        if cart.version != version:
            raise StaleVersion(f"The cart is at version {cart.version}; read it again.")
        lines = await lines_of_cart(tx, cart_id)
        if not lines:
            raise Conflict("This cart is empty; there is nothing to order.")
        accepted = _accepted(data, lines)
        order_input = _order_input(cart, data, lines, accepted)
        requests = price_requests(order_input)
        order = await submit_in(platform, tx, caller, order_input, data.external, requests)
        _check_accepted(data, lines, accepted, order)
        await _mark_ordered(tx, cart, order)
        return await keep(tx, key, order)


def _accepted(data: CheckoutInput, lines: Sequence[Any]) -> _Expected:
    """Read the prices the member accepts, by line; raises InvalidInput for lines that are none."""
    known = {line.id for line in lines}
    accepted: _Expected = {}
    errors = []
    for place, given in enumerate(data.expected_prices):
        where = f"/expected_prices/{place}"
        if given.line_id not in known or given.line_id in accepted:
            detail = "There is no such line in this cart, or it stands here twice."
            errors.append(FieldError(f"{where}/line_id", "unknown_line", detail))
        if Decimal(given.basis) == 0:
            detail = "A price basis is above zero."
            errors.append(FieldError(f"{where}/basis", "not_positive", detail))
        accepted[given.line_id] = (given.amount, given.basis)
    if errors:
        raise InvalidInput("Some expected prices cannot be read.", errors=errors)
    return accepted


def _order_input(
    cart: Any, data: CheckoutInput, lines: Sequence[Any], accepted: _Expected
) -> OrderInput:
    ordered = []
    for line in lines:
        amount, basis = _expected(data, line, accepted)
        ordered.append(
            OrderLineInput(
                supplier_id=line.supplier_id,
                sku=line.sku,
                quantity=plain_decimal(line.quantity),
                unit=line.unit,
                expected_amount=amount,
                expected_basis=basis,
                requested_on=line.requested_on,
                cost_centre=line.cost_centre,
                quote_id=line.quote_id,
            )
        )
    return OrderInput(currency=cart.currency, lines=ordered, terms=data.terms, note=data.note)


def _expected(data: CheckoutInput, line: Any, accepted: _Expected) -> tuple[str | None, str]:
    """Give what the order may cost at most: accepted by line, by the total, or as it was shown."""
    if line.id in accepted:
        return accepted[line.id]
    shown = shown_before(line)
    if data.expected_total is not None or shown is None:
        return None, _ONE
    return plain_decimal(shown[0]), plain_decimal(shown[1])


def _check_accepted(
    data: CheckoutInput, lines: Sequence[Any], accepted: _Expected, order: OrderView
) -> None:
    """Refuse a total above the accepted one, and prices the member never saw."""
    if data.expected_total is not None:
        total, most = Decimal(order.total.amount), Decimal(data.expected_total)
        if total > most:
            more = f"{plain_decimal(total - most)} {order.total.currency}"
            detail = f"The order costs {order.total.amount} {order.total.currency}, {more} more."
            error = FieldError("/expected_total", "price_raised", detail)
            raise Conflict(detail, errors=(error,))
        return
    unseen = [
        FieldError(
            f"/lines/{place}",
            "price_not_seen",
            f"Line {place + 1} had no price when it was put in; it costs "
            f"{order.lines[place].line_amount.amount} {order.total.currency} now.",
        )
        for place, line in enumerate(lines)
        if shown_before(line) is None and line.id not in accepted
    ]
    if unseen:
        detail = "Accept these prices by expected_prices, or all of them by expected_total."
        raise Conflict(detail, errors=unseen)


async def _mark_ordered(tx: Transaction, cart: Any, order: OrderView) -> None:
    version: int = await tx.scalar(
        update(CartRow)
        .where(CartRow.id == cart.id)
        .values(
            state=CartState.ORDERED.value,
            order_id=order.id,
            version=CartRow.version + 1,
            updated_at=func.clock(),
        )
        .returning(CartRow.version)
    )
    payload = {"order_id": order.id, "unit_id": cart.unit_id}
    audience = frozenset({cart.company_id})
    tx.emit(Event("cart.ordered", "cart", cart.id, version, audience, payload))
    tx.record("cart.ordered", "cart", cart.id, after=payload)
