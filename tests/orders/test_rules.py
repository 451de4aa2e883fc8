from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.kernel.money import Money, line_amount, total
from marketplace.orders.rules import (
    ORDER,
    SUPPLIER_ORDER,
    HigherPrice,
    LineConfirmation,
    LineDespatch,
    LineProgress,
    OrderState,
    Price,
    SupplierOrderState,
    after_confirmation,
    after_despatch,
    check_cancellable,
    expected_price,
    price_at_placement,
    price_instant,
    refuse_higher_prices,
    split_by_supplier,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACED, CONFIRMED = SupplierOrderState.PLACED, SupplierOrderState.CONFIRMED


def price(amount: str, basis: str = "1", quantity: str = "10") -> Price:
    one, per, many = Decimal(amount), Decimal(basis), Decimal(quantity)
    return Price(one, per, line_amount(many, one, per, "EUR"))


def line(
    number: int, ordered: str, confirmed: str | None = None, despatched: str = "0"
) -> LineProgress:
    agreed = None if confirmed is None else Decimal(confirmed)
    return LineProgress(number, "C62", Decimal(ordered), agreed, Decimal(despatched))


def lines(*progress: LineProgress) -> dict[int, LineProgress]:
    return {item.line: item for item in progress}


def test_a_lower_price_is_taken() -> None:
    assert price_at_placement(1, price("2"), price("1.99")) == price("1.99")


def test_an_equal_price_on_another_basis_is_equal() -> None:
    assert price_at_placement(1, price("2"), price("200", "100")) == price("200", "100")


def test_a_higher_price_is_refused_with_the_difference() -> None:
    rise = price_at_placement(3, price("2.00"), price("2.10"))
    assert isinstance(rise, HigherPrice)
    with pytest.raises(Conflict, match=r"1\.00 EUR more") as caught:
        refuse_higher_prices([rise], "EUR")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/lines/2", "price_raised")
    assert "2.1 EUR instead of 2 EUR" in error.detail


def test_all_lines_that_rose_are_told_together() -> None:
    rises = [HigherPrice(n, price("2"), price("3")) for n in (1, 4)]
    with pytest.raises(Conflict, match=r"20\.00 EUR more") as caught:
        refuse_higher_prices(rises, "EUR")
    assert [error.pointer for error in caught.value.errors] == ["/lines/0", "/lines/3"]


def test_a_price_that_rose_by_less_than_a_cent_is_still_higher() -> None:
    assert isinstance(price_at_placement(1, price("2"), price("2.000001")), HigherPrice)


def test_without_expectation_the_price_of_the_day_counts() -> None:
    assert expected_price(Decimal(10), None, Decimal(1), "EUR") is None
    assert price_at_placement(1, None, price("9")) == price("9")


def test_nothing_rose_nothing_is_refused() -> None:
    refuse_higher_prices([], "EUR")


def test_the_buyer_does_not_choose_the_date_of_his_prices() -> None:
    assert price_instant(None, NOW, may_backdate=False) == (NOW, NOW)
    with pytest.raises(NotPermitted):
        price_instant(NOW - timedelta(days=1), NOW, may_backdate=False)


def test_an_import_of_history_does_but_not_the_future() -> None:
    past = NOW - timedelta(days=400)
    assert price_instant(past, NOW, may_backdate=True) == (past, past)
    with pytest.raises(InvalidInput):
        price_instant(NOW + timedelta(seconds=1), NOW, may_backdate=True)


@dataclass
class Line:
    supplier_id: UUID
    number: int


@given(st.lists(st.integers(0, 4)))
def test_splitting_keeps_every_line_once_and_their_order(suppliers: list[int]) -> None:
    all_lines = [Line(UUID(int=supplier), number) for number, supplier in enumerate(suppliers)]
    parts = split_by_supplier(all_lines)
    assert sorted(item.number for part in parts.values() for item in part) == [
        item.number for item in all_lines
    ]
    for supplier, part in parts.items():
        assert {item.supplier_id for item in part} == {supplier}
        assert [item.number for item in part] == sorted(item.number for item in part)


@given(st.lists(st.tuples(st.integers(0, 3), st.decimals(0, 10**6, places=2)), max_size=20))
def test_totals_of_the_parts_sum_to_the_total_of_the_order(
    amounts: list[tuple[int, Decimal]],
) -> None:
    prices = [
        (supplier, line_amount(Decimal(1), amount, Decimal(1), "EUR"))
        for supplier, amount in amounts
    ]
    parts: dict[int, list[Money]] = {}
    for supplier, amount in prices:
        parts.setdefault(supplier, []).append(amount)
    whole = total([amount for _, amount in prices], "EUR")
    assert total([total(part, "EUR") for part in parts.values()], "EUR") == whole


def test_lines_without_an_answer_are_confirmed_as_ordered() -> None:
    state, confirmed = after_confirmation(PLACED, lines(line(1, "5"), line(2, "7")), [])
    assert state is CONFIRMED
    assert confirmed == {1: 5, 2: 7}


def test_one_refused_line_leaves_the_others_alive() -> None:
    refusal = LineConfirmation(1, Decimal(0), reason="discontinued")
    state, confirmed = after_confirmation(PLACED, lines(line(1, "5"), line(2, "7")), [refusal])
    assert state is CONFIRMED
    assert confirmed == {1: 0, 2: 7}


def test_refusing_all_lines_refuses_the_order() -> None:
    refusal = LineConfirmation(1, Decimal(0), reason="out of stock")
    state, _ = after_confirmation(PLACED, lines(line(1, "5")), [refusal])
    assert state is SupplierOrderState.REFUSED


@pytest.mark.parametrize(
    ("answers", "pointer", "code"),
    [
        ([LineConfirmation(9, Decimal(1))], "/lines/0/line", "unknown_line"),
        ([LineConfirmation(1, Decimal(5))] * 2, "/lines/1/line", "duplicate"),
        ([LineConfirmation(1, Decimal(6))], "/lines/0/quantity", "out_of_range"),
        ([LineConfirmation(1, Decimal(-1), None, "x")], "/lines/0/quantity", "out_of_range"),
        (
            [LineConfirmation(1, Decimal("0.5"), None, "x")],
            "/lines/0/quantity",
            "too_many_decimals",
        ),
        ([LineConfirmation(1, Decimal(4))], "/lines/0/reason", "required"),
    ],
)
def test_a_confirmation_that_does_not_fit_is_pointed_at(
    answers: list[LineConfirmation], pointer: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        after_confirmation(PLACED, lines(line(1, "5")), answers)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]


def test_a_confirmed_order_is_confirmed_once() -> None:
    with pytest.raises(WrongState) as caught:
        after_confirmation(CONFIRMED, lines(line(1, "5", "5")), [])
    assert caught.value.state == "confirmed"


def test_a_despatch_without_lines_sends_everything_open() -> None:
    progress = lines(line(1, "5", "5", "2"), line(2, "7", "0"))
    state, leaving = after_despatch(SupplierOrderState.PARTLY_DESPATCHED, progress, [])
    assert state is SupplierOrderState.DESPATCHED
    assert leaving == {1: 3}


def test_a_part_leaves_the_rest_open() -> None:
    progress = lines(line(1, "5", "5"), line(2, "7", "7"))
    state, leaving = after_despatch(CONFIRMED, progress, [LineDespatch(1, Decimal(5))])
    assert state is SupplierOrderState.PARTLY_DESPATCHED
    assert leaving == {1: 5}


def test_less_was_confirmed_so_less_completes_the_order() -> None:
    state, _ = after_despatch(CONFIRMED, lines(line(1, "5", "4")), [LineDespatch(1, Decimal(4))])
    assert state is SupplierOrderState.DESPATCHED


def test_no_part_of_a_whole_thing_leaves() -> None:
    progress = lines(line(1, "5", "5"))
    with pytest.raises(InvalidInput) as caught:
        after_despatch(CONFIRMED, progress, [LineDespatch(1, Decimal("0.5"))])
    assert caught.value.errors[0].code == "too_many_decimals"


@pytest.mark.parametrize("quantity", ["0", "-1", "4"])
def test_no_more_leaves_than_is_open(quantity: str) -> None:
    progress = lines(line(1, "5", "5", "2"))
    with pytest.raises(InvalidInput) as caught:
        after_despatch(CONFIRMED, progress, [LineDespatch(1, Decimal(quantity))])
    assert caught.value.errors[0].code == "out_of_range"


@pytest.mark.parametrize("state", [PLACED, SupplierOrderState.DESPATCHED])
def test_only_a_confirmed_order_is_despatched(state: SupplierOrderState) -> None:
    with pytest.raises(WrongState):
        after_despatch(state, lines(line(1, "5", "5")), [])


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=6))
def test_despatching_everything_open_always_completes(pairs: list[tuple[int, int]]) -> None:
    progress = lines(
        *(
            line(number, str(max(pair)), str(max(pair)), str(min(pair)))
            for number, pair in enumerate(pairs, start=1)
        )
    )
    state, leaving = after_despatch(CONFIRMED, progress, [])
    assert state is SupplierOrderState.DESPATCHED
    assert all(
        item.despatched + leaving.get(item.line, 0) == item.confirmed for item in progress.values()
    )


def test_a_placed_order_is_cancelled_while_no_supplier_promised() -> None:
    parts = [PLACED, SupplierOrderState.REFUSED]
    assert check_cancellable(OrderState.PLACED, parts) is OrderState.CANCELLED
    assert check_cancellable(OrderState.IN_APPROVAL, []) is OrderState.CANCELLED
    with pytest.raises(WrongState, match="confirmed"):
        check_cancellable(OrderState.PLACED, [PLACED, CONFIRMED])


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELLED])
def test_what_is_over_stays_over(state: OrderState) -> None:
    assert ORDER.actions(state) == ()
    with pytest.raises(WrongState):
        check_cancellable(state, [])


def test_what_left_cannot_be_cancelled() -> None:
    for state in (SupplierOrderState.PARTLY_DESPATCHED, SupplierOrderState.DESPATCHED, CONFIRMED):
        assert not SUPPLIER_ORDER.allows(state, "cancel")
