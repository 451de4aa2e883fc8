"""Savings: one definition, with the reference as its denominator."""

from decimal import Decimal

import pytest

from marketplace.kernel.savings import saving


def test_half_of_a_hundred_is_fifty_percent_and_a_dearer_price_saves_less_than_nothing() -> None:
    found = saving(Decimal(100), Decimal(50))
    assert found is not None
    assert (found.amount, found.share) == (Decimal(50), Decimal("0.5000"))
    dearer = saving(Decimal(100), Decimal(125))
    assert dearer is not None
    assert (dearer.amount, dearer.share) == (Decimal(-25), Decimal("-0.2500"))


def test_the_share_is_rounded_half_up_to_a_hundredth_of_a_percent() -> None:
    found = saving(Decimal(300), Decimal(200))
    assert found is not None
    assert found.share == Decimal("0.3333")
    up = saving(Decimal(20_000), Decimal(19_999))
    assert up is not None
    assert up.share == Decimal("0.0001")


@pytest.mark.parametrize("reference", [None, Decimal(0)])
def test_without_a_reference_nothing_is_saved_or_lost(reference: Decimal | None) -> None:
    assert saving(reference, Decimal(10)) is None
