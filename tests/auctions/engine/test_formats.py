"""What each format is, told by short auctions."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from auctions.engine.events import Closed, RejectionCode, Start, Tick
from auctions.engine.outcome import NoWinner, Win, outcome
from auctions.engine.state import Phase
from auctions.engine.terms import (
    Decrement,
    Disclosure,
    Format,
    PriceClock,
    Terms,
    Tier,
    Ties,
    Turns,
)
from auctions.engine.visibility import OWNER, BidderView, OwnerView, view
from marketplace.kernel.errors import InvalidInput
from tests.auctions.engine.lots import (
    ACME,
    BOLT,
    CORE,
    DUNE,
    END,
    MOMENT,
    OVERTIME,
    START,
    TEN,
    Lot,
    against_leader,
    terms,
)

HIDDEN = {"disclosure": Disclosure.OWN_ONLY, "decrement": None}
MINUTE = timedelta(minutes=1)


def sealed(**changes: Any) -> Terms:
    return terms(**({"format": Format.SEALED} | HIDDEN | changes))


def dutch(**changes: Any) -> Terms:
    clock = PriceClock(Decimal(500), Decimal(700), Decimal(100), 60)
    return terms(**({"format": Format.DUTCH, "clock": clock} | HIDDEN | changes))


def japanese(last: int = 400) -> Terms:
    clock = PriceClock(Decimal(1000), Decimal(last), Decimal(100), 60)
    return terms(format=Format.JAPANESE, clock=clock, **HIDDEN)


def staged(rounds: int = 2) -> Terms:
    return terms(format=Format.STAGED, disclosure=Disclosure.OPEN, turns=Turns(rounds, 60))


def winner(lot: Lot) -> tuple[object, str]:
    found = outcome(lot.state)
    assert isinstance(found, Win)
    return found.bidder, str(found.price)


def tick(lot: Lot, minutes: int) -> None:
    lot.submit(Tick(), START + minutes * MINUTE)


def seen(lot: Lot, bidder: Any) -> BidderView:
    shown = view(lot.state, bidder)
    assert isinstance(shown, BidderView)
    return shown


# English


def test_steps_by_price_follow_the_reference() -> None:
    tiers = (Tier(Decimal(500), TEN),)
    small = Decrement(type(TEN)(TEN.measure, Decimal(1)), tiers=tiers)
    lot = Lot(terms(decrement=small)).started()
    lot.bid(ACME, "505.00")
    assert lot.bid(ACME, "496.00") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, "495.00") is None
    assert lot.bid(ACME, "494.00") is None


def test_where_only_multiples_count_bids_fall_by_whole_steps() -> None:
    lot = Lot(terms(decrement=Decrement(TEN, multiples_only=True))).started()
    assert lot.bid(ACME, "995.00") is RejectionCode.OFF_GRID
    assert lot.refusals()[-1].bound == Decimal(1000)
    assert lot.bid(ACME, "970.00") is None
    assert lot.bid(ACME, "955.00") is RejectionCode.OFF_GRID
    assert lot.bid(ACME, "950.00") is None


def test_a_forbidden_tie_is_refused_and_the_shown_limit_avoids_it() -> None:
    open_terms = {"disclosure": Disclosure.OPEN, "starting_gate": False, "ties": Ties.FORBIDDEN}
    lot = Lot(terms(**open_terms)).started()
    lot.bid(ACME, "1000.00")
    assert str(seen(lot, BOLT).limit.amount) == "999.99"  # type: ignore[union-attr]
    assert lot.bid(BOLT, "1000.00") is RejectionCode.ABOVE_LIMIT
    lot.bid(ACME, "900.00")
    assert lot.bid(BOLT, "900.00") is RejectionCode.TIED


@pytest.mark.parametrize(
    ("ties", "ranks"),
    [(Ties.BY_TIME, [1, 2, 3]), (Ties.EQUAL_BEST, [1, 1, 3]), (Ties.EQUAL_WORST, [2, 2, 3])],
)
def test_equal_bids_share_a_rank_by_the_terms_and_the_earlier_wins(
    ties: Ties, ranks: list[int]
) -> None:
    lot = Lot(terms(ties=ties)).started()
    lot.bid(ACME, "800.00")
    lot.bid(BOLT, "800.00")
    lot.bid(CORE, "900.00")
    assert [seen(lot, bidder).rank for bidder in (ACME, BOLT, CORE)] == ranks
    assert winner(lot.closed()) == (ACME, "800.00")


def test_above_the_reserve_nobody_wins_and_nobody_is_told_it() -> None:
    lot = Lot(terms(reserve=Decimal("700.00"))).started()
    lot.bid(ACME, "700.01")
    assert b"700.00" not in repr(view(lot.state, ACME)).encode()
    assert outcome(lot.closed().state) is NoWinner.ABOVE_RESERVE


def test_a_practice_auction_awards_nothing() -> None:
    lot = Lot(terms(practice=True)).started()
    lot.bid(ACME, "700.00")
    assert outcome(lot.closed().state) is NoWinner.PRACTICE


# Sealed and Vickrey


def test_sealed_bids_are_seen_by_nobody_before_the_close_not_even_by_the_buyer() -> None:
    lot = Lot(sealed()).started()
    empty = view(lot.state, OWNER)
    lot.bid(ACME, "900.00")
    alone = seen(lot, ACME)
    lot.bid(BOLT, "800.00")
    assert view(lot.state, OWNER) == empty
    assert seen(lot, ACME) == alone
    lot.closed()
    shown = view(lot.state, OWNER)
    assert isinstance(shown, OwnerView)
    assert [str(s.amount.amount) for s in shown.standings] == ["800.00", "900.00"]
    assert seen(lot, ACME).rank == 2
    assert winner(lot) == (BOLT, "800.00")


def test_a_sealed_bid_may_be_lowered_and_not_raised() -> None:
    lot = Lot(sealed()).started()
    lot.bid(ACME, "900.00")
    assert lot.bid(ACME, "900.00") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, "899.99") is None


def test_a_vickrey_winner_gets_what_the_second_asked_the_reserve_or_the_ceiling() -> None:
    def played(*amounts: str, **changes: Any) -> Lot:
        lot = Lot(sealed(format=Format.VICKREY, **changes)).started()
        for bidder, amount in zip((ACME, BOLT), amounts, strict=False):
            lot.bid(bidder, amount)
        return lot.closed()

    assert winner(played("700.00", "800.00")) == (ACME, "800.00")
    assert winner(played("700.00")) == (ACME, "1000.00")
    assert winner(played("700.00", "800.00", reserve=Decimal("750.00"))) == (ACME, "750.00")


# Dutch


def test_a_dutch_price_rises_until_the_first_takes_it() -> None:
    lot = Lot(dutch()).started()
    assert str(seen(lot, ACME).limit.amount) == "500"  # type: ignore[union-attr]
    assert lot.bid(ACME, "600.00", START + MINUTE - MOMENT) is RejectionCode.ABOVE_LIMIT
    tick(lot, 1)
    assert lot.bid(BOLT, "600.00", START + MINUTE) is None
    assert lot.state.phase is Phase.CLOSED
    assert winner(lot) == (BOLT, "600.00")
    assert lot.bid(ACME, "600.00", START + MINUTE) is RejectionCode.CLOSED


def test_a_dutch_bid_at_a_price_called_before_is_taken_as_it_is() -> None:
    lot = Lot(dutch()).started()
    tick(lot, 1)
    lot.bid(BOLT, "500.00", START + MINUTE)
    assert winner(lot) == (BOLT, "500.00")


def test_a_dutch_auction_nobody_takes_ends_after_its_last_price() -> None:
    lot = Lot(dutch()).started()
    for minute in range(1, 4):
        tick(lot, minute)
    assert isinstance(lot.log[-1], Closed)
    assert outcome(lot.state) is NoWinner.NO_BIDS


# Japanese


def test_who_does_not_stay_in_a_japanese_round_is_out_and_the_last_one_wins() -> None:
    lot = Lot(japanese()).started()
    for bidder in (ACME, BOLT, CORE):
        assert lot.bid(bidder, "1000.00") is None
    tick(lot, 1)
    assert lot.state.course.out == {DUNE}
    assert lot.bid(DUNE, "900.00", START + MINUTE) is RejectionCode.OUT
    lot.bid(CORE, "900.00", START + MINUTE)
    lot.bid(BOLT, "900.00", START + MINUTE)
    assert lot.bid(BOLT, "900.00", START + MINUTE) is RejectionCode.ALREADY_IN
    tick(lot, 2)
    assert lot.bid(BOLT, "900.00", START + 2 * MINUTE) is RejectionCode.OFF_PRICE
    lot.bid(BOLT, "800.00", START + 2 * MINUTE)
    tick(lot, 3)
    assert winner(lot) == (BOLT, "800.00")


def test_where_all_leave_a_japanese_auction_at_once_the_first_of_the_round_before_wins() -> None:
    lot = Lot(japanese()).started()
    lot.bid(CORE, "1000.00")
    lot.bid(ACME, "1000.00")
    tick(lot, 1)
    tick(lot, 2)
    assert winner(lot) == (CORE, "1000.00")


def test_nobody_learns_who_stays_in_before_the_round_is_over() -> None:
    lot = Lot(japanese()).started()
    before = seen(lot, BOLT)
    lot.bid(ACME, "1000.00")
    assert seen(lot, BOLT) == before


# Staged rounds


def test_in_staged_rounds_everybody_bids_in_his_turn_the_worst_first() -> None:
    lot = Lot(staged(1), ["900.00", "800.00", "850.00"]).started()
    assert seen(lot, BOLT).stage.turn_of == "Supplier A"  # type: ignore[union-attr]
    assert lot.bid(BOLT, "700.00") is RejectionCode.NOT_YOUR_TURN
    assert lot.bid(ACME, "780.00") is None
    tick(lot, 1)
    assert lot.bid(CORE, "845.00", START + MINUTE) is RejectionCode.ABOVE_LIMIT
    tick(lot, 2)
    assert lot.bid(BOLT, "770.00", START + 2 * MINUTE) is None
    tick(lot, 3)
    assert winner(lot) == (BOLT, "770.00")


def test_each_staged_round_goes_by_the_ranking_at_its_beginning() -> None:
    lot = Lot(staged(2), ["900.00", "800.00"]).started()
    lot.bid(ACME, "700.00")
    tick(lot, 1)
    tick(lot, 2)
    assert lot.state.course.stage is not None
    assert (lot.state.course.stage.round, lot.state.course.stage.bidder) == (2, BOLT)


def test_into_staged_rounds_everybody_enters_with_an_amount() -> None:
    with pytest.raises(InvalidInput) as caught:
        Lot(staged(), ["900.00", None])
    assert caught.value.errors[0].pointer == "/participants/1/opening_amount"


# What terms a format takes


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"decrement": None}, "/decrement"),
        ({"disclosure": Disclosure.OWN_ONLY}, "/disclosure"),
        ({"decrement": against_leader()}, "/decrement/reference"),
        ({"ties": Ties.FORBIDDEN}, "/ties"),
        ({"reserve": Decimal("1000.01")}, "/reserve"),
        ({"format": Format.SEALED} | HIDDEN | {"overtime": OVERTIME}, "/overtime"),
        ({"format": Format.SEALED, "decrement": None}, "/disclosure"),
        ({"format": Format.DUTCH} | HIDDEN, "/clock"),
        (
            {
                "format": Format.DUTCH,
                "clock": PriceClock(Decimal(900), Decimal(1001), TEN.value, 60),
            }
            | HIDDEN,
            "/clock/last",
        ),
        (
            {"format": Format.JAPANESE, "clock": PriceClock(Decimal(9), Decimal(10), TEN.value, 60)}
            | HIDDEN,
            "/clock/first",
        ),
        ({"format": Format.STAGED, "disclosure": Disclosure.OPEN}, "/turns"),
    ],
)
def test_terms_a_format_cannot_use_are_named(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Lot(terms(**changes))
    assert pointer in [error.pointer for error in caught.value.errors]


def test_a_start_calls_the_first_price_in_the_same_step() -> None:
    lot = Lot(dutch())
    events = lot.submit(Start(), START)
    assert [type(event).__name__ for event in events] == ["Started", "StageOpened"]
    assert lot.state.deadline() == START + MINUTE
    assert lot.state.closes_at == END
