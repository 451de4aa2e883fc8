"""Sealed first price: nobody sees a bid before the close; the lowest leads and gets what he asked.

A bidder may lower his own bid as often as he likes.
"""

from collections.abc import Iterator

from auctions.engine.events import PlaceBid, Rejection
from auctions.engine.formats.protocol import below_own, nothing, too_high, unused
from auctions.engine.state import LotState
from auctions.engine.terms import Disclosure, Terms, Ties
from marketplace.kernel.errors import FieldError

started = tick = accepted = nothing
bounds = below_own


def check(terms: Terms) -> Iterator[FieldError]:
    """Demand that bids stay hidden; steps, overtime and proxies answer rivals nobody sees."""
    yield from unused(terms, "decrement", "overtime", "clock", "turns", "proxies")
    yield from keeps_all_hidden(terms)


def keeps_all_hidden(terms: Terms) -> Iterator[FieldError]:
    """Demand that bidders see their own bids alone."""
    if terms.disclosure is not Disclosure.OWN_ONLY:
        detail = f"In a {terms.format.value} auction bidders see nothing of each other: own_only."
        yield FieldError("/disclosure", "not_in_format", detail)
    if terms.ties is not Ties.BY_TIME:
        yield FieldError("/ties", "not_in_format", "Of equal hidden bids the earlier is ahead.")


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse what is above the ceiling or not below the bidder's own bid."""
    highest = bounds(state, bid.bidder).highest
    return too_high(highest) if bid.amount > highest else None
