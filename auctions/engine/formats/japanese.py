"""Japanese reverse: the price falls round by round; who does not bid it in its round is out.

The auction ends when one bidder is left or the last price was called. Who stayed in longest leads;
if the last ones leave together, the one of them who was first to stay in the round before.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from auctions.engine.events import (
    BidderLeft,
    Closed,
    Event,
    PlaceBid,
    Rejection,
    RejectionCode,
)
from auctions.engine.formats.called import call, called_price, clock_of
from auctions.engine.formats.protocol import Bounds, needed, unused
from auctions.engine.formats.sealed import keeps_all_hidden
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from marketplace.kernel.errors import FieldError

_NOTHING: Final = Decimal(0)


def check(terms: Terms) -> Iterator[FieldError]:
    """Demand a clock whose prices fall from the ceiling or below."""
    yield from needed(terms, "clock")
    yield from unused(terms, "decrement", "overtime", "turns", "proxies", "rates")
    yield from keeps_all_hidden(terms)
    clock = terms.clock
    if clock is not None and not clock.last < clock.first <= terms.ceiling:
        detail = "The prices called must fall, and begin at the ceiling or below."
        yield FieldError("/clock/first", "out_of_range", detail)


def bounds(state: LotState, bidder: UUID) -> Bounds:
    """Give the called price to those who may still say that they stay in, else nothing."""
    price = called_price(state)
    if bidder in state.course.out or _stays(state, bidder, price):
        return Bounds(_NOTHING, None)
    return Bounds(price, price)


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse those who are out or in already, and every price but the one called."""
    price = called_price(state)
    if bid.bidder in state.course.out:
        return Rejection(code=RejectionCode.OUT)
    if _stays(state, bid.bidder, price):
        return Rejection(code=RejectionCode.ALREADY_IN)
    if bid.amount != price:
        return Rejection(code=RejectionCode.OFF_PRICE, bound=price)
    return None


def started(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Call the first price."""
    return (call(state, state.seq + 1, 1, clock_of(state).first, at),)


def tick(state: LotState, at: datetime) -> tuple[Event, ...]:
    """Drop who did not stay in; call the next price, or close if one is left or it was the last."""
    stage, clock, price = state.course.stage, clock_of(state), called_price(state)
    active = [bidder for bidder in state.roster if bidder not in state.course.out]
    gone = [bidder for bidder in active if not _stays(state, bidder, price)]
    events: list[Event] = [
        BidderLeft(seq=seq, at=at, bidder=bidder)
        for seq, bidder in enumerate(gone, start=state.seq + 1)
    ]
    seq = state.seq + len(events) + 1
    following = price - clock.step
    if stage is None or len(active) - len(gone) <= 1 or following < clock.last:
        return (*events, Closed(seq=seq, at=at))
    return (*events, call(state, seq, stage.round + 1, following, at))


def accepted(_state: LotState, _at: datetime) -> tuple[Event, ...]:
    """Let the round run out: nobody learns who stayed in before its end."""
    return ()


def _stays(state: LotState, bidder: UUID, price: Decimal) -> bool:
    own = state.places.get(bidder)
    return own is not None and own.amount == price
