"""What holds of carts; pure."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from catalog.products.rules import OfferTerms, quantity_error, smallest_order
from marketplace.kernel.money import EXACT, exact_line_amount, rounded
from marketplace.kernel.states import StateMachine, transition
from marketplace.orders.rules import Price, is_higher


class CartState(StrEnum):
    """A cart is open until it is an order."""

    OPEN = "open"
    ORDERED = "ordered"


CART: Final = StateMachine[CartState, str](
    "cart",
    [
        transition("change", CartState.OPEN, CartState.OPEN),
        transition("order", CartState.OPEN, CartState.ORDERED),
    ],
)

CURABLE: Final = frozenset(
    {"below_minimum_quantity", "not_a_multiple", "above_maximum_quantity", "too_many_decimals"}
)
"""Reasons for no price that another quantity ends; every other one ends the line."""


class Change(StrEnum):
    """What became of a line's price since it was put into the cart."""

    ROSE = "price_rose"
    FELL = "price_fell"
    GONE = "no_longer_priced"
    NEW = "newly_priced"


def change_of(shown: tuple[Decimal, Decimal] | None, now: Price | None) -> Change | None:
    """Compare (amount, basis) as shown with the price of now; None where nothing changed."""
    if shown is None:
        return None if now is None else Change.NEW
    if now is None:
        return Change.GONE
    before = Price(*shown, now.line_amount)
    if is_higher(now, before):
        return Change.ROSE
    return Change.FELL if is_higher(before, now) else None


def amount_at(quantity: Decimal, shown: tuple[Decimal, Decimal], currency: str) -> Decimal:
    """Give what a line would cost at a price that was shown."""
    return rounded(exact_line_amount(quantity, *shown), currency)


def advised_quantity(quantity: Decimal, unit: str, terms: OfferTerms) -> Decimal | None:
    """Give the nearest quantity the offer takes, upwards if there is one; None if this one is."""
    if unit != terms.unit or quantity_error(quantity, unit, terms) is None:
        return None
    least = smallest_order(terms)
    advised = max(quantity, least)
    if terms.multiple is not None or quantity % 1:
        step = terms.multiple or Decimal(1)
        steps, rest = divmod(advised, step)
        advised = (steps + (rest > 0)) * step
    if terms.maximum_quantity is not None and advised > terms.maximum_quantity:
        advised = terms.maximum_quantity
        if terms.multiple is not None:
            advised = EXACT.multiply(advised // terms.multiple, terms.multiple)
    fits = advised > 0 and quantity_error(advised, unit, terms) is None
    return advised if fits else None
