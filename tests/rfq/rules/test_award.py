from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.money import Money, total
from marketplace.kernel.units import places
from rfq.rules import award as rules
from rfq.rules.award import Breakdown
from rfq.rules.evaluation import PricedLine
from tests.rfq.rules.cases import priced


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def numbered(*lines: PricedLine) -> list[PricedLine]:
    return [replace(line, line=replace(line.line, id=UUID(int=i))) for i, line in enumerate(lines)]


def prices(made: Breakdown) -> list[str]:
    return [str(line.unit_amount) for line in made.lines]


def amounts(made: Breakdown) -> list[str]:
    return [str(line.amount.amount) for line in made.lines]


def test_without_a_lower_total_the_prices_stay_as_offered() -> None:
    lines = numbered(priced("3", "0.335"), priced("7", "1.1"))
    made = rules.scaled(lines, eur("8.71"))
    assert made.lines == tuple(lines)


@pytest.mark.parametrize(
    ("lines", "final", "expected"),
    [
        # 1,000 → 900: every price falls by a tenth.
        ([("100", "8"), ("10", "20")], "900", ["7.200000", "18.000000"]),
        # 100 → 97: six places, half up; no remainder to place.
        ([("3", "10"), ("7", "10")], "97", ["9.700000", "9.700000"]),
        # 10 → 9.99 over thirds: 3.330000 each, exact.
        ([("1", "3.33"), ("1", "3.33"), ("1", "3.34")], "9.99", None),
        # 20 → 10.01: both halves round up to 5.01; the first gives the cent back.
        ([("1", "10"), ("1", "10")], "10.01", ["5.000000", "5.005000"]),
    ],
)
def test_unit_prices_scale_to_six_places(
    lines: list[tuple[str, str]], final: str, expected: list[str] | None
) -> None:
    made = rules.scaled(numbered(*(priced(*line) for line in lines)), eur(final))
    assert total([line.amount for line in made.lines], "EUR") == eur(final)
    if expected is not None:
        assert prices(made) == expected


def test_the_remainder_goes_into_the_line_with_the_largest_amount() -> None:
    # 4.00 → 3.02: 0.755 twice and 1.51 come to 0.76 + 0.76 + 1.51 = 3.03, a cent too much.
    lines = numbered(priced("1", "1"), priced("1", "2"), priced("1", "1"))
    made = rules.scaled(lines, eur("3.02"))
    assert prices(made) == ["0.755000", "1.500000", "0.755000"]
    assert amounts(made) == ["0.76", "1.50", "0.76"]


def test_a_quantity_too_large_for_six_places_gets_a_larger_basis() -> None:
    # 30,000,000 pieces: one step of the sixth place is 30 euros.
    lines = numbered(priced("30000000", "0.010000"))
    made = rules.scaled(lines, eur("299999.99"))
    assert amounts(made) == ["299999.99"]
    assert made.lines[0].basis > 1


def test_currencies_without_decimals_are_settled_in_whole_units() -> None:
    lines = numbered(priced("7", "100", currency="JPY"), priced("3", "33", currency="JPY"))
    made = rules.scaled(lines, Money(Decimal(701), "JPY"))
    assert sum(line.amount.amount for line in made.lines) == 701


@pytest.mark.parametrize("final", ["0", "-1", "9.999"])
def test_a_total_nobody_could_pay_is_refused(final: str) -> None:
    with pytest.raises(InvalidInput):
        rules.scaled(numbered(priced("1", "10")), eur(final))


def test_a_total_in_another_currency_is_refused() -> None:
    with pytest.raises(InvalidInput):
        rules.scaled(numbered(priced("1", "10")), Money(Decimal(9), "USD"))


LINES = st.lists(
    st.builds(
        priced,
        st.decimals("0.001", "100000000", places=3).map(str),
        st.decimals("0.000001", "100000", places=6).map(str),
        st.sampled_from(["1", "100", "1000"]),
    ),
    min_size=1,
    max_size=6,
).map(lambda lines: numbered(*lines))
SHARES = st.decimals("0.001", "1", places=6)


def final_of(lines: list[PricedLine], share: Decimal) -> Money:
    final = total([line.amount for line in lines], "EUR").times(share).rounded()
    assume(final.amount > 0)
    return final


