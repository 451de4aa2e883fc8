"""The figures of a comparison, pure: how far an amount lies above a reference."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from marketplace.kernel.savings import part_of


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far an amount lies above a reference, negative below it; `share` is that part of it."""

    amount: Decimal
    share: Decimal


def deviation(amount: Decimal, reference: Decimal | None) -> Deviation | None:
    """Give how far an amount lies above a reference; None without one above zero."""
    if reference is None or reference <= 0:
        return None
    above = amount - reference
    return Deviation(above, part_of(above, reference))


def sum_or_none(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Sum amounts; None where one is missing or there are none: a part would pass for the whole."""
    found = list(amounts)
    if not found or None in found:
        return None
    return sum((each for each in found if each is not None), Decimal(0))
