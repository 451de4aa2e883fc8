"""What a simulated bidder decides from what the API shows him."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.demo.bidders import Temper, next_amount

TEMPER = Temper(lowest=Decimal(700), seconds=5, boldness=0.01)


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def standing(**changes: Any) -> dict[str, Any]:
    return {"phase": "open", "rank": 2, "limit": eur("1000.00"), **changes}


def test_without_luck_a_bidder_bids_just_what_is_acceptable() -> None:
    assert next_amount(standing(), TEMPER, 0.0) == Decimal("1000.00")


def test_with_luck_he_goes_below_it_by_a_share() -> None:
    assert next_amount(standing(), TEMPER, 0.5) == Decimal("995.00")


def test_who_has_not_bid_yet_bids() -> None:
    first = {key: value for key, value in standing().items() if key != "rank"}
    assert next_amount(first, TEMPER, 0.0) == Decimal("1000.00")


@pytest.mark.parametrize(
    "shown",
    [
        standing(rank=1),
        standing(phase="scheduled"),
        standing(phase="closed"),
        standing(limit=eur("699.99")),
        {"phase": "open", "rank": 2},
    ],
    ids=["the leader", "before the start", "after the close", "too low for him", "no limit"],
)
def test_he_waits_when_there_is_nothing_to_gain(shown: dict[str, Any]) -> None:
    assert next_amount(shown, TEMPER, 0.0) is None


@given(
    limit=st.decimals(Decimal("0.01"), Decimal(10**6), places=2),
    fall=st.decimals(Decimal(0), Decimal("0.9"), places=2),
    luck=st.floats(0, 1, exclude_max=True),
)
def test_a_bid_lies_between_floor_and_limit_and_not_below_his_lowest(
    limit: Decimal, fall: Decimal, luck: float
) -> None:
    floor = (limit * (1 - fall)).quantize(Decimal("0.01"), "ROUND_UP")
    amount = next_amount(standing(limit=eur(str(limit)), floor=eur(str(floor))), TEMPER, luck)
    if amount is None:
        assert limit < TEMPER.lowest
    else:
        assert max(floor, TEMPER.lowest) <= amount <= limit
