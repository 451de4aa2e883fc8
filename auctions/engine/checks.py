"""Whether the terms of a lot, and what is laid down for each bidder, fit together."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from auctions.engine.formats import FORMATS
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import (
    SEALED,
    Decrement,
    Format,
    Measure,
    Overtime,
    Rate,
    ScoringMethod,
    Step,
    Terms,
    Withdrawals,
    amount_error,
)
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import (
    AUCTION_DURATION_SECONDS_MAX,
    AUCTION_EXTENSIONS_MAX,
    AUCTION_OVERTIME_SECONDS_MAX,
    AUCTION_RATES_MAX,
    AUCTION_ROUNDS_MAX,
    AUCTION_STAGES_MAX,
    AUCTION_TIERS_MAX,
)
from marketplace.kernel.money import CURRENCIES, currency_digits
from marketplace.kernel.units import decimals, places

RATE_PLACES: Final = 12
"""Decimals of rates, multipliers and features' worths."""
_RATE_MAX: Final = Decimal(10) ** 9


def check_terms(terms: Terms, pointer: str = "") -> Terms:
    """Give the terms back, or raise InvalidInput with every place that is wrong.

    `pointer` is put in front of the pointers, for terms that lie inside a larger body.
    """
    digits = currency_digits(terms.currency)
    errors = [
        *_amount_errors(terms, digits),
        *(_decrement_errors(terms, terms.decrement, digits) if terms.decrement else ()),
        *_time_errors(terms),
        *_break_errors(terms),
        *(_overtime_errors(terms.overtime) if terms.overtime is not None else ()),
        *_clock_errors(terms, digits),
        *_turns_errors(terms),
        *_scoring_errors(terms),
        *rate_errors(terms.rates, terms.currency),
        *_hidden_bid_errors(terms),
        *FORMATS[terms.format].check(terms),
    ]
    if errors:
        pointed = [FieldError(pointer + e.pointer, e.code, e.detail) for e in errors]
        raise InvalidInput("The terms of the lot do not fit together.", errors=pointed)
    return terms


def bidder_errors(
    terms: Terms, currency: str | None, adjustment: Adjustment | None, pointer: str
) -> Iterator[FieldError]:
    """Name what is wrong with what is laid down for one bidder beside his opening amount."""
    known = {terms.currency, *(rate.currency for rate in terms.rates)}
    if currency is not None and currency not in known:
        detail = "The terms have no rate for this currency."
        yield FieldError(f"{pointer}/currency", "no_rate", detail)
    if adjustment is None:
        return
    for name, method in _BELONGS_TO.items():
        value = getattr(adjustment, name)
        if value != getattr(_NEUTRAL, name) and terms.scoring.method is not method:
            detail = f"This counts only where the scoring is {method.value}."
            yield FieldError(f"{pointer}/adjustment/{name}", "not_in_scoring", detail)
    yield from _adjustment_errors(terms, adjustment, f"{pointer}/adjustment")


def _adjustment_errors(terms: Terms, adjustment: Adjustment, pointer: str) -> Iterator[FieldError]:
    if not _is_factor(adjustment.multiplier):
        detail = f"A multiplier is greater than zero and has at most {RATE_PLACES} decimals."
        yield FieldError(f"{pointer}/multiplier", "out_of_range", detail)
    digits = currency_digits(terms.currency)
    costs = {"addend": adjustment.addend} | {
        f"costs/{name}": cost for name, cost in adjustment.costs.items()
    }
    for name, amount in costs.items():
        if not amount.is_finite() or amount < 0 or places(amount) > digits:
            detail = f"Must be zero or more, with {decimals(digits)}."
            yield FieldError(f"{pointer}/{name}", "out_of_range", detail)
    most = {feature.name: feature.maximum for feature in terms.scoring.features}
    for name, worth in adjustment.features.items():
        if name not in most:
            detail = "The terms know no such feature."
            yield FieldError(f"{pointer}/features/{name}", "unknown", detail)
        elif not worth.is_finite() or not 0 <= worth <= most[name] or places(worth) > RATE_PLACES:
            detail = f"Must lie between 0 and {most[name]}."
            yield FieldError(f"{pointer}/features/{name}", "out_of_range", detail)


