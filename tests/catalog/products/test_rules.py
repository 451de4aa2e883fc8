"""Quantities an offer takes, and article numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest

from catalog.products.rules import (
    OfferTerms,
    check_offer_terms,
    checked_gtin,
    maker_key,
    quantity_error,
    smallest_order,
)
from marketplace.kernel.errors import InvalidInput


def terms(minimum: str = "1", multiple: str | None = None, most: str | None = None) -> OfferTerms:
    return OfferTerms(
        unit="C62",
        content=Fraction(1),
        content_unit="C62",
        minimum_quantity=Decimal(minimum),
        multiple=Decimal(multiple) if multiple else None,
        maximum_quantity=Decimal(most) if most else None,
    )


@pytest.mark.parametrize(
    ("quantity", "unit", "code"),
    [
        ("4", "C62", "below_minimum_quantity"),
        ("5", "C62", None),
        ("6", "C62", "not_a_multiple"),
        ("100", "C62", None),
        ("105", "C62", "above_maximum_quantity"),
        ("5.5", "C62", "too_many_decimals"),
        ("1", "XBX", None),  # 144 is not 12 × 12: other units have no declared terms
        ("1.5", "XBX", "too_many_decimals"),
    ],
)
def test_a_quantity_meets_minimum_multiple_and_maximum(
    quantity: str, unit: str, code: str | None
) -> None:
    error = quantity_error(Decimal(quantity), unit, terms("5", "5", "100"))
    assert (error.code if error else None) == code


@pytest.mark.parametrize(
    ("minimum", "multiple", "smallest"), [("1", None, 1), ("10", "3", 12), ("1", "6", 6)]
)
def test_the_smallest_order_meets_minimum_and_multiple(
    minimum: str, multiple: str | None, smallest: int
) -> None:
    assert smallest_order(terms(minimum, multiple)) == smallest


def test_a_maximum_below_the_smallest_order_is_refused() -> None:
    with pytest.raises(InvalidInput, match="smallest"):
        check_offer_terms(terms("10", "3", "11"))


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        ("4006381333931", "04006381333931"),
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
    ],
)
def test_gtins_of_any_length_are_one_number_space(number: str, stored: str) -> None:
    assert checked_gtin(number) == stored


@pytest.mark.parametrize("number", ["4006381333932", "123", "", "abc", "40063813339311234"])
def test_a_number_that_is_no_gtin_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput):
        checked_gtin(number)


def test_makers_are_compared_without_case_and_blanks() -> None:
    assert maker_key(" ACME  Corp ") == maker_key("acme corp") == "acmecorp"
