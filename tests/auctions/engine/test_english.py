from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from auctions.engine.decide import decide, evolve
from auctions.engine.events import Cancel, Close, Rejection, RejectionCode, Start, Started
from auctions.engine.state import Phase
from auctions.engine.terms import Decrement, Disclosure, Measure, Step
from auctions.engine.visibility import BidderView, explain, view
from tests.auctions.engine.lots import (
    ACME,
    BOLT,
    CORE,
    END,
    MOMENT,
    START,
    TEN,
    Lot,
    a_bid,
    against_leader,
    percent,
    terms,
)

STRANGER = UUID(int=99)


def test_the_lowest_bid_leads() -> None:
    lot = Lot().started()
    assert lot.bid(ACME, "900.00") is None
    assert lot.bid(BOLT, "890.00") is None
    assert lot.bid(CORE, "895.00") is None
    assert lot.ranking() == [(BOLT, "890.00"), (CORE, "895.00"), (ACME, "900.00")]


def test_of_equal_bids_the_earlier_is_ahead() -> None:
    lot = Lot().started()
    lot.bid(BOLT, "900.00")
    lot.bid(ACME, "900.00")
    assert [bidder for bidder, _ in lot.ranking()] == [BOLT, ACME]


def test_opening_amounts_stand_from_the_start_in_the_order_of_admission() -> None:
    lot = Lot(openings=["900.00", "800.00", "900.00", None]).started()
    assert [bidder for bidder, _ in lot.ranking()] == [BOLT, ACME, CORE]
    assert lot.bid(ACME, "895.00") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, "890.00") is None


@pytest.mark.parametrize(
    ("decrement", "amount", "code"),
    [
        (Decrement(TEN), "890.00", None),
        (Decrement(TEN), "890.01", RejectionCode.ABOVE_LIMIT),
        (Decrement(TEN), "900.00", RejectionCode.ABOVE_LIMIT),
        (Decrement(percent("1")), "891.00", None),
        (Decrement(percent("1")), "891.01", RejectionCode.ABOVE_LIMIT),
        (Decrement(TEN, maximum=percent("20")), "720.00", None),
        (Decrement(TEN, maximum=percent("20")), "719.99", RejectionCode.BELOW_FLOOR),
    ],
)
def test_a_bid_falls_by_the_step_against_the_own_last_one(
    decrement: Decrement, amount: str, code: RejectionCode | None
) -> None:
    lot = Lot(terms(decrement=decrement)).started()
    lot.bid(BOLT, "500.00")
    lot.bid(ACME, "900.00")
    assert lot.bid(ACME, amount) is code


def test_where_the_leader_is_the_reference_a_second_bid_must_undercut_him() -> None:
    lot = Lot(terms(disclosure=Disclosure.BEST_PRICE, decrement=against_leader())).started()
    lot.bid(ACME, "900.00")
    lot.bid(BOLT, "700.00")
    assert lot.bid(ACME, "690.01") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, "690.00") is None


@pytest.mark.parametrize(
    ("step", "maximum", "stands_at", "acceptable"),
    [
        # What fits at the ceiling may contradict itself further down, or by its rounding.
        (TEN, percent("5"), "100.00", "90.00"),
        (percent("0.5"), percent("0.5"), "1.00", "0.99"),
    ],
)
def test_a_guard_that_contradicts_the_step_leaves_the_step(
    step: Step, maximum: Step, stands_at: str, acceptable: str
) -> None:
    lot = Lot(terms(decrement=Decrement(step, maximum=maximum))).started()
    lot.bid(ACME, stands_at)
    shown = view(lot.state, ACME)
    assert isinstance(shown, BidderView)
    assert str(shown.limit.amount) == acceptable  # type: ignore[union-attr]
    assert lot.bid(ACME, acceptable) is None


def test_a_guard_wider_than_the_price_is_no_floor() -> None:
    wide = Decrement(TEN, maximum=Step(Measure.ABSOLUTE, Decimal(500)))
    lot = Lot(terms(decrement=wide)).started()
    lot.bid(ACME, "100.00")
    assert "floor" not in msgspec.to_builtins(view(lot.state, ACME))
    assert lot.bid(ACME, "0.01") is None


def test_who_has_less_than_a_step_left_is_shown_no_limit_and_told_so() -> None:
    lot = Lot().started()
    lot.bid(ACME, "10.00")
    assert "limit" not in msgspec.to_builtins(view(lot.state, ACME))
    assert lot.bid(ACME, "0.01") is RejectionCode.ABOVE_LIMIT
    refusal = lot.refusals()[-1]
    error = explain(Rejection(code=refusal.code, bound=refusal.bound), "EUR")
    assert "cannot go lower" in error.detail


