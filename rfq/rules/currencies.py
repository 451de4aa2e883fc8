"""Bids in other currencies: at rates fixed with the terms, compared in the procedure's own.

A unit price is converted once, when an opened bid becomes an offer, half up to the places a unit
price has. All that follows, the ranking, the auction and the contract, is in the procedure's
currency, so no rate can change who stands where after the publication.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from auctions.engine.checks import rate_errors
from marketplace.kernel.errors import FieldError
from marketplace.kernel.money import UNIT_PRICE_PLACES
from rfq.rules.procedure import Procedure

SMALLEST: Final = Decimal(1).scaleb(-UNIT_PRICE_PLACES)
_PRECISION: Final = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one unit of `currency` is worth in `base`, the procedure's currency."""

    currency: str
    rate: Decimal
    base: str

    def unit_price(self, amount: Decimal) -> Decimal:
        """Convert a unit price; one that would round to nothing is the smallest there is."""
        return max(self.exactly(amount).quantize(SMALLEST, ROUND_HALF_UP), SMALLEST)

    def exactly(self, amount: Decimal) -> Decimal:
        """Convert an amount without rounding."""
        with localcontext(prec=_PRECISION):
            return amount * self.rate


def exchanges(procedure: Procedure) -> dict[str, Exchange | None]:
    """Give the currencies that bids may be in; None for the procedure's own."""
    base = procedure.currency
    others = {
        each.currency: Exchange(each.currency, each.rate, base) for each in procedure.offering.rates
    }
    return {base: None, **others}


def currency_errors(procedure: Procedure) -> Iterator[FieldError]:
    """Find what keeps the rates of these terms from being published."""
    yield from rate_errors(procedure.offering.rates, procedure.currency)
    if procedure.offering.rates and procedure.offering.framework_id is not None:
        detail = "Members of a framework bid in its currency, at most at its prices."
        yield FieldError("/rates", "framework", detail)
