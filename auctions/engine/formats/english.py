"""English reverse: suppliers underbid in the open time; the lowest at the close leads."""

from uuid import UUID

from auctions.engine.events import PlaceBid, Rejection, RejectionCode
from auctions.engine.formats.protocol import Bounds
from auctions.engine.ranking import Place
from auctions.engine.state import LotState
from auctions.engine.terms import Reference
from marketplace.kernel.money import currency_digits


def bounds(state: LotState, bidder: UUID) -> Bounds:
    """Give what `bidder` may bid: a step or more below the reference, and not above the ceiling.

    A first bid has no reference even where the leader is one: a bidder sees the leading price only
    after he has bid himself, and a refusal must not tell it before. The step counts more than the
    guard against typing errors: where prices have fallen so far that the two contradict each other,
    the one amount that makes just the step is acceptable.
    """
    terms = state.terms
    reference = _reference(state, bidder)
    if reference is None:
        return Bounds(terms.ceiling, None)
    digits = currency_digits(terms.currency)
    decrement = terms.decrement
    highest = decrement.step.highest_below(reference.amount, digits)
    if decrement.maximum is None:
        return Bounds(highest, None)
    lowest = min(highest, decrement.maximum.lowest_below(reference.amount, digits))
    return Bounds(highest, lowest if lowest > 0 else None)


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse what is too high or, by a typing error, much too low."""
    highest, lowest = bounds(state, bid.bidder)
    if bid.amount > highest:
        bound = highest if highest > 0 else None
        return Rejection(code=RejectionCode.ABOVE_LIMIT, bound=bound)
    if lowest is not None and bid.amount < lowest:
        return Rejection(code=RejectionCode.BELOW_FLOOR, bound=lowest)
    return None


def _reference(state: LotState, bidder: UUID) -> Place | None:
    own = state.places.get(bidder)
    if own is None or state.terms.decrement.reference is Reference.OWN:
        return own
    return state.order[0]