def test_a_first_bid_is_bounded_by_the_ceiling_alone() -> None:
    shown = terms(disclosure=Disclosure.BEST_PRICE, decrement=against_leader(maximum=percent("20")))
    lot = Lot(shown).started()
    lot.bid(ACME, "500.00")
    assert lot.bid(BOLT, "1000.01") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(BOLT, "1000.00") is None
    assert lot.bid(CORE, "1.00") is None


def test_a_bid_before_the_start_is_refused() -> None:
    assert Lot().bid(ACME, "900.00", START - MOMENT) is RejectionCode.NOT_STARTED


def test_a_bid_a_moment_before_the_close_counts() -> None:
    assert Lot().started().bid(ACME, "900.00", END - MOMENT) is None


@pytest.mark.parametrize("late_by", [timedelta(0), MOMENT, timedelta(hours=1)])
def test_a_bid_at_the_deadline_or_after_it_is_late(late_by: timedelta) -> None:
    lot = Lot().started()
    assert lot.bid(ACME, "900.00", END + late_by) is RejectionCode.TOO_LATE
    assert [refusal.code for refusal in lot.refusals()] == [RejectionCode.TOO_LATE]


def test_an_instant_before_the_logs_last_one_counts_as_that_one() -> None:
    lot = Lot().started()
    lot.bid(ACME, "900.00", END)
    assert lot.bid(BOLT, "900.00", END - MOMENT) is RejectionCode.TOO_LATE
    assert lot.state.at == END


def test_a_stranger_is_refused_without_a_number() -> None:
    lot = Lot().started()
    length = len(lot.log)
    assert lot.bid(STRANGER, "900.00") is RejectionCode.NOT_INVITED
    assert len(lot.log) == length


def test_a_refused_bid_gets_a_number_and_changes_nothing_else() -> None:
    lot = Lot().started()
    lot.bid(ACME, "900.00")
    before = lot.state
    lot.bid(ACME, "899.00")
    after = lot.state
    assert after.seq == before.seq + 1
    assert (after.order, after.places, after.closes_at) == (
        before.order,
        before.places,
        before.closes_at,
    )


def test_the_start_is_due_at_its_instant_and_once() -> None:
    lot = Lot()
    assert lot.submit(Start(), START - MOMENT) == Rejection(code=RejectionCode.NOT_DUE)
    assert lot.submit(Start(), START) == (Started(seq=6, at=START),)
    assert lot.submit(Start(), START) == Rejection(code=RejectionCode.NOT_DUE)


def test_the_close_is_due_at_its_instant_and_once() -> None:
    lot = Lot().started()
    assert lot.submit(Close(), END - MOMENT) == Rejection(code=RejectionCode.NOT_DUE)
    lot.submit(Close(), END)
    assert lot.state.phase is Phase.CLOSED
    assert lot.submit(Close(), END) == Rejection(code=RejectionCode.CLOSED)


def test_a_log_ends_with_its_close() -> None:
    lot = Lot().started().closed()
    length = len(lot.log)
    assert lot.bid(ACME, "900.00", END) is RejectionCode.CLOSED
    assert len(lot.log) == length


@pytest.mark.parametrize("lot", [Lot(), Lot().started()], ids=["scheduled", "open"])
def test_what_has_not_ended_can_be_cancelled(lot: Lot) -> None:
    lot.cancelled("budget withdrawn")
    assert lot.state.phase is Phase.CANCELLED
    assert lot.state.cancelled_because == "budget withdrawn"
    assert lot.bid(ACME, "900.00") is RejectionCode.CANCELLED
    assert lot.submit(Close(), END) == Rejection(code=RejectionCode.CANCELLED)


def test_what_has_closed_cannot_be_cancelled() -> None:
    lot = Lot().started().closed()
    assert lot.submit(Cancel("late thought"), END) == Rejection(code=RejectionCode.CLOSED)


def test_a_state_that_was_handed_out_stays_what_it_was() -> None:
    lot = Lot().started()
    before = lot.state
    frozen = (before.seq, before.order, dict(before.places), before.witnessed)
    lot.bid(ACME, "900.00")
    assert (before.seq, before.order, dict(before.places), before.witnessed) == frozen


def test_an_entry_that_leaves_a_gap_is_no_entry() -> None:
    lot = Lot().started()
    decision = decide(lot.state, a_bid(ACME, "900.00"), START)
    assert not isinstance(decision, Rejection)
    once = evolve(lot.state, decision[0])
    with pytest.raises(ValueError, match="cannot follow"):
        evolve(once, decision[0])
