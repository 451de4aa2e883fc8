from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions.engine.checks import check_terms
from auctions.engine.decide import START_GRACE, schedule
from auctions.engine.events import Invitation
from auctions.engine.terms import (
    Decrement,
    Disclosure,
    Measure,
    Overtime,
    Step,
    check_amount,
)
from marketplace.kernel.errors import InvalidInput
from tests.auctions.engine.lots import (
    EARLY,
    LOT,
    MOMENT,
    START,
    TEN,
    against_leader,
    invitations,
    percent,
    terms,
)


def absolute(value: str) -> Step:
    return Step(Measure.ABSOLUTE, Decimal(value))


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"ceiling": Decimal(0)}, "/ceiling", "not_positive"),
        ({"ceiling": Decimal("10.001")}, "/ceiling", "too_many_decimals"),
        ({"decrement": Decrement(absolute("0"))}, "/decrement/step/value", "not_positive"),
        ({"decrement": Decrement(absolute("0.001"))}, "/decrement/step/value", "too_many_decimals"),
        ({"decrement": Decrement(absolute("1000"))}, "/decrement/step/value", "too_large"),
        ({"decrement": Decrement(percent("100"))}, "/decrement/step/value", "too_large"),
        (
            {"decrement": Decrement(percent("1.00001"))},
            "/decrement/step/value",
            "too_many_decimals",
        ),
        ({"decrement": Decrement(TEN, maximum=absolute("9"))}, "/decrement/maximum", "below_step"),
        ({"decrement": Decrement(TEN, maximum=percent("0.5"))}, "/decrement/maximum", "below_step"),
        ({"decrement": against_leader()}, "/decrement/reference", "tells_hidden_price"),
        ({"ends_at": START}, "/ends_at", "not_after_start"),
        ({"ends_at": START + timedelta(days=91)}, "/ends_at", "too_long"),
        ({"overtime": Overtime(0, 60, 1, 1, 60)}, "/overtime/window_s", "out_of_range"),
        ({"overtime": Overtime(60, 60, 0, 1, 60)}, "/overtime/lowest_rank", "out_of_range"),
    ],
)
def test_terms_that_do_not_fit_are_refused_with_the_place(
    changes: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_terms(terms(**changes), "/terms")
    assert (f"/terms{pointer}", code) in [(e.pointer, e.code) for e in refused.value.errors]


def test_every_mistake_in_the_terms_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_terms(terms(ceiling=Decimal(-1), ends_at=START))
    assert {e.pointer for e in refused.value.errors} >= {"/ceiling", "/ends_at"}


def test_terms_that_fit_pass() -> None:
    shown = terms(disclosure=Disclosure.BEST_PRICE, decrement=against_leader(maximum=percent("20")))
    assert check_terms(shown) is shown


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "not_positive"),
        ("-1", "not_positive"),
        ("1.001", "too_many_decimals"),
        ("NaN", "not_positive"),
    ],
)
def test_an_amount_that_can_never_be_a_bid_is_refused(amount: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_amount(Decimal(amount), "EUR")
    assert refused.value.errors[0].code == code


def test_an_amount_is_kept_in_the_currencys_digits() -> None:
    assert str(check_amount(Decimal("12.5"), "EUR")) == "12.50"
    assert str(check_amount(Decimal("12.0"), "JPY")) == "12"


@pytest.mark.parametrize(
    ("step", "reference", "highest", "lowest"),
    [
        (absolute("10.2"), "100.10", "89.90", "89.90"),
        (percent("1"), "99.99", "98.99", "99.00"),
        (percent("0.5"), "0.01", "0.00", "0.01"),
        (percent("33.3333"), "100.00", "66.66", "66.67"),
    ],
)
def test_a_steps_bounds_are_rounded_towards_acceptable(
    step: Step, reference: str, highest: str, lowest: str
) -> None:
    assert str(step.highest_below(Decimal(reference), 2)) == highest
    assert str(step.lowest_below(Decimal(reference), 2)) == lowest


@given(
    st.decimals(min_value="0.01", max_value="999999999999999.99", places=2),
    st.decimals(min_value="0.0001", max_value="99.9999", places=4),
)
def test_a_percentage_step_is_exact_before_it_is_rounded(
    reference: Decimal, per_cent: Decimal
) -> None:
    highest = percent(str(per_cent)).highest_below(reference, 2)
    hundred = 100
    assert highest * hundred <= reference * (hundred - per_cent)
    assert (highest + Decimal("0.01")) * hundred > reference * (hundred - per_cent)


def test_a_lot_cannot_be_scheduled_into_the_past() -> None:
    with pytest.raises(InvalidInput) as refused:
        schedule(LOT, terms(), invitations(), START + START_GRACE + MOMENT)
    assert refused.value.errors[0].pointer == "/starts_at"
    with pytest.raises(InvalidInput) as refused:
        schedule(LOT, terms(ends_at=START + MOMENT), invitations(), START + MOMENT)
    assert refused.value.errors[0].pointer == "/ends_at"


def test_a_start_of_a_moment_ago_is_now() -> None:
    assert schedule(LOT, terms(), invitations(), START + START_GRACE)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"bidder": invitations()[0].bidder}, "/participants/1/organization_id", "duplicate"),
        ({"alias": invitations()[0].alias}, "/participants/1/alias", "duplicate"),
        ({"opening": Decimal("1000.01")}, "/participants/1/opening_amount", "above_ceiling"),
        ({"opening": Decimal("0.001")}, "/participants/1/opening_amount", "too_many_decimals"),
    ],
)
def test_participants_that_do_not_fit_are_refused_with_the_place(
    change: dict[str, Any], pointer: str, code: str
) -> None:
    first, second, *_ = invitations()
    values = {name: getattr(second, name) for name in second.__struct_fields__} | change
    with pytest.raises(InvalidInput) as refused:
        schedule(LOT, terms(), [first, Invitation(**values)], EARLY)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [(pointer, code)]


def test_an_auction_needs_somebody_who_may_bid() -> None:
    with pytest.raises(InvalidInput):
        schedule(LOT, terms(), [], EARLY)
