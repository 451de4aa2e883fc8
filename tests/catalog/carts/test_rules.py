from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.carts.rules import Change, advised_quantity, amount_at, change_of
from catalog.products.rules import OfferTerms, quantity_error, smallest_order
from marketplace.kernel.money import Money
from marketplace.orders.rules import Price


def terms(
    minimum: str = "1", multiple: str | None = None, maximum: str | None = None, unit: str = "C62"
) -> OfferTerms:
    return OfferTerms(
        unit=unit,
        content=Fraction(1),
        content_unit=unit,
        minimum_quantity=Decimal(minimum),
        multiple=None if multiple is None else Decimal(multiple),
        maximum_quantity=None if maximum is None else Decimal(maximum),
    )


def price(amount: str, basis: str = "1") -> Price:
    return Price(Decimal(amount), Decimal(basis), Money(Decimal(amount), "EUR"))


@pytest.mark.parametrize(
    ("shown", "now", "change"),
    [
        (("1", "1"), price("1"), None),
        (("100", "100"), price("1"), None),
        (("1", "1"), price("1.01"), Change.ROSE),
        (("1", "1"), price("99", "100"), Change.FELL),
        (("1", "1"), None, Change.GONE),
        (None, price("1"), Change.NEW),
        (None, None, None),
    ],
)
def test_a_line_tells_what_became_of_its_price(
    shown: tuple[str, str] | None, now: Price | None, change: Change | None
) -> None:
    before = None if shown is None else (Decimal(shown[0]), Decimal(shown[1]))
    assert change_of(before, now) is change


def test_a_line_at_the_price_shown_is_rounded_once() -> None:
    assert amount_at(Decimal(3), (Decimal("0.0035"), Decimal(1)), "EUR") == Decimal("0.01")


@pytest.mark.parametrize(
    ("quantity", "of", "advised"),
    [
        ("1", terms("10"), "10"),
        ("7", terms("1", "5"), "10"),
        ("3", terms("10", "4"), "12"),
        ("99", terms("1", "5", "52"), "50"),
        ("99", terms("1", None, "52"), "52"),
        ("10", terms("10"), None),
        ("1.5", terms("1"), "2"),
    ],
)
def test_the_nearest_quantity_that_can_be_ordered_is_advised(
    quantity: str, of: OfferTerms, advised: str | None
) -> None:
    told = advised_quantity(Decimal(quantity), "C62", of)
    assert told == (None if advised is None else Decimal(advised))


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 60),
)
def test_what_is_advised_can_be_ordered(
    quantity: int, minimum: int, multiple: int | None, maximum: int | None
) -> None:
    offer = terms(
        str(minimum),
        None if multiple is None else str(multiple),
        None if maximum is None else str(maximum),
    )
    if offer.maximum_quantity is not None and offer.maximum_quantity < smallest_order(offer):
        return
    advised = advised_quantity(Decimal(quantity), "C62", offer)
    if advised is None:
        assert quantity_error(Decimal(quantity), "C62", offer) is None
    else:
        assert quantity_error(advised, "C62", offer) is None
