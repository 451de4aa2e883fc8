"""Dutch reverse: the price rises step by step until the first supplier takes it.

A bid names a price. What was called already is taken as it is named: whoever is content with less
than the clock offers by now gets what he said, and nobody is held to a price he did not see.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from auctions.engine.events import Closed, Event, PlaceBid, Rejection
from auctions.engine.formats.called import call, called_price, clock_of
from auctions.engine.formats.protocol import Bounds, needed, too_high, unused
from auctions.engine.formats.sealed import keeps_all_hidden
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from marketplace.kernel.errors import FieldError


def check(terms: Terms) -> Iterator[FieldError]:
    """Demand a clock whose prices rise and end at the ceiling or below."""
    yield from needed(terms, "clock")
    yield from unused(terms, "decrement", "overtime", "turns", "proxies", "rates")
    yield from keeps_all_hidden(terms)
    clock = terms.clock
    if clock is not None and not clock.first < clock.last <= terms.ceiling:
        detail = "The prices called must rise, and not above the ceiling."
        yield FieldError("/clock/last", "out_of_range", detail)


def bounds(state: LotState, _bidder: UUID) -> Bounds:
    """Bound everybody by the price that is called."""
    return Bounds(called_price(state), None)


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse what the clock has not reached."""
    called = called_price(state)
    return too_high(called) if bid.amount > called else None


def started(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Call the first price."""
    return (call(state, state.seq + 1, 1, clock_of(state).first, at),)


def tick(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Call the next price, or close where nobody took the last."""
    stage, clock = state.course.stage, clock_of(state)
    price = called_price(state) + clock.step
    if stage is None or price > clock.last:
        return (Closed(seq=state.seq + 1, at=at),)
    return (call(state, state.seq + 1, stage.round + 1, price, at),)


def accepted(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Close: the first who takes a price is the only one."""
    return (Closed(seq=state.seq + 1, at=at),)
