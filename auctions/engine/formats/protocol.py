"""What every format answers, and the answers most of them share."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import msgspec

from auctions.engine.events import Event, PlaceBid, Rejection, RejectionCode
from auctions.engine.scoring import in_terms_of
from auctions.engine.state import LotState
from auctions.engine.terms import Terms, smallest
from marketplace.kernel.errors import FieldError
from marketplace.kernel.money import currency_digits


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """The amounts a bidder may bid now: at most `highest`; at least `lowest` where there is one.

    A `highest` of zero or less means that he cannot go lower: amounts are positive.
    """

    highest: Decimal
    lowest: Decimal | None


class FormatRules(Protocol):
    """The rules in which formats differ; a format is a module with these functions."""

    def check(self, terms: Terms) -> Iterator[FieldError]:
        """Name what this format demands of its terms beyond what all do, or cannot use of them."""

    def bounds(self, state: LotState, bidder: UUID) -> Bounds:
        """Give what `bidder` may bid. Shown to him, so it follows from what he may see."""

    def judge(self, state: LotState, bid: PlaceBid) -> Rejection | None:
        """Refuse a bid that came in time from somebody invited, or give None to accept it."""

    def started(self, state: LotState, at: datetime) -> tuple[Event, ...]:
        """Give what follows the start at once."""

    def tick(self, state: LotState, at: datetime) -> tuple[Event, ...]:
        """Give what the end of a stage brings; it is asked when the stage's time is up."""

    def accepted(self, state: LotState, at: datetime) -> tuple[Event, ...]:
        """Give what follows an accepted bid; `state` is the one after it."""


def nothing(_state: LotState, _at: datetime) -> tuple[Event, ...]:
    """Give no event: for formats in which nothing follows."""
    return ()


def ceiling_of(state: LotState, bidder: UUID) -> Decimal:
    """Give the highest amount `bidder` may ever bid, in his currency."""
    own = state.yardsticks.get(bidder) if state.yardsticks else None
    return state.terms.ceiling if own is None else own.amount_for(state.terms.ceiling)


def digits_of(state: LotState, bidder: UUID) -> int:
    """Give the decimals of the currency `bidder` bids in."""
    own = state.yardsticks.get(bidder) if state.yardsticks else None
    return currency_digits(state.terms.currency) if own is None else own.digits


def leaders_price(state: LotState, bidder: UUID) -> Decimal:
    """Give the leading bid as `bidder`'s own amount, cut to his currency's digits."""
    digits = currency_digits(state.terms.currency)
    return in_terms_of(state.yardsticks, bidder, state.order[0].score, digits)


def below_own(state: LotState, bidder: UUID) -> Bounds:
    """Bound a bidder by his own standing bid alone: any lower amount will do."""
    own = state.places.get(bidder)
    if own is None:
        return Bounds(ceiling_of(state, bidder), None)
    return Bounds(own.amount - smallest(digits_of(state, bidder)), None)


def too_high(highest: Decimal) -> Rejection:
    """Refuse what is above the highest acceptable amount."""
    return Rejection(code=RejectionCode.ABOVE_LIMIT, bound=highest if highest > 0 else None)


def unused(terms: Terms, *names: str) -> Iterator[FieldError]:
    """Name the terms a format has no use for and that are given all the same."""
    for name in names:
        if getattr(terms, name):
            detail = f"A {terms.format.value} auction has no {name}."
            yield FieldError(f"/{name}", "not_in_format", detail)


def needed(terms: Terms, *names: str) -> Iterator[FieldError]:
    """Name the terms a format cannot do without and that are missing."""
    for name in names:
        if getattr(terms, name) is None:
            yield FieldError(f"/{name}", "required", f"A {terms.format.value} auction needs this.")
