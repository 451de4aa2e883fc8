from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.stock.rules import (
    Availability,
    Held,
    Level,
    Outcome,
    Shown,
    StockPolicy,
    allocate,
    availability,
    available_to_promise,
    factor_to_offer,
    in_offer_unit,
    outcome,
    settle,
)

NUMBERS = st.integers(0, 30).map(Decimal)
LEVELS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4).map(
    lambda pairs: [Level(UUID(int=n), *pair) for n, pair in enumerate(pairs)]
)


@given(LEVELS, st.integers(1, 60).map(Decimal))
def test_refusing_takes_all_or_nothing_and_never_more_than_there_is(
    levels: list[Level], wanted: Decimal
) -> None:
    free = available_to_promise(levels)
    decided = allocate(levels, wanted, StockPolicy.REFUSE)
    assert (decided is None) == (wanted > free)
    if decided is not None:
        taken, after = decided
        assert sum(part.quantity for part in taken) == wanted
        assert available_to_promise(after) == free - wanted


@given(LEVELS, st.integers(1, 60).map(Decimal))
def test_a_backorder_promises_all_that_was_ordered(levels: list[Level], wanted: Decimal) -> None:
    decided = allocate(levels, wanted, StockPolicy.BACKORDER)
    assert decided is not None
    taken, after = decided
    assert sum(part.quantity for part in taken) == wanted
    assert all(part.quantity > 0 for part in taken)
    before = sum(level.reserved for level in levels)
    assert sum(level.reserved for level in after) == before + wanted


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=3),
    st.data(),
)
def test_what_is_settled_goes_leaves_or_stays_and_nothing_twice(
    quantities: list[int], data: st.DataObject
) -> None:
    whole = sum(quantities)
    held = [Held(UUID(int=n), Decimal(quantity)) for n, quantity in enumerate(quantities)]
    confirmed = data.draw(st.integers(0, whole))
    gone = 0
    held = settle(held, Decimal(0), Decimal(confirmed))
    while True:
        assert sum(part.consumed for part in held) == gone
        assert sum(part.released for part in held) == whole - confirmed
        assert all(part.consumed + part.released <= part.quantity for part in held)
        assert settle(held, Decimal(gone), Decimal(confirmed - gone)) == held
        if gone == confirmed:
            break
        gone += data.draw(st.integers(1, confirmed - gone))
        held = settle(held, Decimal(gone), Decimal(confirmed - gone))
    assert all(part.consumed + part.released == part.quantity for part in held)


@pytest.mark.parametrize(
    ("unit", "content", "factor"),
    [
        ("XBX", "12", Fraction(1)),
        ("C62", "12", Fraction(1, 12)),
        ("C62", "1/3", Fraction(3)),
        ("KGM", "12", None),
    ],
)
def test_a_line_counts_in_the_offers_unit_by_a_declared_factor_alone(
    unit: str, content: str, factor: Fraction | None
) -> None:
    assert factor_to_offer(unit, "XBX", Fraction(content), "C62") == factor


def test_a_part_of_a_box_is_rounded_up_so_that_no_piece_is_promised_twice() -> None:
    assert in_offer_unit(Decimal(1), Fraction(1, 12)) == Decimal("0.083334")
    assert in_offer_unit(Decimal(12), Fraction(1, 12)) == 1
    assert in_offer_unit(Decimal("2.5"), Fraction(1)) == Decimal("2.5")


@pytest.mark.parametrize(
    ("free", "shown", "told"),
    [
        ("0", Shown.LEVEL, Availability.NONE),
        ("-3", Shown.EXACT, Availability.NONE),
        ("9.999999", Shown.LEVEL, Availability.LOW),
        ("10", Shown.LEVEL, Availability.IN_STOCK),
        ("10", Shown.NOTHING, None),
        ("0", Shown.NOTHING, None),
    ],
)
def test_a_buyer_is_told_in_a_word(free: str, shown: Shown, told: Availability | None) -> None:
    assert availability(Decimal(free) + 7, Decimal(7), shown, Decimal(10)) == told


@pytest.mark.parametrize(
    ("on_hand", "version", "told"),
    [
        ("5", 8, Outcome.UNCHANGED),
        ("6", 8, Outcome.CONTRADICTS),
        ("5", 7, Outcome.OLDER),
        ("6", 7, Outcome.OLDER),
    ],
)
def test_a_line_that_set_nothing_says_why(on_hand: str, version: int, told: Outcome) -> None:
    assert outcome(Decimal(on_hand), version, Decimal(5), 8) is told
