"""What the buyer lays down for a lot before the bidding: its terms.

A lot's terms never change once it is scheduled; the first entry of its log holds them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import Enum
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import (
    AUCTION_DURATION_SECONDS_MAX,
    AUCTION_EXTENSIONS_MAX,
    AUCTION_OVERTIME_SECONDS_MAX,
)
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import places

_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)
_UP: Final = Context(prec=60, rounding=ROUND_CEILING)
_QUANTA: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(7))


class Format(Enum):
    """How the competition runs; each has a file of its own in `formats`."""

    ENGLISH = "english"
    """Suppliers underbid in the open time; the lowest at the close leads."""


class Disclosure(Enum):
    """What a bidder sees of his rivals while the bidding runs."""

    OPEN = "open"
    """Every standing amount, under aliases, and his own rank."""
    BEST_PRICE = "best_price"
    """The leading amount and his own rank."""
    RANK_ONLY = "rank_only"
    """His own rank and nothing else."""


class Reference(Enum):
    """The amount a new bid must stay below."""

    OWN = "own"
    """The bidder's own standing bid."""
    LEADER = "leader"
    """The leading bid. Only where bidders see it: a refusal would tell it otherwise."""


class Ties(Enum):
    """Who of two equal bids is ahead."""

    BY_TIME = "by_time"
    """The one with the lower number in the log."""


class Measure(Enum):
    """How a step is measured."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"


class CountedFrom(Enum):
    """Where the length of an extension is counted from."""

    CLOSE = "close"
    """From the close as it stood: every extension adds its whole length."""
    RECEIPT = "receipt"
    """From the decision on the bid: nobody waits longer than the length after the last bid."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A distance between two amounts: so much of the lot's currency, or so many percent."""

    measure: Measure
    value: Decimal

    def highest_below(self, reference: Decimal, digits: int) -> Decimal:
        """Give the highest amount of `digits` places that is a step or more below `reference`."""
        return _below(self, reference).quantize(_QUANTA[digits], context=_DOWN)

    def lowest_below(self, reference: Decimal, digits: int) -> Decimal:
        """Give the lowest amount of `digits` places that is at most a step below `reference`."""
        return _below(self, reference).quantize(_QUANTA[digits], context=_UP)


def _below(step: Step, reference: Decimal) -> Decimal:
    if step.measure is Measure.ABSOLUTE:
        return _DOWN.subtract(reference, step.value)
    return _DOWN.multiply(reference, _DOWN.subtract(Decimal(100), step.value)).scaleb(-2, _DOWN)


class Decrement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a new bid must and may fall.

    `maximum` guards against typing errors; it is measured from the same reference as `step`, and a
    first bid, which has none, is bounded by the ceiling alone.
    """

    step: Step
    reference: Reference = Reference.OWN
    maximum: Step | None = None


class Overtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a late bid moves the close.

    An accepted bid within the last `window_s` seconds that takes a rank of `lowest_rank` or better
    moves the close by `extension_s` seconds, at most `at_most` times, and never further than
    `total_max_s` seconds beyond the close first laid down.
    """

    window_s: int
    extension_s: int
    lowest_rank: int
    at_most: int
    total_max_s: int
    counted_from: CountedFrom = CountedFrom.CLOSE


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one lot. Amounts are totals of the lot, in `currency`, with its digits.

    `ceiling` is the highest amount anybody may bid. With `starting_gate` nobody sees anything of
    his rivals before he has bid himself. `buyer_sees_identities` tells the buyer who bids while the
    bidding runs; otherwise he sees aliases until the close.
    """

    format: Format = Format.ENGLISH
    disclosure: Disclosure = Disclosure.RANK_ONLY
    currency: str
    ceiling: Decimal
    decrement: Decrement
    overtime: Overtime | None = None
    ties: Ties = Ties.BY_TIME
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    starts_at: datetime
    ends_at: datetime

    def latest_close_at(self) -> datetime:
        """Give the instant the close can never pass, however many bids extend it."""
        if self.overtime is None:
            return self.ends_at
        return self.ends_at + timedelta(seconds=self.overtime.total_max_s)


def check_terms(terms: Terms, pointer: str = "") -> Terms:
    """Give the terms back, or raise InvalidInput with every place that is wrong.

    `pointer` is put in front of the pointers, for terms that lie inside a larger body.
    """
    digits = currency_digits(terms.currency)
    errors = [
        *_amount_errors(terms, digits),
        *_decrement_errors(terms, digits),
        *_time_errors(terms),
        *(_overtime_errors(terms.overtime) if terms.overtime is not None else ()),
    ]
    if errors:
        pointed = [FieldError(pointer + e.pointer, e.code, e.detail) for e in errors]
        raise InvalidInput("The terms of the lot do not fit together.", errors=pointed)
    return terms


def check_amount(amount: Decimal, currency: str, pointer: str = "/amount") -> Decimal:
    """Give a bid's amount in the currency's digits, or raise InvalidInput pointing at `pointer`.

    What is refused here can never become a valid bid; whether it is low enough is for `decide`.
    """
    error = _amount_error(amount, currency_digits(currency), pointer)
    if error is not None:
        raise InvalidInput(error.detail, errors=(error,))
    return in_digits(amount, currency)


def in_digits(amount: Decimal, currency: str) -> Decimal:
    """Write an amount that has no more places than its currency with exactly the currency's."""
    return amount.quantize(_QUANTA[currency_digits(currency)], context=_DOWN)