@given(LINES, SHARES)
def test_nothing_is_left_over(lines: list[PricedLine], share: Decimal) -> None:
    final = final_of(lines, share)
    made = rules.scaled(lines, final)
    assert total([line.amount for line in made.lines], "EUR") == final == made.total


@given(LINES, SHARES)
def test_awarded_prices_are_positive_with_six_places_and_of_the_same_lines(
    lines: list[PricedLine], share: Decimal
) -> None:
    made = rules.scaled(lines, final_of(lines, share))
    assert [line.line for line in made.lines] == [line.line for line in lines]
    assert all(line.unit_amount > 0 and places(line.unit_amount) <= 6 for line in made.lines)


MODERATE_LINES = st.lists(
    st.builds(
        priced,
        st.decimals("1", "4000", places=3).map(str),
        st.decimals("2", "1000", places=6).map(str),
    ),
    min_size=1,
    max_size=6,
).map(lambda lines: numbered(*lines))


@given(MODERATE_LINES, st.decimals("0.5", "1", places=6))
def test_all_prices_but_one_are_opening_times_final_over_opening(
    lines: list[PricedLine], share: Decimal
) -> None:
    """Where quantities are moderate, so that a cent can be expressed in six places."""
    final, opening = final_of(lines, share), total([line.amount for line in lines], "EUR")
    made = rules.scaled(lines, final)
    changed = 0
    for line, got in zip(lines, made.lines, strict=True):
        exact = line.unit_amount * final.amount / opening.amount
        changed += got.unit_amount != exact.quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert got.basis == line.basis
    assert changed <= 1


def test_a_bidder_may_send_his_own_breakdown_of_the_same_total() -> None:
    lines = numbered(priced("10", "8"), priced("10", "2"))
    own = {UUID(int=0): Decimal(5), UUID(int=1): Decimal(4)}
    assert amounts(rules.own_breakdown(lines, own, eur("90"))) == ["50.00", "40.00"]


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({0: "5", 1: "4.01"}, "other_total"),
        ({0: "9"}, "line_missing"),
        ({0: "5", 1: "4", 2: "1"}, "unknown_line"),
        ({0: "10", 1: "-1"}, "not_positive"),
        ({0: "5.0000001", 1: "4"}, "too_many_decimals"),
        ({0: "NaN", 1: "4"}, "not_positive"),
    ],
)
def test_a_breakdown_that_is_not_the_same_total_is_refused(own: dict[int, str], code: str) -> None:
    lines = numbered(priced("10", "8"), priced("10", "2"))
    with pytest.raises(InvalidInput) as refusal:
        rules.own_breakdown(
            lines, {UUID(int=i): Decimal(amount) for i, amount in own.items()}, eur("90")
        )
    assert code in {error.code for error in refusal.value.errors}


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 2_000_000)), min_size=1, max_size=12),
    st.integers(1, 400),
)
def test_under_a_framework_no_line_gets_dearer_whatever_is_left_to_place(
    asked: list[tuple[int, int]], cents: int
) -> None:
    lines = numbered(*(priced(str(n), str(Decimal(price).scaleb(-5))) for n, price in asked))
    opening = total([line.amount for line in lines], "EUR")
    final = Money(opening.amount - Decimal(cents).scaleb(-2), "EUR")
    assume(final.amount > 0)
    made = rules.scaled(lines, final, never_above=True)
    assert total([line.amount for line in made.lines], "EUR") == final
    for line, was in zip(made.lines, lines, strict=True):
        assert line.unit_amount * was.basis <= was.unit_amount * line.basis


def test_without_that_bound_the_remainder_can_make_a_line_dearer() -> None:
    # Ninety lines of 0.01005 lose half a cent each, which the large one would have to take.
    lines = numbered(priced("1", "5"), *(priced("1", "0.015") for _ in range(90)))
    final = eur(str(total([line.amount for line in lines], "EUR").amount - Decimal("0.01")))
    assert rules.scaled(lines, final).lines[0].unit_amount > 5
    bound = rules.scaled(lines, final, never_above=True)
    assert bound.lines[0].unit_amount <= 5
    assert total([line.amount for line in bound.lines], "EUR") == final
    with pytest.raises(InvalidInput):
        rules.scaled(lines, eur("100"), never_above=True)
