"""Staged rounds, as in ProZorro: in each every bidder is alone in his turn, the worst first.

Everybody enters with an opening amount. The order of a round is fixed when it begins, so the leader
speaks last. In his turn a bidder may lower his bid by the decrement or more, or leave it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from auctions.engine.events import (
    Closed,
    Event,
    PlaceBid,
    Rejection,
    RejectionCode,
    StageOpened,
)
from auctions.engine.formats import english
from auctions.engine.formats.protocol import Bounds, needed, nothing, unused
from auctions.engine.state import LotState
from auctions.engine.terms import Disclosure, Reference, Terms, Ties, Turns
from marketplace.kernel.errors import FieldError

accepted = nothing
_NOT_NOW: Final = Decimal(0)


def check(terms: Terms) -> Iterator[FieldError]:
    """Demand turns, and steps below the own bid in an auction that shows all amounts."""
    yield from needed(terms, "turns", "decrement")
    yield from unused(terms, "overtime", "clock", "proxies")
    if terms.disclosure is not Disclosure.OPEN:
        detail = "Between the turns all amounts are shown: the disclosure must be open."
        yield FieldError("/disclosure", "not_in_format", detail)
    if terms.decrement is not None and terms.decrement.reference is not Reference.OWN:
        detail = "In his turn a bidder lowers his own bid: the decrement refers to it."
        yield FieldError("/decrement/reference", "not_in_format", detail)
    if terms.ties is not Ties.BY_TIME:
        yield FieldError("/ties", "not_in_format", "Of equal bids the earlier is ahead.")


def bounds(state: LotState, bidder: UUID) -> Bounds:
    """Give what he may bid to the one whose turn it is, to the others nothing."""
    stage = state.course.stage
    if stage is None or stage.bidder != bidder:
        return Bounds(_NOT_NOW, None)
    return english.bounds(state, bidder)


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse who is not in his turn, and what is no step below his bid."""
    stage = state.course.stage
    if stage is None or stage.bidder != bid.bidder:
        return Rejection(code=RejectionCode.NOT_YOUR_TURN)
    return english.judge(state, bid)


def started(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Open the first turn of the first round."""
    return _first_turn(state, 1, at)


def tick(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Open the next turn, the next round, or close after the last."""
    stage = state.course.stage
    if stage is None:
        return _first_turn(state, 1, at)
    waiting = [bidder for bidder in stage.queue if bidder in state.places]
    if waiting:
        return (_turn(state, stage.round, waiting[0], at),)
    if stage.round < _turns(state).rounds:
        return _first_turn(state, stage.round + 1, at)
    return (Closed(seq=state.seq + 1, at=at),)


def _first_turn(state: LotState, number: int, at: datetime) -> tuple[Event, ...]:
    if not state.order:
        return (Closed(seq=state.seq + 1, at=at),)
    return (_turn(state, number, state.order[-1].bidder, at),)


def _turn(state: LotState, number: int, bidder: UUID, at: datetime) -> StageOpened:
    until = at + timedelta(seconds=_turns(state).turn_s)
    return StageOpened(seq=state.seq + 1, at=at, round=number, bidder=bidder, until=until)


def _turns(state: LotState) -> Turns:
    turns = state.terms.turns
    if turns is None:
        msg = "terms without turns passed the check"
        raise ValueError(msg)
    return turns