def _amount_error(amount: Decimal, digits: int, pointer: str) -> FieldError | None:
    if not amount.is_finite() or amount <= 0:
        return FieldError(pointer, "not_positive", "An amount must be greater than zero.")
    if amount != amount.quantize(_QUANTA[digits], context=_DOWN):
        detail = f"An amount in this currency has at most {digits} decimals."
        return FieldError(pointer, "too_many_decimals", detail)
    return None


def _amount_errors(terms: Terms, digits: int) -> Iterator[FieldError]:
    error = _amount_error(terms.ceiling, digits, "/ceiling")
    if error is not None:
        yield error


def _decrement_errors(terms: Terms, digits: int) -> Iterator[FieldError]:
    decrement = terms.decrement
    yield from _step_errors(decrement.step, terms.ceiling, digits, "/decrement/step")
    if decrement.maximum is not None:
        yield from _step_errors(decrement.maximum, terms.ceiling, digits, "/decrement/maximum")
        if _below(decrement.maximum, terms.ceiling) > _below(decrement.step, terms.ceiling):
            detail = "The maximum decrement is smaller than the step every bid must make."
            yield FieldError("/decrement/maximum", "below_step", detail)
    if decrement.reference is Reference.LEADER and terms.disclosure is Disclosure.RANK_ONLY:
        detail = (
            "Where bidders see their rank alone the decrement must refer to the own bid: a refusal "
            "would tell them the leading price."
        )
        yield FieldError("/decrement/reference", "tells_hidden_price", detail)


def _step_errors(step: Step, ceiling: Decimal, digits: int, pointer: str) -> Iterator[FieldError]:
    if not step.value.is_finite() or step.value <= 0:
        yield FieldError(f"{pointer}/value", "not_positive", "A step must be greater than zero.")
    elif step.measure is Measure.PERCENT:
        if step.value >= 100:  # noqa: PLR2004 - per cent
            yield FieldError(f"{pointer}/value", "too_large", "A step must be less than 100 %.")
        if places(step.value) > 4:  # noqa: PLR2004 - a hundredth of a basis point
            detail = "A percentage has at most 4 decimals."
            yield FieldError(f"{pointer}/value", "too_many_decimals", detail)
    else:
        if places(step.value) > digits:
            detail = f"An amount in this currency has at most {digits} decimals."
            yield FieldError(f"{pointer}/value", "too_many_decimals", detail)
        if step.value >= ceiling:
            detail = "A step must be smaller than the ceiling."
            yield FieldError(f"{pointer}/value", "too_large", detail)


def _time_errors(terms: Terms) -> Iterator[FieldError]:
    if terms.ends_at <= terms.starts_at:
        yield FieldError("/ends_at", "not_after_start", "An auction must end after it starts.")
    elif terms.ends_at - terms.starts_at > timedelta(seconds=AUCTION_DURATION_SECONDS_MAX):
        detail = f"An auction lasts at most {AUCTION_DURATION_SECONDS_MAX // 86_400} days."
        yield FieldError("/ends_at", "too_long", detail)


def _overtime_errors(overtime: Overtime) -> Iterator[FieldError]:
    bounds = {
        "window_s": AUCTION_OVERTIME_SECONDS_MAX,
        "extension_s": AUCTION_OVERTIME_SECONDS_MAX,
        "lowest_rank": AUCTION_EXTENSIONS_MAX,
        "at_most": AUCTION_EXTENSIONS_MAX,
        "total_max_s": AUCTION_DURATION_SECONDS_MAX,
    }
    for name, highest in bounds.items():
        if not 1 <= getattr(overtime, name) <= highest:
            detail = f"Must lie between 1 and {highest}."
            yield FieldError(f"/overtime/{name}", "out_of_range", detail)
