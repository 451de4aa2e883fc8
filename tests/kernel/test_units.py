"""Units, quantities and declared conversions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.units import (
    COUNTED,
    MEASURED,
    PACKAGES,
    UNITS,
    Conversion,
    Quantity,
    check_unit,
    known_conversion,
    places,
)


def test_a_unit_is_counted_measured_or_a_package_and_only_one_of_them() -> None:
    assert len(COUNTED) + len(MEASURED) + len(PACKAGES) == len(UNITS)
    assert all(code.startswith("X") for code in PACKAGES)


@pytest.mark.parametrize("unit", ["C62", "EA", "KGM", "MTR", "XBX", "XCT"])
def test_units_of_trade_are_known(unit: str) -> None:
    assert check_unit(unit) == unit


@pytest.mark.parametrize("unit", ["", "kgm", "PCE", "pieces", "BX", "CTN", "05", "C62 "])
def test_a_withdrawn_or_unknown_unit_is_refused_with_its_place(unit: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_unit(unit, "/lines/3/unit")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/lines/3/unit", "unknown_unit")


@pytest.mark.parametrize(
    ("value", "unit", "code"),
    [
        ("0", "C62", "not_positive"),
        ("-1", "KGM", "not_positive"),
        ("NaN", "KGM", "not_positive"),
        ("Infinity", "C62", "not_positive"),
        ("1.5", "C62", "too_many_decimals"),
        ("1.5", "XBX", "too_many_decimals"),
        ("1.0000001", "KGM", "too_many_decimals"),
        ("1234567890123456789012345678901.5", "EA", "too_many_decimals"),
    ],
)
def test_a_quantity_that_breaks_its_unit_is_refused(value: str, unit: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Quantity.checked(Decimal(value), unit, "/lines/0")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/lines/0/quantity", code)


@pytest.mark.parametrize(
    ("value", "unit"),
    [("1", "C62"), ("1.0", "C62"), ("3E+2", "EA"), ("0.000001", "KGM"), ("1.500000", "MTR")],
)
def test_trailing_zeros_are_no_decimals(value: str, unit: str) -> None:
    assert Quantity.checked(Decimal(value), unit) == Quantity(Decimal(value), unit)


@given(st.integers(-(10**40), 10**40), st.integers(0, 12))
def test_places_are_those_that_matter(digits: int, scale: int) -> None:
    value = Decimal(f"{digits}E-{scale}")
    found = places(value)
    assert (Fraction(value) * 10**found).denominator == 1
    assert found == 0 or (Fraction(value) * 10 ** (found - 1)).denominator != 1


@given(
    st.decimals(min_value=Decimal("0.000001"), max_value=10**12, places=6),
    st.fractions(min_value=Fraction(1, 10**6), max_value=10**6, max_denominator=10**6),
)
def test_a_conversion_is_exact_or_refused(quantity: Decimal, factor: Fraction) -> None:
    exact = Fraction(quantity) * factor
    try:
        result = Conversion("XBX", "C62", factor).convert(quantity)
    except InvalidInput:
        rest = exact.denominator
        for prime in (2, 5):
            while rest % prime == 0:
                rest //= prime
        assert rest != 1
    else:
        assert Fraction(result) == exact


def test_a_third_of_a_box_is_no_exact_number_of_pieces() -> None:
    assert Conversion("XBX", "C62", Fraction(12)).convert(Decimal("0.5")) == 6
    with pytest.raises(InvalidInput, match="no exact number"):
        Conversion("C62", "XBX", Fraction(1, 12)).convert(Decimal(1))


@pytest.mark.parametrize(
    ("quantity", "from_unit", "to_unit", "converted"),
    [
        ("0.5", "INH", "MMT", "12.7"),
        ("2.5", "MTR", "MMT", "2500"),
        ("1", "LBR", "GRM", "453.59237"),
        ("1", "BAR", "PAL", "100000"),
        ("3", "KWH", "KJO", "10800"),
    ],
)
def test_units_of_measure_convert_as_they_are_defined(
    quantity: str, from_unit: str, to_unit: str, converted: str
) -> None:
    factor = known_conversion(from_unit, to_unit)
    assert factor is not None
    assert factor.convert(Decimal(quantity)) == Decimal(converted)


@pytest.mark.parametrize(("from_unit", "to_unit"), [("XBX", "C62"), ("MTR", "KGM"), ("C62", "DZN")])
def test_units_that_nobody_defined_a_factor_between_do_not_convert(
    from_unit: str, to_unit: str
) -> None:
    assert known_conversion(from_unit, to_unit) is None
