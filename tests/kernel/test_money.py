"""Amounts: rounding, currencies, sums and splits."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.money import (
    CURRENCIES,
    Money,
    allocate,
    currency_digits,
    exact_line_amount,
    line_amount,
    rounded,
    total,
)

BY_DIGITS = {0: "JPY", 2: "EUR", 3: "KWD", 4: "CLF"}
currencies = st.sampled_from(sorted(BY_DIGITS.values()))
amounts = st.decimals(
    min_value=Decimal(-(10**17)), max_value=Decimal(10**17), places=6, allow_nan=False
)
quantities = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(10**12), places=6)


@pytest.mark.parametrize(("digits", "currency"), BY_DIGITS.items())
def test_currencies_have_no_two_three_or_four_digits(digits: int, currency: str) -> None:
    assert currency_digits(currency) == digits


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "XAU", "DEM", "BGN", "HRK"])
def test_an_unknown_or_withdrawn_currency_is_refused(currency: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        currency_digits(currency, "/limit/currency")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/limit/currency", "unknown_currency")


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.0049999999", "EUR", "0.00"),
        ("2.675", "EUR", "2.68"),  # binary floats make 2.67 of it
        ("1.005", "EUR", "1.01"),
        ("-0.005", "EUR", "-0.01"),  # half up means away from zero, as tax offices count
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),  # not to the even neighbour
        ("0.0005", "KWD", "0.001"),
        ("0.00005", "CLF", "0.0001"),
        ("12", "EUR", "12.00"),
        ("99999999999999999999.995", "EUR", "100000000000000000000.00"),
    ],
)
def test_amounts_are_rounded_half_up(amount: str, currency: str, expected: str) -> None:
    assert str(rounded(Decimal(amount), currency)) == expected
    assert Money(Decimal(amount), currency).rounded() == Money(Decimal(expected), currency)


@given(amounts, currencies)
def test_rounding_moves_by_half_a_step_at_most_and_only_once(amount: Decimal, cur: str) -> None:
    once = rounded(amount, cur)
    step = Fraction(1, 10 ** currency_digits(cur))
    assert abs(Fraction(once) - Fraction(amount)) <= step / 2
    assert Fraction(once) % step == 0
    assert rounded(once, cur) == once


@given(quantities, quantities, st.sampled_from([1, 10, 100, 1000]), currencies)
def test_a_line_is_rounded_once_from_the_exact_product(
    quantity: Decimal, unit_amount: Decimal, basis: int, currency: str
) -> None:
    exact = Fraction(quantity) * Fraction(unit_amount) / basis
    assert Fraction(exact_line_amount(quantity, unit_amount, Decimal(basis))) == exact
    scale = 10 ** currency_digits(currency)
    half_up = (exact * scale + Fraction(1, 2)).__floor__()
    line = line_amount(quantity, unit_amount, Decimal(basis), currency)
    assert Fraction(line.amount) == Fraction(half_up, scale)
    assert line.currency == currency


def test_a_price_basis_of_three_does_not_round_twice() -> None:
    # 0.014999…97 rounds down; a quotient first rounded to 0.015 would round up.
    quantity = Decimal("0.044999999999")
    assert line_amount(quantity, Decimal(1), Decimal(3), "EUR").amount == Decimal("0.01")


def test_two_currencies_never_meet() -> None:
    euros, dollars = Money(Decimal(1), "EUR"), Money(Decimal(1), "USD")
    for meeting in (
        lambda: euros + dollars,
        lambda: euros - dollars,
        lambda: euros < dollars,
        lambda: euros <= dollars,
        lambda: euros > dollars,
        lambda: total([euros, dollars], "EUR"),
    ):
        with pytest.raises(InvalidInput, match="cannot be reckoned together"):
            meeting()


def test_the_sum_of_nothing_is_zero_in_the_currency_s_digits() -> None:
    assert str(total([], "KWD").amount) == "0.000"
    assert str(Money.zero("JPY").amount) == "0"


@given(st.lists(amounts, max_size=20), currencies)
def test_sums_are_exact(parts: list[Decimal], currency: str) -> None:
    found = total([Money(part, currency) for part in parts], currency)
    assert Fraction(found.amount) == sum(map(Fraction, parts))


@given(st.integers(-(10**40), 10**40))
def test_a_negated_amount_keeps_all_its_digits(cents: int) -> None:
    amount = Money(Decimal(f"{cents}E-2"), "EUR")
    assert Fraction((-amount).amount) == Fraction(-cents, 100)
    assert amount + -amount == Money(Decimal(0), "EUR")


def test_amounts_compare_by_value() -> None:
    assert Money(Decimal("1.0"), "EUR") == Money(Decimal("1.00"), "EUR")
    assert Money(Decimal(1), "EUR") < Money(Decimal(2), "EUR")
    assert Money(Decimal(2), "EUR") >= Money(Decimal(2), "EUR")


@given(
    st.integers(-(10**14), 10**14),
    currencies,
    st.lists(st.decimals(min_value=0, max_value=10**9, places=4), min_size=1, max_size=30),
)
def test_parts_sum_to_the_whole_and_stay_within_a_step_of_their_share(
    units: int, currency: str, weights: list[Decimal]
) -> None:
    whole = Money(Decimal(units).scaleb(-currency_digits(currency)), currency)
    weight_sum = sum(map(Fraction, weights))
    if not weight_sum:
        return
    parts = allocate(whole, weights)
    assert sum(Fraction(part.amount) for part in parts) == Fraction(whole.amount)
    step = Fraction(1, 10 ** currency_digits(currency))
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(whole.amount) * Fraction(weight) / weight_sum
        assert abs(Fraction(part.amount) - share) < step
        assert rounded(part.amount, currency) == part.amount


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        ("10.00", "1 1 1", "3.34 3.33 3.33"),
        ("0.05", "1 1", "0.03 0.02"),
        ("-0.05", "1 1", "-0.03 -0.02"),
        ("0.02", "1 1 1", "0.01 0.01 0.00"),
        ("0.02", "4 1 1", "0.02 0.00 0.00"),  # three equal remainders of different quotients
        ("0.08", "7 2 2 1", "0.05 0.01 0.01 0.01"),  # 4.67, 1.33, 1.33, 0.67
        ("100.00", "0 1", "0.00 100.00"),
        ("0.00", "1 2", "0.00 0.00"),
    ],
)
def test_what_is_left_goes_to_the_largest_remainders_then_to_the_earlier_part(
    amount: str, weights: str, expected: str
) -> None:
    parts = allocate(Money(Decimal(amount), "EUR"), [Decimal(w) for w in weights.split()])
    assert [part.amount for part in parts] == [Decimal(part) for part in expected.split()]


@pytest.mark.parametrize("weights", [[], [Decimal(0)], [Decimal(2), Decimal(-1)]])
def test_weights_that_share_nothing_are_refused(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(Money(Decimal(1), "EUR"), weights)


def test_an_amount_finer_than_its_currency_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="rounded"):
        allocate(Money(Decimal("0.005"), "EUR"), [Decimal(1)])


def test_every_currency_has_digits() -> None:
    assert {currency_digits(currency) for currency in CURRENCIES} == {0, 2, 3, 4}
