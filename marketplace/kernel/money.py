"""Money: exact Decimals with a currency, rounded once and half up.

Digits per currency follow ISO 4217 (minor units 0, 2, 3 and 4 exist). Unit prices are never
rounded; a line amount is, once: quantity × unit amount ÷ price basis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

from marketplace.kernel.errors import InvalidInput, invalid

UNIT_PRICE_PLACES: Final = 6
"""Decimal places a unit price or a quantity may have."""

_DIGITS_OTHER_THAN_TWO: Final = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_TWO_DIGITS: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW "
    "ZWG"
).split()
CURRENCIES: Final = frozenset(_TWO_DIGITS) | frozenset(_DIGITS_OTHER_THAN_TWO)
"""The currencies of ISO 4217 that have minor units and are in use."""

EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
"""Products of two numbers of the widest column (24 digits) are exact in 60 digits."""


def currency_digits(currency: str, pointer: str = "/currency") -> int:
    """Give the decimal places amounts of `currency` have.

    Raises InvalidInput pointing at `pointer` if it is unknown.
    """
    if currency not in CURRENCIES:
        detail = f"{currency!r} is not a currency of ISO 4217 in use; for example EUR or USD."
        raise invalid(pointer, "unknown_currency", detail)
    return _DIGITS_OTHER_THAN_TWO.get(currency, 2)


_STEPS: Final = {
    currency: Decimal(1).scaleb(-_DIGITS_OTHER_THAN_TWO.get(currency, 2)) for currency in CURRENCIES
}
"""The smallest amount of each currency."""


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's digits; raises InvalidInput if it is unknown."""
    step = _STEPS.get(currency)
    if step is None:
        step = Decimal(1).scaleb(-currency_digits(currency))
    return EXACT.quantize(amount, step)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency; amounts of two currencies never meet."""

    amount: Decimal
    currency: str

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Give nothing, in the currency's digits."""
        return cls(rounded(Decimal(0), currency), currency)

    def _same_currency(self, other: "Money") -> None:
        if other.currency != self.currency:
            detail = f"{self.currency} and {other.currency} cannot be reckoned together."
            raise InvalidInput(detail)

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(EXACT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(EXACT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> "Money":
        return Money(EXACT.minus(self.amount), self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.amount <= other.amount

    def times(self, factor: Decimal) -> "Money":
        """Multiply exactly, without rounding."""
        return Money(EXACT.multiply(self.amount, factor), self.currency)

    def rounded(self) -> "Money":
        """Round half up to the currency's digits."""
        return Money(rounded(self.amount, self.currency), self.currency)


def total(amounts: Sequence[Money], currency: str) -> Money:
    """Add amounts of one currency; the sum of none is zero."""
    result = Money.zero(currency)
    for amount in amounts:
        result += amount
    return result


def exact_line_amount(quantity: Decimal, unit_amount: Decimal, basis: Decimal) -> Decimal:
    """Give quantity × unit amount ÷ basis before rounding (exact for every basis 2^a · 5^b)."""
    exact = EXACT.multiply(quantity, unit_amount)
    return exact if basis == 1 else EXACT.divide(exact, basis)


def line_amount(quantity: Decimal, unit_amount: Decimal, basis: Decimal, currency: str) -> Money:
    """Give quantity × unit amount ÷ basis, rounded once, half up, to the currency's digits."""
    return Money(rounded(exact_line_amount(quantity, unit_amount, basis), currency), currency)


def allocate(amount: Money, weights: Sequence[Decimal]) -> list[Money]:
    """Split a rounded amount by weights so that the parts sum to the whole (largest remainder).

    Equal remainders go to the earlier part. Raises ValueError for an amount that is not rounded,
    for negative weights or a zero sum of them.
    """
    with localcontext(EXACT):
        weight_sum = sum(weights, Decimal(0))
        if weight_sum <= 0 or min(weights) < 0:
            msg = "weights must not be negative and must sum to more than zero"
            raise ValueError(msg)
        step = Decimal(1).scaleb(-currency_digits(amount.currency))
        steps, rest = divmod(abs(amount.amount), step)
        if rest:
            msg = "only an amount rounded to the currency's digits can be split"
            raise ValueError(msg)
        # Remainders of one division by the same sum compare exactly; fractions would be rounded.
        shares = [divmod(steps * weight, weight_sum) for weight in weights]
        parts = [whole for whole, _ in shares]
        by_remainder = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))
        for i in by_remainder[: int(steps - sum(parts))]:
            parts[i] += 1
        sign = -1 if amount.amount < 0 else 1
        return [Money(sign * part * step, amount.currency) for part in parts]
