"""Ladders: which tier a quantity reaches and what the line costs."""

from decimal import Decimal
from uuid import UUID

import pytest

from catalog.pricing.terms import AtExhaustion, Commitment, Ladder, Measure, Tier, VolumeMode
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.limits import TIERS_MAX


def ladder(*tiers: tuple[str, str], basis: str = "1", graduated: bool = False) -> Ladder:
    mode = VolumeMode.GRADUATED if graduated else VolumeMode.VOLUME
    return Ladder(tuple(Tier(Decimal(m), Decimal(a)) for m, a in tiers), Decimal(basis), mode)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0.999999", None),
        ("1", "10"),
        ("9", "10"),
        ("9.999999", "10"),
        ("10", "8"),  # a boundary exactly met belongs to the higher tier
        ("99", "8"),
        ("100", "7.5"),
        ("1000000", "7.5"),
    ],
)
def test_a_quantity_reaches_the_last_tier_whose_minimum_it_meets(
    quantity: str, expected: str | None
) -> None:
    tier = ladder(("1", "10"), ("10", "8"), ("100", "7.5")).tier_at(Decimal(quantity))
    assert (tier.amount if tier else None) == (Decimal(expected) if expected else None)


@pytest.mark.parametrize(
    ("amount", "basis", "quantity", "currency", "expected"),
    [
        ("0.0035", "1", "3", "EUR", "0.01"),  # 0.0105 rounds once, half up
        ("0.0035", "1", "1", "EUR", "0.00"),
        ("0.005", "1", "1", "EUR", "0.01"),
        ("25", "100", "3", "EUR", "0.75"),
        ("0.35", "100", "3", "EUR", "0.01"),  # a price per 100 is not divided before it is used
        ("12.5", "1", "3", "JPY", "38"),
        ("1.2345", "1", "1", "KWD", "1.235"),
        ("1.23456", "1", "1", "CLF", "1.2346"),
        ("1", "3", "1", "EUR", "0.33"),
        ("0", "1", "5", "EUR", "0.00"),
    ],
)
def test_a_line_is_rounded_once_to_the_digits_of_its_currency(
    amount: str, basis: str, quantity: str, currency: str, expected: str
) -> None:
    got = ladder(("1", amount), basis=basis).line_amount(Decimal(quantity), "C62", currency)
    assert str(got) == expected


def test_below_the_first_tier_there_is_no_line_amount() -> None:
    assert ladder(("10", "1")).line_amount(Decimal(9), "C62", "EUR") is None
    assert ladder(("10", "1"), graduated=True).line_amount(Decimal(9), "C62", "EUR") is None


@pytest.mark.parametrize(
    ("quantity", "unit", "expected"),
    [
        ("9", "C62", "90.00"),
        ("10", "C62", "98.00"),  # nine at 10, the tenth at 8
        ("25", "C62", "210.00"),  # 9 × 10 + 10 × 8 + 6 × 6.666667
        ("10", "KGM", "100.00"),  # ten kilograms at 10, nothing above
        ("10.5", "KGM", "104.00"),
    ],
)
def test_graduated_tiers_price_each_slice_by_its_own(
    quantity: str, unit: str, expected: str
) -> None:
    tiers = ladder(("1", "10"), ("10", "8"), ("20", "6.666667"), graduated=True)
    assert str(tiers.line_amount(Decimal(quantity), unit, "EUR")) == expected


@pytest.mark.parametrize(
    ("tiers", "unit", "basis", "pointer", "code"),
    [
        ([], "C62", "1", "/tiers", "wrong_number_of_tiers"),
        ([("0", "1")], "C62", "1", "/tiers/0/minimum_quantity", "not_positive"),
        ([("-1", "1")], "C62", "1", "/tiers/0/minimum_quantity", "not_positive"),
        ([("1.5", "1")], "C62", "1", "/tiers/0/minimum_quantity", "too_many_decimals"),
        ([("1", "-0.01")], "C62", "1", "/tiers/0/amount", "negative"),
        ([("1", "NaN")], "C62", "1", "/tiers/0/amount", "negative"),
        ([("1", "Infinity")], "C62", "1", "/tiers/0/amount", "negative"),
        ([("1", "0.0000001")], "C62", "1", "/tiers/0/amount", "too_many_decimals"),
        ([("1", "2"), ("1", "1")], "C62", "1", "/tiers/1/minimum_quantity", "tiers_out_of_order"),
        ([("9", "2"), ("3", "1")], "C62", "1", "/tiers/1/minimum_quantity", "tiers_out_of_order"),
        ([("1", "1")], "C62", "0", "/basis", "invalid_basis"),
    ],
)
def test_a_ladder_that_breaks_a_rule_says_where(
    tiers: list[tuple[str, str]], unit: str, basis: str, pointer: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Ladder.checked(
            tuple(Tier(Decimal(m), Decimal(a)) for m, a in tiers), unit, basis=Decimal(basis)
        )
    assert [(e.pointer, e.code) for e in refused.value.errors] == [(pointer, code)]


def test_a_ladder_has_a_bound() -> None:
    many = tuple(Tier(Decimal(n), Decimal(1)) for n in range(1, TIERS_MAX + 2))
    assert Ladder.checked(many[:-1], "C62").tiers == many[:-1]
    with pytest.raises(InvalidInput):
        Ladder.checked(many, "C62")


def test_measured_units_may_have_tiers_with_decimals_and_free_of_charge_is_a_price() -> None:
    checked = Ladder.checked((Tier(Decimal("0.5"), Decimal(0)),), "KGM")
    assert checked.line_amount(Decimal("0.5"), "KGM", "EUR") == 0


@pytest.mark.parametrize(
    ("left", "amount", "part"),
    [
        ("1", "0.3", 3),
        ("1", "0.25", 4),
        # 0.0014 x 3 would be invoiced with nothing, and 1.004 with what is left.
        ("0", "0.0014", None),
        ("1", "0.251", 3),
    ],
)
def test_of_a_line_beyond_the_commitment_no_piece_is_drawn_by_rounding(
    left: str, amount: str, part: int | None
) -> None:
    commitment = Commitment(UUID(int=1), Measure.VALUE, Decimal(left), AtExhaustion.SPLIT)
    got = commitment.part_of(Decimal(10), ladder(("1", amount)), "C62")
    assert (got and got[0]) == part
