"""What holds of stock: units, what orders take from where, and what buyers are shown; pure."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.money import EXACT, UNIT_PRICE_PLACES

_STEP: Final = Decimal(1).scaleb(-UNIT_PRICE_PLACES)
_NOTHING: Final = Decimal(0)
COUNTABLE_BELOW: Final = Decimal(10) ** 18
"""What a column holds: 18 digits before the point."""


class Shown(StrEnum):
    """What buyers see of a supplier's stock."""

    EXACT = "exact"
    LEVEL = "level"
    NOTHING = "nothing"


class StockPolicy(StrEnum):
    """What happens to an order for more than there is."""

    REFUSE = "refuse"
    BACKORDER = "backorder"


class Availability(StrEnum):
    """What a buyer is told."""

    IN_STOCK = "in_stock"
    LOW = "low"
    NONE = "none"


class Outcome(StrEnum):
    """What became of a line of stock that a supplier's system sent."""

    SET = "set"
    UNCHANGED = "unchanged"
    """It is known already: the same source version with the same quantity."""
    OLDER = "older"
    """A newer source version is in force."""
    CONTRADICTS = "contradicts"
    """The same source version came with another quantity before."""
    REFUSED = "refused"


class Turn(StrEnum):
    """What became of an offer's stock as a whole."""

    RAN_OUT = "ran_out"
    RETURNED = "returned"


class Level(msgspec.Struct, frozen=True):
    """What lies at one location and what of it is promised, in the offer's unit."""

    location_id: UUID
    on_hand: Decimal
    reserved: Decimal


class Taken(msgspec.Struct, frozen=True):
    """What an order line takes from one location."""

    location_id: UUID
    quantity: Decimal


class Held(msgspec.Struct, frozen=True):
    """What a line holds at one location: reserved once, of it gone and given back."""

    location_id: UUID
    quantity: Decimal
    consumed: Decimal = _NOTHING
    released: Decimal = _NOTHING


def available_to_promise(levels: Iterable[Level]) -> Decimal:
    """Give what can still be promised over all locations; never less than nothing."""
    free = sum((level.on_hand - level.reserved for level in levels), _NOTHING)
    return max(_NOTHING, free)


def turn(before: Decimal, after: Decimal) -> Turn | None:
    """Tell whether there is nothing any more to promise, or something again."""
    if (before > 0) == (after > 0):
        return None
    return Turn.RETURNED if after > 0 else Turn.RAN_OUT


def factor_to_offer(
    unit: str, offer_unit: str, content: Fraction, content_unit: str
) -> Fraction | None:
    """Give how many of the offer's unit one `unit` is; None where no factor is declared."""
    if unit == offer_unit:
        return Fraction(1)
    return 1 / content if unit == content_unit else None


def in_offer_unit(quantity: Decimal, factor: Fraction) -> Decimal:
    """Convert a quantity, rounded up to what a column holds: no more is promised than there is."""
    exact = Fraction(quantity) * factor
    result = EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return result.quantize(_STEP, rounding=ROUND_CEILING, context=EXACT)


def allocate(
    levels: Sequence[Level], wanted: Decimal, policy: StockPolicy
) -> tuple[list[Taken], list[Level]] | None:
    """Take `wanted` from the locations in their order; None where it is refused.

    Gives what is taken where, and the levels after it. With `backorder` what is missing is promised
    at the first location, beyond what lies there.
    """
    free = available_to_promise(levels)
    if wanted > free and policy is StockPolicy.REFUSE:
        return None
    missing = wanted
    taken: dict[UUID, Decimal] = {}
    for level in levels:
        part = min(missing, max(_NOTHING, level.on_hand - level.reserved))
        if part > 0:
            taken[level.location_id] = part
            missing -= part
    if missing > 0:
        first = levels[0].location_id
        taken[first] = taken.get(first, _NOTHING) + missing
    after = [
        Level(lv.location_id, lv.on_hand, lv.reserved + taken.get(lv.location_id, _NOTHING))
        for lv in levels
    ]
    return [Taken(location_id, part) for location_id, part in taken.items()], after


def settle(held: Sequence[Held], gone: Decimal, still_open: Decimal) -> list[Held]:
    """Give the reservations of a line of which `gone` has left and `still_open` is to leave.

    Both count from the order's beginning, in the offer's unit; all else is given back. Locations
    are emptied in their order. What was consumed or given back before stays so.
    """
    whole = sum((part.quantity for part in held), _NOTHING)
    consume = min(gone, whole)
    release = max(_NOTHING, whole - consume - still_open)
    settled: list[Held] = []
    for part in held:
        left = min(consume, part.quantity - part.released)
        consumed = max(part.consumed, left)
        consume -= left
        settled.append(Held(part.location_id, part.quantity, consumed, part.released))
    for place in reversed(range(len(settled))):
        part = settled[place]
        back = min(release, part.quantity - part.consumed)
        released = max(part.released, back)
        release -= back
        settled[place] = Held(part.location_id, part.quantity, part.consumed, released)
    return settled


def availability(
    on_hand: Decimal, reserved: Decimal, shown: Shown, low_below: Decimal
) -> Availability | None:
    """Give what a buyer is told in a word; None where he is told nothing."""
    if shown is Shown.NOTHING:
        return None
    free = on_hand - reserved
    if free <= 0:
        return Availability.NONE
    return Availability.LOW if free < low_below else Availability.IN_STOCK


def outcome(
    on_hand: Decimal, source_version: int, reported: Decimal, version_in_force: int
) -> Outcome:
    """Tell what became of a line that changed nothing."""
    if version_in_force > source_version:
        return Outcome.OLDER
    return Outcome.UNCHANGED if reported == on_hand else Outcome.CONTRADICTS