_NEUTRAL: Final = Adjustment()
_BELONGS_TO: Final = {
    "multiplier": ScoringMethod.TRANSFORMED,
    "addend": ScoringMethod.TRANSFORMED,
    "features": ScoringMethod.COEFFICIENT,
    "costs": ScoringMethod.LIFE_CYCLE,
}


def _is_factor(value: Decimal) -> bool:
    return value.is_finite() and 0 < value <= _RATE_MAX and places(value) <= RATE_PLACES


def _amount_errors(terms: Terms, digits: int) -> Iterator[FieldError]:
    for name in ("ceiling", "reserve"):
        amount = getattr(terms, name)
        error = None if amount is None else amount_error(amount, digits, f"/{name}")
        if error is not None:
            yield error
        elif amount is not None and amount > terms.ceiling:
            detail = "A reserve above the ceiling reserves nothing."
            yield FieldError(f"/{name}", "above_ceiling", detail)


def _decrement_errors(terms: Terms, decrement: Decrement, digits: int) -> Iterator[FieldError]:
    yield from _step_errors(decrement.step, terms.ceiling, digits, "/decrement/step")
    if decrement.maximum is not None:
        yield from _step_errors(decrement.maximum, terms.ceiling, digits, "/decrement/maximum")
        if decrement.maximum.below(terms.ceiling) > decrement.step.below(terms.ceiling):
            detail = "The maximum decrement is smaller than the step every bid must make."
            yield FieldError("/decrement/maximum", "below_step", detail)
    yield from _tier_errors(terms, decrement, digits)
    if decrement.multiples_only:
        steps = [decrement.step, *(tier.step for tier in decrement.tiers)]
        if terms.rates or any(step.measure is Measure.PERCENT for step in steps):
            detail = "Multiples need absolute steps in one currency."
            yield FieldError("/decrement/multiples_only", "not_with_these_steps", detail)


def _tier_errors(terms: Terms, decrement: Decrement, digits: int) -> Iterator[FieldError]:
    if len(decrement.tiers) > AUCTION_TIERS_MAX:
        detail = f"There are at most {AUCTION_TIERS_MAX} tiers."
        yield FieldError("/decrement/tiers", "too_many", detail)
    before: Decimal | None = None
    for place, tier in enumerate(decrement.tiers):
        pointer = f"/decrement/tiers/{place}"
        error = amount_error(tier.at_least, digits, f"{pointer}/at_least")
        if error is not None:
            yield error
        elif before is not None and tier.at_least >= before:
            detail = "Tiers come in falling order."
            yield FieldError(f"{pointer}/at_least", "not_falling", detail)
        else:
            before = tier.at_least
        yield from _step_errors(tier.step, terms.ceiling, digits, f"{pointer}/step")


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
            detail = f"An amount in this currency has {decimals(digits)}."
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


def _break_errors(terms: Terms) -> Iterator[FieldError]:
    longest = AUCTION_OVERTIME_SECONDS_MAX
    if terms.follows is not None and not 0 <= terms.follows.break_s <= longest:
        detail = f"Between two lots lie 0 to {longest} seconds."
        yield FieldError("/follows/break_s", "out_of_range", detail)


def _overtime_errors(overtime: Overtime) -> Iterator[FieldError]:
    bounds = {
        "window_s": AUCTION_OVERTIME_SECONDS_MAX,
        "extension_s": AUCTION_OVERTIME_SECONDS_MAX,
        "lowest_rank": AUCTION_EXTENSIONS_MAX,
        "at_most": AUCTION_EXTENSIONS_MAX,
        "total_max_s": AUCTION_DURATION_SECONDS_MAX,
    }
    for name, highest in bounds.items():
        yield from _range_errors(getattr(overtime, name), highest, f"/overtime/{name}")


def _range_errors(value: int, highest: int, pointer: str) -> Iterator[FieldError]:
    if not 1 <= value <= highest:
        yield FieldError(pointer, "out_of_range", f"Must lie between 1 and {highest}.")


