"""Conditional offers: which count, what they take off, and which are refused."""

from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from rfq.rules.bid import Bid, check_bid, read, written
from rfq.rules.conditions import (
    Conditions,
    Package,
    VolumeDiscount,
    complete,
    discount,
    reached,
)
from tests.rfq.rules.cases import CABLE, OFFICE, PAPER, TONER, WIRING, bid, price, procedure

BOTH = (OFFICE.id, WIRING.id)
WHOLE = bid(price(PAPER, "3.10"), price(TONER, "90"), price(CABLE, "2"))


def package(percent: str, *lots: UUID) -> Package:
    return Package(lot_ids=lots or BOTH, percent=Decimal(percent))


def volume(from_amount: str, percent: str) -> VolumeDiscount:
    return VolumeDiscount(from_amount=Decimal(from_amount), percent=Decimal(percent))


def granting(*packages: Package, volume: tuple[VolumeDiscount, ...] = (), of: Bid = WHOLE) -> Bid:
    return msgspec.structs.replace(of, conditions=Conditions(packages=packages, volume=volume))


def refused(made: Bid) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        check_bid(procedure(), made)
    return [(error.pointer, error.code) for error in refusal.value.errors]


def test_conditions_are_part_of_the_text_that_is_sealed() -> None:
    made = granting(package("2.5"), volume=(volume("500", "1"), volume("1000", "3")))
    check_bid(procedure(), made)
    assert read(written(made)) == made
    assert b'"packages":[{"lot_ids":' in written(made)
    # What was sealed before there were conditions is read as it was.
    older = written(WHOLE).replace(b'"conditions":null,', b"")
    assert older != written(WHOLE)
    assert read(older) == WHOLE


def test_a_package_names_two_lots_that_the_bid_prices_each_once() -> None:
    office_only = bid(price(PAPER, "3.10"), price(TONER, "90"))
    assert refused(granting(package("2"), of=office_only)) == [
        ("/conditions/packages/0/lot_ids/1", "not_priced")
    ]
    assert refused(granting(package("2", OFFICE.id))) == [
        ("/conditions/packages/0/lot_ids", "count")
    ]
    assert refused(granting(package("2", OFFICE.id, OFFICE.id, UUID(int=7)))) == [
        ("/conditions/packages/0/lot_ids/1", "twice"),
        ("/conditions/packages/0/lot_ids/2", "unknown_lot"),
    ]


@pytest.mark.parametrize("percent", ["0", "100", "-1", "NaN", "1E+999999999", "1E-999999999"])
def test_a_discount_is_more_than_nothing_and_less_than_all(percent: str) -> None:
    assert refused(granting(package(percent))) == [
        ("/conditions/packages/0/percent", "out_of_range")
    ]


def test_a_package_and_a_volume_discount_leave_something_of_the_price() -> None:
    made = granting(package("60"), volume=(volume("500", "40"),))
    assert refused(made) == [("/conditions", "too_much")]
    assert refused(granting(package("1.234"))) == [
        ("/conditions/packages/0/percent", "too_many_decimals")
    ]


def test_volume_discounts_rise() -> None:
    falling = (volume("500", "3"), volume("500", "2"))
    assert refused(granting(volume=falling)) == [
        ("/conditions/volume/1/from_amount", "not_rising"),
        ("/conditions/volume/1/percent", "not_rising"),
    ]
    assert refused(granting(volume=(volume("1E-999999999", "3"),))) == [
        ("/conditions/volume/0/from_amount", "not_positive")
    ]


def test_of_packages_that_overlap_the_one_named_first_counts() -> None:
    one, two, three, four = (UUID(int=n) for n in range(1, 5))
    packages = [package("5", one, two, three), package("2", two, three), package("1", three, four)]
    assert complete(packages, frozenset([one, two, three, four])) == [0]
    assert complete(packages, frozenset([two, three, four])) == [1]
    assert complete(packages, frozenset([one, three, four])) == [2]
    assert complete(packages, frozenset([one, two])) == []


def test_the_highest_volume_that_is_reached_counts_from_its_first_cent_on() -> None:
    discounts = (volume("500", "1"), volume("1000", "3"))
    amounts = ["499.99", "500", "999.99", "1000"]
    assert [reached(discounts, Decimal(amount)) for amount in amounts] == [None, 0, 0, 1]


@given(st.integers(0, 10**17), st.integers(1, 9_999))
def test_a_discount_is_rounded_half_up_to_the_smallest_coin(amount: int, hundredths: int) -> None:
    off = discount(amount, Decimal(hundredths).scaleb(-2))
    assert -1 < 2 * (off - Decimal(amount) * hundredths / 10_000) <= 1
