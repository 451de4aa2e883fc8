"""Bugs planted into the engine or the house, and the property that must catch each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from auctions import batch, neighbours
from auctions.batch import Batch, KnownBids
from auctions.engine import decide, duel, evolve, extension, outcome, witnessed
from auctions.engine.events import (
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    Event,
    FollowClose,
    FollowLot,
    PlaceBid,
    Rejection,
    RejectionCode,
    Resume,
    Resumed,
    Withdraw,
)
from auctions.engine.formats import english, japanese, staged
from auctions.engine.outcome import NoWinner, Win
from auctions.engine.ranking import Place
from auctions.engine.state import LotState, Phase, Proxy, Witnessed
from auctions.engine.terms import Step, Withdrawals
from auctions.simulation.house import House

Patch = pytest.MonkeyPatch


def overtime_by_refused_bids(patch: Patch) -> None:
    def extended(state: LotState, event: Event) -> LotState:
        after = evolve.evolve(state, event)
        late = event.at > state.closes_at - timedelta(minutes=1)
        if isinstance(event, BidRefused) and late:
            return replace(after, closes_at=state.closes_at + timedelta(minutes=1))
        return after

    patch.setattr(batch, "evolve", extended)


def tie_to_the_later(patch: Patch) -> None:
    honest = evolve._after_bid

    def later_first(state: LotState, event: BidAccepted) -> LotState:
        after = honest(state, event)
        order = tuple(sorted(after.order, key=lambda place: (place.score, -place.seq)))
        return replace(after, order=order)

    patch.setattr(evolve, "_after_bid", later_first)


def decrement_against_the_own_bid(patch: Patch) -> None:
    def own(state: LotState, _decrement: object, bidder: UUID) -> Decimal | None:
        place = state.places.get(bidder)
        return None if place is None else place.amount

    patch.setattr(english, "_reference", own)


def limit_rounded_up(patch: Patch) -> None:
    patch.setattr(Step, "highest_below", Step.lowest_below)


def bids_counted_at_the_close(patch: Patch) -> None:
    honest = decide._untimely

    def a_moment_longer(state: LotState, at: datetime) -> Rejection | None:
        at_close = at == state.closes_at and state.phase is Phase.OPEN
        return None if at_close and state.course.paused_at is None else honest(state, at)

    patch.setattr(decide, "_untimely", a_moment_longer)


def overtime_without_a_cap(patch: Patch) -> None:
    honest = extension.cap_of
    patch.setattr(extension, "cap_of", lambda state: honest(state) + timedelta(days=1))


def overtime_without_end(patch: Patch) -> None:
    honest = extension.extended_close

    def once_more(state: LotState, rank: int, at: datetime) -> datetime | None:
        return honest(replace(state, extensions=0), rank, at)

    patch.setattr(decide, "extended_close", once_more)


def overtime_of_any_rank(patch: Patch) -> None:
    honest = extension.extended_close
    patch.setattr(decide, "extended_close", lambda state, _rank, at: honest(state, 1, at))


def overtime_that_shortens(patch: Patch) -> None:
    def from_receipt(state: LotState, _rank: int, at: datetime) -> datetime | None:
        overtime = state.terms.overtime
        return None if overtime is None else at + timedelta(seconds=overtime.extension_s)

    patch.setattr(decide, "extended_close", from_receipt)


def proxy_below_its_limit(patch: Patch) -> None:
    honest = duel._answer

    def reckless(state: LotState, proxy: Proxy, score: Decimal) -> Decimal | None:
        return honest(state, proxy._replace(limit=Decimal("0.01")), score)

    patch.setattr(duel, "_answer", reckless)


def latest_of_equal_limits(patch: Patch) -> None:
    honest = duel._contenders

    def latest_first(state: LotState) -> list[Proxy]:
        return sorted(honest(state), key=lambda proxy: (proxy.limit, -proxy.seq))

    patch.setattr(duel, "_contenders", latest_first)


def proxies_stop_half_way(patch: Patch) -> None:
    honest = duel.fight
    patch.setattr(decide.decide, "__defaults__", (lambda state, at: honest(state, at)[:1],))


def pause_gives_a_minute(patch: Patch) -> None:
    def generous(state: LotState, _command: Resume, at: datetime, _fight: object) -> Any:
        paused_at = state.course.paused_at
        if paused_at is None or state.phase is not Phase.OPEN:
            return Rejection(code=RejectionCode.NOT_PAUSED)
        closes_at = state.closes_at + (at - paused_at) + timedelta(minutes=1)
        return (Resumed(seq=state.seq + 1, at=at, closes_at=closes_at),)

    patch.setitem(decide._DECIDERS, Resume, generous)


def bids_taken_in_a_pause(patch: Patch) -> None:
    honest = decide._untimely

    def running(state: LotState, at: datetime) -> Rejection | None:
        return honest(replace(state, course=replace(state.course, paused_at=None)), at)

    patch.setattr(decide, "_untimely", running)


def ranked_by_price_whatever_counts(patch: Patch) -> None:
    patch.setattr(evolve, "score_of", lambda _yardsticks, _bidder, amount: amount)


def every_bid_counted_for_everybody(patch: Patch) -> None:
    honest = witnessed.bid

    def leaky(*facts: Any) -> Witnessed:
        count = honest(*facts)
        return Witnessed(count.by_all + 1, count.by_ranked, count.by_owner, count.own)

    patch.setattr(witnessed, "bid", leaky)


def vickrey_pays_the_own_price(patch: Patch) -> None:
    def first_price(_state: LotState, best: Place) -> Decimal:
        return best.amount

    patch.setattr(outcome, "_second_price", first_price)


def reserve_forgotten(patch: Patch) -> None:
    from auctions.simulation import properties  # noqa: PLC0415

    def generous(state: LotState) -> Win | NoWinner:
        return outcome.outcome(replace(state, terms=replace(state.terms, reserve=None)))

    patch.setattr(properties, "outcome", generous)


def back_in_a_japanese_auction(patch: Patch) -> None:
    honest = japanese.judge

    def forgiving(state: LotState, bid: PlaceBid) -> Rejection | None:
        return honest(replace(state, course=replace(state.course, out=frozenset())), bid)

    patch.setattr(japanese, "judge", forgiving)


def out_of_turn(patch: Patch) -> None:
    patch.setattr(staged, "judge", english.judge)


def surrogate_without_consent(patch: Patch) -> None:
    honest = decide._unwelcome

    def careless(state: LotState, bid: PlaceBid, at: datetime) -> Rejection | None:
        return honest(state, replace(bid, surrogate=None), at)

    patch.setattr(decide, "_unwelcome", careless)


def serial_without_waiting(patch: Patch) -> None:
    patch.setattr(LotState, "waits", property(lambda _state: False))


def serial_cut_short(patch: Patch) -> None:
    honest = decide._decide_turn

    def until_the_plan(state: LotState, *given: Any) -> Any:
        decision = honest(state, *given)
        if isinstance(decision, Rejection):
            return decision
        return (replace(decision[0], closes_at=state.terms.ends_at),)

    patch.setitem(decide._DECIDERS, FollowLot, until_the_plan)


def overtime_kept_to_one_lot(patch: Patch) -> None:
    honest = neighbours.moved_by

    def forgetful(*given: Any) -> Any:
        return [command for command in honest(*given) if not isinstance(command, FollowClose)]

    patch.setattr(neighbours, "moved_by", forgetful)


def withdrawn_bids_stand(patch: Patch) -> None:
    patch.setitem(evolve._AFTER, BidWithdrawn, lambda state, _event: state)


def proxies_outlive_withdrawn_bids(patch: Patch) -> None:
    honest = evolve._AFTER[BidWithdrawn]

    def forgetful(state: LotState, event: BidWithdrawn) -> LotState:
        after = honest(state, event)
        return replace(after, course=replace(after.course, proxies=state.course.proxies))

    patch.setitem(evolve._AFTER, BidWithdrawn, forgetful)


def bids_taken_back_at_will(patch: Patch) -> None:
    honest = decide._DECIDERS[Withdraw]

    def lenient(state: LotState, *given: Any) -> Any:
        freely = replace(state.terms, withdrawals=Withdrawals.FREELY)
        return honest(replace(state, terms=freely), *given)

    patch.setitem(decide._DECIDERS, Withdraw, lenient)


def sealed_bids_struck(patch: Patch) -> None:
    patch.setattr(decide, "SEALED", frozenset())


class ClockOfArrival(House):
    """Reads the clock when a batch arrives: `now()`, the start of the transaction."""

    def instant(self, arrived: datetime) -> datetime:
        return arrived


class Forgetful(House):
    """Does not look whether a bid came before."""

    def found(self, commands: Any) -> KnownBids:  # noqa: ARG002 - that is the bug
        return {}


class Hasty(House):
    """Decides on what a worker remembers, and writes without comparing."""

    def look(self, number: int) -> LotState:
        return self._workers[number] or super().look(number)

    def write(self, before: LotState, batch: Batch) -> None:
        super().write(replace(before, seq=len(self.log)), batch)


@dataclass(frozen=True)
class Mutant:
    """A planted bug: how it gets in, and the property that catches it.

    `first` is the seed to begin with, where few auctions show the bug.
    """

    caught_by: str
    plant: Callable[[Patch], None] = lambda _patch: None
    house: type[House] = House
    first: int = 0


LATE = "nothing is accepted before the start, at the close or after it"
LEADER = "the leader has the least key, and all others follow theirs"
STEP = "a bid is a step or more below its reference"

MUTANTS: dict[str, Mutant] = {
    "overtime by refused bids": Mutant(
        "refused bids change nothing but the log", overtime_by_refused_bids
    ),
    "a tie to the later": Mutant(LEADER, tie_to_the_later),
    "the decrement against the wrong reference": Mutant(STEP, decrement_against_the_own_bid),
    "a limit rounded up": Mutant(STEP, limit_rounded_up),
    "the clock of the transaction's start": Mutant(
        "a decision is made at the instant the lock is held, and none goes back",
        house=ClockOfArrival,
    ),
    "a bid counted twice": Mutant("a bid sent twice counts once", house=Forgetful),
    "a decision on a stale state": Mutant("a log has no gaps", house=Hasty),
    "bids at the very close": Mutant(LATE, bids_counted_at_the_close),
    "overtime beyond its cap": Mutant("overtime keeps to its cap", overtime_without_a_cap),
    "overtime without end": Mutant(
        "overtime comes as often as the terms say at most", overtime_without_end
    ),
    "overtime by any rank": Mutant("overtime is as long as the terms say", overtime_of_any_rank),
    "overtime that shortens": Mutant("the close never moves earlier", overtime_that_shortens),
    "a proxy below its limit": Mutant("a proxy never bids below its limit", proxy_below_its_limit),
    "of equal limits the latest": Mutant(
        "of equal limits the earliest wins", latest_of_equal_limits, first=80
    ),
    "a duel broken off": Mutant(
        "proxies rest where none would move", proxies_stop_half_way, first=117
    ),
    "a pause that gives time": Mutant("a pause keeps the time that was left", pause_gives_a_minute),
    "bids in a pause": Mutant(
        "nothing is accepted while the clock stands still", bids_taken_in_a_pause
    ),
    "ranked by price whatever counts": Mutant(LEADER, ranked_by_price_whatever_counts),
    "hidden bids counted": Mutant(
        "a viewer's number rises when his view changes, and else never",
        every_bid_counted_for_everybody,
    ),
    "Vickrey at the own price": Mutant(
        "a Vickrey winner gets what the second asked", vickrey_pays_the_own_price
    ),
    "a reserve forgotten": Mutant("nobody wins above the reserve", reserve_forgotten),
    "back in a Japanese auction": Mutant("who left does not come back", back_in_a_japanese_auction),
    "out of turn": Mutant("everybody bids in his own turn", out_of_turn),
    "a serial lot that does not wait": Mutant(
        "a serial lot starts when the one before has ended", serial_without_waiting
    ),
    "a serial lot cut short": Mutant("a serial lot lasts as long as was planned", serial_cut_short),
    "overtime of all lots kept to one": Mutant(
        "overtime of all lots moves the close of each", overtime_kept_to_one_lot, first=72
    ),
    "a withdrawn bid that stands": Mutant(LEADER, withdrawn_bids_stand),
    "a proxy that outlives its withdrawn bid": Mutant(
        "a proxy never bids below its limit", proxies_outlive_withdrawn_bids, first=224
    ),
    "bids taken back against the terms": Mutant(
        "a bidder takes his bid back only where the terms let him", bids_taken_back_at_will
    ),
    "a sealed bid struck by the buyer": Mutant(
        "the buyer strikes no bid he cannot see", sealed_bids_struck
    ),
    "a surrogate without consent": Mutant(
        "the buyer bids for nobody who has not consented", surrogate_without_consent
    ),
}
