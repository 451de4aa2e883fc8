"""English reverse: suppliers underbid in the open time; the lowest at the close leads."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from auctions.engine.events import PlaceBid, Rejection, RejectionCode
from auctions.engine.formats.protocol import (
    Bounds,
    ceiling_of,
    digits_of,
    leaders_price,
    needed,
    nothing,
    too_high,
    unused,
)
from auctions.engine.scoring import price_of, score_of
from auctions.engine.state import LotState
from auctions.engine.terms import Decrement, Disclosure, Reference, Step, Terms, Ties, smallest
from marketplace.kernel.errors import FieldError

started = tick = accepted = nothing


def check(terms: Terms) -> Iterator[FieldError]:
    """Demand a decrement, and that no refusal tells what the terms hide."""
    yield from needed(terms, "decrement")
    yield from unused(terms, "clock", "turns")
    if terms.disclosure is Disclosure.OWN_ONLY:
        detail = "In an English auction bidders see their rank at least."
        yield FieldError("/disclosure", "not_in_format", detail)
    if terms.decrement is None:
        return
    if terms.decrement.reference is Reference.LEADER and terms.disclosure is Disclosure.RANK_ONLY:
        detail = (
            "Where bidders see their rank alone the decrement must refer to the own bid: a refusal "
            "would tell them the leading price."
        )
        yield FieldError("/decrement/reference", "tells_hidden_price", detail)
    if terms.ties is Ties.FORBIDDEN and (
        terms.disclosure is not Disclosure.OPEN or terms.starting_gate
    ):
        detail = (
            "Ties can be forbidden only in an open auction without a starting gate: the refusal "
            "would tell a hidden price."
        )
        yield FieldError("/ties", "tells_hidden_price", detail)
    if terms.proxies and (terms.decrement.multiples_only or terms.ties is Ties.FORBIDDEN):
        detail = "A proxy needs every amount below a limit: no multiples only, no forbidden ties."
        yield FieldError("/proxies", "not_with_these_steps", detail)


def bounds(state: LotState, bidder: UUID) -> Bounds:
    """Give what `bidder` may bid: a step or more below the reference, and not above the ceiling.

    A first bid has no reference even where the leader is one: a bidder sees the leading price only
    after he has bid himself, and a refusal must not tell it before. The step counts more than the
    guard against typing errors: where prices have fallen so far that the two contradict each other,
    the one amount that makes just the step is acceptable.
    """
    decrement, digits = decrement_of(state), digits_of(state, bidder)
    reference = _reference(state, decrement, bidder)
    if reference is None:
        return Bounds(_untied(state, bidder, ceiling_of(state, bidder)), None)
    highest = _step(state, decrement, bidder, reference).highest_below(reference, digits)
    if state.terms.ties is Ties.FORBIDDEN:
        highest = _untied(state, bidder, highest)
    if decrement.maximum is None:
        return Bounds(highest, None)
    maximum = _own_currency(state, bidder, decrement.maximum)
    lowest = min(highest, maximum.lowest_below(reference, digits))
    return Bounds(highest, lowest if lowest > 0 else None)


def judge(state: LotState, bid: PlaceBid) -> Rejection | None:
    """Refuse what is too high, off the steps, equal to another, or by a slip much too low."""
    allowed = bounds(state, bid.bidder)
    highest, lowest = allowed.highest, allowed.lowest
    if bid.amount > highest:
        return too_high(highest)
    if lowest is not None and bid.amount < lowest:
        return Rejection(code=RejectionCode.BELOW_FLOOR, bound=lowest)
    terms = state.terms
    if terms.ties is Ties.FORBIDDEN:
        free = _untied(state, bid.bidder, bid.amount)
        if free != bid.amount:
            return Rejection(code=RejectionCode.TIED, bound=free if free > 0 else None)
    decrement = terms.decrement
    if decrement is not None and decrement.multiples_only:
        steps = _grid(state, bid.bidder)
        over = (highest - bid.amount) % steps
        if over:
            bound = bid.amount + over
            return Rejection(code=RejectionCode.OFF_GRID, bound=bound)
    return None


def decrement_of(state: LotState) -> Decrement:
    """Give the decrement, which `check` made sure of."""
    decrement = state.terms.decrement
    if decrement is None:
        msg = "terms without a decrement passed the check"
        raise ValueError(msg)
    return decrement


def step_at(state: LotState, bidder: UUID, reference: Decimal) -> Step:
    """Give the step `bidder` must make from a reference that is in his currency."""
    return _step(state, decrement_of(state), bidder, reference)


def _reference(state: LotState, decrement: Decrement, bidder: UUID) -> Decimal | None:
    own = state.places.get(bidder)
    if own is None:
        return None
    if decrement.reference is Reference.OWN:
        return own.amount
    return leaders_price(state, bidder)


def _step(state: LotState, decrement: Decrement, bidder: UUID, reference: Decimal) -> Step:
    step = decrement.step
    if decrement.tiers:
        step = decrement.step_from(price_of(state.yardsticks, bidder, reference))
    return _own_currency(state, bidder, step) if state.yardsticks else step


def _own_currency(state: LotState, bidder: UUID, step: Step) -> Step:
    own = state.yardsticks.get(bidder)
    return step if own is None else step.in_currency_of(own.rate)


def _grid(state: LotState, bidder: UUID) -> Decimal:
    """Give the distance of the amounts that are whole multiples of the step from the reference."""
    decrement = decrement_of(state)
    reference = _reference(state, decrement, bidder)
    if reference is None:
        reference = state.terms.ceiling
    return _step(state, decrement, bidder, reference).value


def _untied(state: LotState, bidder: UUID, highest: Decimal) -> Decimal:
    """Give the next amount from `highest` down that equals nobody's, where ties are forbidden."""
    if state.terms.ties is not Ties.FORBIDDEN:
        return highest
    taken = {place.score for place in state.order if place.bidder != bidder}
    digits = digits_of(state, bidder)
    unit = _grid(state, bidder) if decrement_of(state).multiples_only else smallest(digits)
    while highest > 0 and score_of(state.yardsticks, bidder, highest) in taken:
        highest -= unit
    return highest
