"""What a price saves against a reference: the one definition, for auctions, awards and reports."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

_HALF_UP: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_SHARE_STEP: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Saving:
    """What is saved: `amount` is reference less price, negative where it costs more.

    `share` is that part of the reference, rounded half up to four places.
    """

    reference: Decimal
    amount: Decimal
    share: Decimal


def saving(reference: Decimal | None, price: Decimal) -> Saving | None:
    """Give what a price saves against a reference in the same currency; None without one.

    The denominator is the reference, never the price: half of 100 is 50 %.
    """
    if reference is None or reference <= 0:
        return None
    amount = _HALF_UP.subtract(reference, price)
    return Saving(reference, amount, part_of(amount, reference))


def part_of(amount: Decimal, whole: Decimal) -> Decimal:
    """Give an amount as a part of a whole above zero, rounded half up to four places."""
    return _HALF_UP.divide(amount, whole).quantize(_SHARE_STEP, context=_HALF_UP)
