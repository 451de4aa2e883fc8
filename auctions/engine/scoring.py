"""What a bidder's price is worth in the ranking, and what a rank is worth in his own price.

A bidder whose price alone counts, in the lot's currency, has no yardstick: his score is his amount.
For everybody else a yardstick converts both ways. Comparisons with rivals happen in scores; what a
bidder is told is in his own terms, so that it tells nothing of a transformation he must not know.
"""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final
from uuid import UUID

import msgspec

from auctions.engine.terms import Scoring, ScoringMethod, Terms, rounded_down, smallest
from marketplace.kernel.money import currency_digits

_EXACT: Final = Context(prec=60, rounding=ROUND_FLOOR)
"""Prices have at most 24 digits and rates 12: products are exact, and quotients so fine that equal
scores of different amounts do not happen to one bidder."""
_ONE: Final = Decimal(1)
_ZERO: Final = Decimal(0)


class Adjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts beside one supplier's price; which of it, the lot's scoring method says.

    `features` are what his are worth by name, at most the maximum the terms give each; `costs` are
    the costs of owning what he offers, by name, in the lot's currency.
    """

    multiplier: Decimal = _ONE
    addend: Decimal = _ZERO
    features: dict[str, Decimal] = {}
    costs: dict[str, Decimal] = {}


class Yardstick(msgspec.Struct, frozen=True):
    """How one bidder's amounts become scores: amount × rate × multiplier / divisor + addend."""

    currency: str
    digits: int
    rate: Decimal = _ONE
    multiplier: Decimal = _ONE
    divisor: Decimal = _ONE
    addend: Decimal = _ZERO

    def price(self, amount: Decimal) -> Decimal:
        """Give an amount in the lot's currency."""
        return _EXACT.multiply(amount, self.rate)

    def score(self, amount: Decimal) -> Decimal:
        """Give what the amount is ranked by."""
        weighted = _EXACT.multiply(self.price(amount), self.multiplier)
        if self.divisor != 1:
            weighted = _EXACT.divide(weighted, self.divisor)
        return _EXACT.add(weighted, self.addend)

    def amount_at(self, score: Decimal) -> Decimal:
        """Give the highest amount that is ranked by `score` or better; not positive if none is."""
        rest = _EXACT.multiply(_EXACT.subtract(score, self.addend), self.divisor)
        quotient = _EXACT.divide(rest, _EXACT.multiply(self.rate, self.multiplier))
        amount, unit = rounded_down(quotient, self.digits), smallest(self.digits)
        while self.score(amount + unit) <= score:  # a quotient was cut
            amount += unit
        while self.score(amount) > score:
            amount -= unit
        return amount

    def amount_for(self, price: Decimal) -> Decimal:
        """Give the highest amount that is worth at most `price` of the lot's currency."""
        return rounded_down(_EXACT.divide(price, self.rate), self.digits)


def yardstick(
    terms: Terms, currency: str | None, adjustment: Adjustment | None
) -> Yardstick | None:
    """Give a bidder's yardstick; None where his amount is his score.

    `currency` is the one he bids in, None for the lot's. Raises LookupError for one without a rate.
    """
    currency = currency or terms.currency
    foreign = currency != terms.currency
    rate = next(r.rate for r in terms.rates if r.currency == currency) if foreign else _ONE
    digits = currency_digits(currency)
    given = adjustment or Adjustment()
    plain = Yardstick(currency, digits, rate)
    method = terms.scoring.method
    made = plain
    if method is ScoringMethod.TRANSFORMED:
        made = Yardstick(currency, digits, rate, given.multiplier, _ONE, given.addend)
    elif method is ScoringMethod.COEFFICIENT:
        made = Yardstick(currency, digits, rate, *_coefficient(terms.scoring, given))
    elif method is ScoringMethod.LIFE_CYCLE:
        costs = sum(given.costs.values(), _ZERO)
        made = Yardstick(currency, digits, rate, _ONE, _ONE, costs)
    return None if made == plain and not foreign else made


def _coefficient(scoring: Scoring, adjustment: Adjustment) -> tuple[Decimal, Decimal]:
    """Give multiplier and divisor for 1 / (1 + Σv / (1 - Σvmax)): better features weigh less.

    Both are exact, so a score is divided once and equal scores come out equal.
    """
    rest = _EXACT.subtract(_ONE, sum((feature.maximum for feature in scoring.features), _ZERO))
    return rest, _EXACT.add(rest, sum(adjustment.features.values(), _ZERO))


Yardsticks = Mapping[UUID, Yardstick]
"""The yardsticks of those who have one, by bidder."""


def score_of(yardsticks: Yardsticks, bidder: UUID, amount: Decimal) -> Decimal:
    """Give what a bidder's amount is ranked by."""
    own = yardsticks.get(bidder) if yardsticks else None
    return amount if own is None else own.score(amount)


def price_of(yardsticks: Yardsticks, bidder: UUID, amount: Decimal) -> Decimal:
    """Give a bidder's amount in the lot's currency."""
    own = yardsticks.get(bidder) if yardsticks else None
    return amount if own is None else own.price(amount)


def in_terms_of(yardsticks: Yardsticks, bidder: UUID, score: Decimal, digits: int) -> Decimal:
    """Give a score as the bidder's own amount: the highest that would be ranked as well.

    `digits` are those of the lot's currency.
    """
    if not yardsticks:
        return score
    own = yardsticks.get(bidder)
    return rounded_down(score, digits) if own is None else own.amount_at(score)
