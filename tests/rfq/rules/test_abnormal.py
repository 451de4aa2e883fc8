from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, WrongState
from rfq.rules.abnormal import (
    EXPLANATION,
    ExplanationAction,
    ExplanationStatus,
    Flag,
    check_award,
    check_request,
    flagged,
)
from rfq.rules.procedure import LowOfferRule

RULE = LowOfferRule(below_mean=40, below_next=30)
FLAG = Flag("Low.")


def low(*amounts: str, rule: LowOfferRule = RULE) -> list[int]:
    totals = {UUID(int=number): Decimal(amount) for number, amount in enumerate(amounts)}
    return [bidder.int for bidder in flagged(totals, rule)]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        # 40 % below the mean of the others, 100: the boundary itself counts.
        (("60", "85", "115"), [0]),
        (("60.01", "85", "115"), []),
        (("59.99", "85", "115"), [0]),
        # 30 % below the next, 100.
        (("70", "100", "101"), [0]),
        (("70.01", "100", "101"), []),
        # A mean that is no decimal: (100 + 100 + 101) / 3 × 0.6 = 60.2 exactly.
        (("60.2", "86.01", "100", "114.99"), [0]),
        (("60.21", "86", "100", "115"), []),
        # Two low ones: neither hides the other from the mean of the rest.
        (("10", "11", "100", "100", "100"), [0, 1]),
        # One bid alone is compared with nothing, and equal ones are not below each other.
        (("1",), []),
        (("5", "5"), []),
        ((), []),
    ],
)
def test_an_offer_far_below_the_others_is_flagged_at_the_boundary_and_beyond(
    amounts: tuple[str, ...], expected: list[int]
) -> None:
    assert low(*amounts) == expected


def test_each_rule_works_alone_and_none_asks_nothing() -> None:
    assert low("60", "85", "115", rule=LowOfferRule(below_mean=40)) == [0]
    assert low("70", "100", "101", rule=LowOfferRule(below_mean=40)) == []
    assert low("70", "100", "101", rule=LowOfferRule(below_next=30)) == [0]
    assert low("1", "100", rule=LowOfferRule()) == []


@given(
    st.lists(st.decimals("0.01", "1000", places=2), min_size=2, max_size=6),
    st.integers(1, 99),
)
def test_the_dearest_offer_is_never_flagged(amounts: list[Decimal], percent: int) -> None:
    totals = {UUID(int=number): amount for number, amount in enumerate(amounts)}
    found = flagged(totals, LowOfferRule(percent, percent))
    dearest = max(totals.values())
    assert all(totals[bidder] < dearest for bidder in found)


def test_an_explanation_is_asked_for_once_and_only_where_an_offer_is_flagged() -> None:
    check_request(FLAG, None)
    with pytest.raises(Conflict, match="not abnormally low"):
        check_request(None, None)
    for status in ExplanationStatus:
        with pytest.raises(WrongState):
            check_request(FLAG, status)


def test_an_explanation_is_accepted_only_after_it_was_given() -> None:
    assert EXPLANATION.actions(ExplanationStatus.REQUESTED) == (
        ExplanationAction.EXPLAIN,
        ExplanationAction.REJECT,
    )
    with pytest.raises(WrongState):
        EXPLANATION.after(ExplanationStatus.REQUESTED, ExplanationAction.ACCEPT)


@pytest.mark.parametrize("status", [None, *ExplanationStatus])
@pytest.mark.parametrize("flag", [None, FLAG])
def test_a_flagged_offer_wins_only_with_an_accepted_explanation(
    flag: Flag | None, status: ExplanationStatus | None
) -> None:
    accepted = status is ExplanationStatus.ACCEPTED
    fine = (flag is None or accepted) and status is not ExplanationStatus.REJECTED
    if fine:
        check_award(flag, status)
    else:
        with pytest.raises(Conflict):
            check_award(flag, status)