def _clock_errors(terms: Terms, digits: int) -> Iterator[FieldError]:
    clock = terms.clock
    if clock is None:
        return
    yield from _range_errors(clock.every_s, AUCTION_OVERTIME_SECONDS_MAX, "/clock/every_s")
    wrong = [
        error
        for name in ("first", "last", "step")
        if (error := amount_error(getattr(clock, name), digits, f"/clock/{name}"))
    ]
    yield from wrong
    if not wrong and clock.calls() > AUCTION_STAGES_MAX:
        detail = f"At most {AUCTION_STAGES_MAX} prices are called: take a larger step."
        yield FieldError("/clock/step", "too_small", detail)
    if terms.scoring.method is not ScoringMethod.PRICE:
        detail = "Where prices are called the price alone counts."
        yield FieldError("/scoring/method", "not_in_format", detail)


def _turns_errors(terms: Terms) -> Iterator[FieldError]:
    if terms.turns is not None:
        yield from _range_errors(terms.turns.rounds, AUCTION_ROUNDS_MAX, "/turns/rounds")
        highest = AUCTION_OVERTIME_SECONDS_MAX
        yield from _range_errors(terms.turns.turn_s, highest, "/turns/turn_s")


def _scoring_errors(terms: Terms) -> Iterator[FieldError]:
    scoring = terms.scoring
    coefficient = scoring.method is ScoringMethod.COEFFICIENT
    if coefficient is not bool(scoring.features):
        detail = "A coefficient has features, and no other method has."
        yield FieldError("/scoring/features", "not_in_scoring", detail)
    names = [feature.name for feature in scoring.features]
    if len(set(names)) < len(names):
        yield FieldError("/scoring/features", "duplicate", "Two features have one name.")
    maxima = [feature.maximum for feature in scoring.features]
    if not all(_is_factor(maximum) for maximum in maxima) or sum(maxima) >= 1:
        detail = "Each feature is worth more than 0, and all together less than 1."
        yield FieldError("/scoring/features", "out_of_range", detail)


def rate_errors(rates: Sequence[Rate], currency: str) -> Iterator[FieldError]:
    """Name what is wrong with rates of other currencies into this one."""
    if len(rates) > AUCTION_RATES_MAX:
        yield FieldError("/rates", "too_many", f"There are at most {AUCTION_RATES_MAX} rates.")
    seen = {currency}
    for place, rate in enumerate(rates):
        if rate.currency in seen or rate.currency not in CURRENCIES:
            detail = "A rate is for another currency of ISO 4217, once each."
            yield FieldError(f"/rates/{place}/currency", "unknown_currency", detail)
        seen.add(rate.currency)
        if not _is_factor(rate.rate):
            detail = f"A rate is greater than zero and has at most {RATE_PLACES} decimals."
            yield FieldError(f"/rates/{place}/rate", "out_of_range", detail)


def _hidden_bid_errors(terms: Terms) -> Iterator[FieldError]:
    """Name what would tell the buyer of bids he must not see before the close."""
    if terms.format not in SEALED:
        return
    if terms.surrogates:
        detail = "Of sealed bids the buyer must not know before the close: he enters none."
        yield FieldError("/surrogates", "not_in_format", detail)
    if terms.withdrawals is Withdrawals.ON_REQUEST:
        detail = "Who asks to withdraw a sealed bid tells that he bid: by_buyer or freely."
        yield FieldError("/withdrawals", "not_in_format", detail)


def opening_errors(
    terms: Terms, openings: list[Decimal | None], pointer: str
) -> Iterator[FieldError]:
    """Name the bidders who need an opening amount and have none, or must not have one."""
    for place, opening in enumerate(openings):
        at = f"{pointer}/participants/{place}/opening_amount"
        if terms.format is Format.STAGED and opening is None:
            detail = "Into staged rounds everybody enters with an opening amount."
            yield FieldError(at, "required", detail)
        if terms.clock is not None and opening is not None:
            detail = "Where prices are called nobody enters with an amount of his own."
            yield FieldError(at, "not_in_format", detail)
