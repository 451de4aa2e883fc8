from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.money import total
from marketplace.kernel.units import decimals_allowed, places
from rfq.rules import awarding, division
from rfq.rules.award import Breakdown
from rfq.rules.awarding import Awarding, Division
from rfq.rules.criteria import Criterion, CriterionKind, Judging, Method
from rfq.rules.evaluation import PricedLine
from rfq.rules.publication import check_terms
from tests.rfq.rules.cases import PAPER, TONER, procedure

SIXTY_FORTY = (60, 40)
LEFT = {PAPER.id: PAPER.quantity, TONER.id: TONER.quantity}


def offer(paper: str, toner: str) -> Breakdown:
    lines = (
        PricedLine(PAPER, Decimal(paper), Decimal(1), "EUR"),
        PricedLine(TONER, Decimal(toner), Decimal(1), "EUR"),
    )
    return Breakdown(lines, total([line.amount for line in lines], "EUR"))


def quantities(part: Breakdown | None) -> list[str]:
    return [] if part is None else [str(line.line.quantity) for line in part.lines]


@pytest.mark.parametrize(
    ("quantity", "unit", "shares", "parts"),
    [
        ("100", "XBX", (60, 40), ["60", "40"]),
        # Exactly 1.8 and 1.2 pieces: the better rank has the larger remainder.
        ("3", "C62", (60, 40), ["2", "1"]),
        # Exactly half a piece each: equal remainders go to the better rank.
        ("1", "C62", (50, 50), ["1", "0"]),
        ("10", "C62", (34, 33, 33), ["4", "3", "3"]),
        ("0.000001", "KGM", (60, 40), ["0.000001", "0"]),
    ],
)
def test_a_quantity_split_that_leaves_a_remainder_gives_it_to_the_larger_part(
    quantity: str, unit: str, shares: tuple[int, ...], parts: list[str]
) -> None:
    made = division.split_quantity(Decimal(quantity), unit, shares)
    assert [Decimal(part) for part in parts] == list(made)


@settings(max_examples=60)
@given(
    steps=st.integers(1, 10**12),
    unit=st.sampled_from(["C62", "KGM", "MTR", "XBX"]),
    shares=st.lists(st.integers(1, 99), min_size=1, max_size=10),
)
def test_split_awards_leave_no_remainder(steps: int, unit: str, shares: list[int]) -> None:
    step = Decimal(1).scaleb(-decimals_allowed(unit))
    parts = division.split_quantity(steps * step, unit, shares)
    assert sum(parts) == steps * step
    assert all(part >= 0 and places(part) <= decimals_allowed(unit) for part in parts)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * sum(shares) - steps * step * share) < step * sum(shares)


def test_by_shares_each_winner_delivers_his_part_at_his_own_price() -> None:
    made = division.by_shares([offer("2.90", "95"), offer("3.10", "90")], LEFT, SIXTY_FORTY)
    assert [quantities(part) for part in made] == [["60", "2"], ["40", "1"]]
    assert [part and part.total.amount for part in made] == [Decimal(364), Decimal(214)]


def test_with_fewer_offers_than_shares_theirs_grow_and_nothing_is_left() -> None:
    alone = division.by_shares([offer("2.90", "95")], LEFT, SIXTY_FORTY)
    assert [quantities(part) for part in alone] == [["100", "3"]]


def test_who_gets_nothing_of_any_line_wins_nothing() -> None:
    one = {TONER.id: Decimal(1)}
    made = division.by_shares([offer("1", "1"), offer("2", "2")], one, (90, 10))
    assert [quantities(part) for part in made] == [["1"], []]


def by_lines(offers: list[Breakdown], *divisors: str) -> list[Breakdown | None]:
    given = [Fraction(divisor) for divisor in divisors] or [Fraction(1) for _ in offers]
    best = {
        line_id: division.best_in(division.line_offers(offers, given, line_id)) for line_id in LEFT
    }
    return division.by_lines(offers, LEFT, best)


def test_by_line_each_goes_to_its_cheapest_and_equal_prices_to_the_better_rank() -> None:
    made = by_lines([offer("3", "95"), offer("2.90", "95")])
    assert [quantities(part) for part in made] == [["3"], ["100"]]
    assert by_lines([offer("1", "1"), offer("2", "2")])[1] is None


def test_by_line_a_better_offer_wins_at_a_price_that_is_dearer_by_less_than_it_is_better() -> None:
    # Worth a quarter more: 3.60 compares as 2.88, 120 as 96.
    made = by_lines([offer("3.60", "120"), offer("2.90", "95")], "5/4", "1")
    assert [quantities(part) for part in made] == [["100"], ["3"]]
    # 3.625 / 1.25 is 2.90: equal ones go to the better rank.
    made = by_lines([offer("2.90", "95"), offer("3.625", "120")], "1", "5/4")
    assert [quantities(part) for part in made] == [["100", "3"], []]


def test_prices_are_compared_per_unit_whatever_they_are_for() -> None:
    per_hundred = offer("100", "1")
    first, *rest = per_hundred.lines
    cheap = replace(per_hundred, lines=(replace(first, basis=Decimal(100)), *rest))
    ones = [Fraction(1), Fraction(1)]
    assert division.best_in(division.line_offers([offer("1.01", "1"), cheap], ones, PAPER.id)) == 1


def test_points_for_a_total_are_not_published_where_lines_are_awarded_apart() -> None:
    price = Criterion(
        id=UUID(int=1),
        kind=CriterionKind.PRICE,
        title="Price",
        weight=Decimal(100),
        reference=Decimal(1000),
    )
    asked = replace(
        procedure(),
        awarding=Awarding(Division.LINES),
        judging=Judging(method=Method.POINTS, criteria=(price,)),
    )
    with pytest.raises(InvalidInput) as refusal:
        check_terms(asked)
    assert refusal.value.errors[0].code == "points_by_line"
    check_terms(replace(asked, awarding=Awarding()))


def test_what_stands_is_not_awarded_again() -> None:
    standing = [{PAPER.id: Decimal(40)}, {PAPER.id: Decimal(60), TONER.id: Decimal(1)}]
    assert division.left_open(LEFT, standing) == {TONER.id: Decimal(2)}


def test_all_of_it_is_the_offer_as_it_was() -> None:
    made = offer("2.90", "95")
    assert division.whole(made, LEFT) is made


def test_another_order_than_the_rankings_needs_a_reason() -> None:
    first, second = UUID(int=1), UUID(int=2)
    division.check_order([first], [first, second], "")
    division.check_order([second], [first, second], "Delivers sooner.")
    with pytest.raises(InvalidInput) as refusal:
        division.check_order([second], [first, second], "  ")
    assert refusal.value.errors[0].pointer == "/reason"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Awarding(Division.SHARES, (60, 41)), "not_hundred"),
        (Awarding(Division.SHARES, (100,)), "count"),
        (Awarding(Division.SHARES, (40, 60)), "not_descending"),
        (Awarding(Division.LOT, (60, 40)), "not_divided"),
        (Awarding(standstill_days=61), "out_of_range"),
        (Awarding(time_zone="Mars/Olympus"), "unknown_time_zone"),
    ],
)
def test_terms_of_award_that_do_not_fit_are_not_published(terms: Awarding, code: str) -> None:
    assert code in {error.code for error in awarding.errors_of(terms)}
    with pytest.raises(InvalidInput):
        check_terms(replace(procedure(), awarding=terms))
