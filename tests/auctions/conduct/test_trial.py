"""Trying bids on terms in memory: proxies that answer, lots that move each other."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auctions.conduct.trial import Trial, TrialBid, TrialLot
from auctions.engine.events import BidAccepted, ProxySet
from auctions.engine.outcome import Win, outcome
from auctions.engine.state import Phase
from auctions.engine.terms import Follows
from auctions.simulation.lots import made_lots
from auctions.simulation.made import made_invitations
from tests.auctions.engine.lots import ACME, BOLT, CORE, END, OVERTIME, invitations, terms

FIRST, SECOND = UUID(int=1), UUID(int=2)
MINUTE = timedelta(minutes=1)


def lots(*the_terms: Any) -> list[TrialLot]:
    return [TrialLot(UUID(int=n), each, invitations()) for n, each in enumerate(the_terms, 1)]


def bid(bidder: UUID, amount: str, after: timedelta, lot: UUID = FIRST, **how: Any) -> TrialBid:
    return TrialBid(lot, bidder, Decimal(amount), after, **how)


def test_a_proxy_that_is_tried_answers_a_bid_down_to_its_limit() -> None:
    trial = Trial(lots(terms(proxies=True)))
    ordered = trial.make(bid(ACME, "700.00", MINUTE, proxy=True, step=Decimal("10.00")))
    assert isinstance(ordered.answer, ProxySet)
    below = trial.make(bid(BOLT, "800.00", 2 * MINUTE))
    assert isinstance(below.answer, BidAccepted)
    assert [(each.bidder, each.amount, each.rank) for each in below.proxy_bids] == [
        (ACME, Decimal("790.00"), 1)
    ]
    assert trial.make(bid(CORE, "695.00", 3 * MINUTE)).proxy_bids == []
    trial.finish()
    found = outcome(trial.states[FIRST])
    assert isinstance(found, Win)
    assert (found.bidder, found.price) == (CORE, Decimal("695.00"))


@pytest.mark.parametrize(("all_lots", "moved"), [(True, MINUTE), (False, timedelta(0))])
def test_overtime_on_one_lot_moves_the_others_if_the_terms_say_so(
    all_lots: bool, moved: timedelta
) -> None:
    overtime = replace(OVERTIME, all_lots=all_lots, extension_s=60)
    trial = Trial(lots(terms(overtime=overtime), terms(overtime=overtime)))
    trial.make(bid(ACME, "900.00", 10 * MINUTE - timedelta(seconds=1)))
    trial.finish()
    assert trial.states[FIRST].closes_at == END + MINUTE
    assert trial.states[SECOND].closes_at == END + moved


def test_a_serial_lot_that_is_tried_starts_a_break_after_the_overtime_of_the_one_before() -> None:
    overtime = replace(OVERTIME, extension_s=60)
    second = terms(
        starts_at=END + MINUTE, ends_at=END + 6 * MINUTE, follows=Follows(FIRST, break_s=60)
    )
    trial = Trial(lots(terms(overtime=overtime), second))
    trial.make(bid(ACME, "900.00", 10 * MINUTE - timedelta(seconds=1)))
    early = trial.make(bid(BOLT, "900.00", 11 * MINUTE + timedelta(seconds=30), SECOND))
    assert not isinstance(early.answer, BidAccepted), "the break is not over"
    taken = trial.make(bid(BOLT, "900.00", 12 * MINUTE, SECOND))
    assert isinstance(taken.answer, BidAccepted)
    trial.finish()
    assert trial.states[SECOND].starts_at == END + 2 * MINUTE
    assert trial.states[SECOND].at == END + 7 * MINUTE


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_every_auction_that_is_tried_comes_to_its_end_on_one_clock(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - a reproducible course
    _, made = made_lots(chance)
    tried = [
        TrialLot(UUID(int=n), each, made_invitations(chance, replace(each, follows=None)))
        for n, each in enumerate(made, 1)
    ]
    trial = Trial(tried)
    for minute in range(8):
        lot = chance.choice(tried)
        bidder = chance.choice(lot.invitations).bidder
        amount = str(chance.randint(40, 90))
        trial.make(bid(bidder, amount, minute * MINUTE, lot.id, proxy=chance.random() < 0.3))
    trial.finish()
    assert {state.phase for state in trial.states.values()} == {Phase.CLOSED}
    for state in trial.states.values():
        follows = state.terms.follows
        if follows is not None:
            before = trial.states[follows.lot].at
            assert state.starts_at >= before + timedelta(seconds=follows.break_s)
