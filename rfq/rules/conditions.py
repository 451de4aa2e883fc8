"""Conditional offers: discounts that a bidder grants where he is awarded more than one lot.

They stand inside of the sealed bid and count where lots are decided together. A package takes a
percentage off lots that are all his; a volume discount takes one off all that is his, from a value
at his own prices on. What was agreed in a negotiation, or reached in an auction, is no price of the
bid: it takes part in neither.

Which discounts count follows from the lots alone, nobody chooses: of packages that overlap the one
named first, and of volume discounts the highest that is reached. Both are reckoned from the bid's
amount, each rounded for itself, half up, so that every sum is one of whole minor units.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import (
    LINE_AMOUNT_MAX,
    LINES_MAX,
    PACKAGE_LOTS_MAX,
    PACKAGES_MAX,
    VOLUME_DISCOUNTS_MAX,
)
from marketplace.kernel.money import UNIT_PRICE_PLACES
from rfq.rules.currencies import Exchange

HUNDRED: Final = Decimal(100)
PERCENT_STEP: Final = Decimal("0.01")
SMALLEST: Final = Decimal(1).scaleb(-UNIT_PRICE_PLACES)
_WHOLE: Final = 10_000
"""Hundredths of a percent in all."""


class Package(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`percent` off each of these lots, where all of them are his."""

    lot_ids: tuple[UUID, ...]
    percent: Decimal


class VolumeDiscount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`percent` off all that is his, where that comes to `from_amount` or more at his prices."""

    from_amount: Decimal
    percent: Decimal


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The conditional offers of one bid; `volume` rises, in amounts and percentages."""

    packages: tuple[Package, ...] = ()
    volume: tuple[VolumeDiscount, ...] = ()


def discount(amount: int, percent: Decimal) -> int:
    """Give a percentage (two places) of an amount in minor units, rounded half up."""
    hundredths = int(percent / PERCENT_STEP)
    return (2 * amount * hundredths + _WHOLE) // (2 * _WHOLE)


def reached(volume: Sequence[VolumeDiscount], amount: Decimal) -> int | None:
    """Give the place of the discount that an amount reaches; None where it reaches none."""
    places = [place for place, each in enumerate(volume) if each.from_amount <= amount]
    return places[-1] if places else None


def complete(packages: Sequence[Package], lots: frozenset[UUID]) -> list[int]:
    """Give the places of the packages that count where these lots are his, whole."""
    taken: set[UUID] = set()
    counting = []
    for place, package in enumerate(packages):
        own = set(package.lot_ids)
        if own <= lots and not own & taken:
            counting.append(place)
            taken |= own
    return counting


def in_base(conditions: Conditions, exchange: Exchange | None) -> Conditions:
    """Give conditions with their amounts in the procedure's currency, exactly."""
    if exchange is None:
        return conditions
    volume = tuple(
        msgspec.structs.replace(each, from_amount=exchange.exactly(each.from_amount))
        for each in conditions.volume
    )
    return msgspec.structs.replace(conditions, volume=volume)


def condition_errors(
    conditions: Conditions | None, priced: Mapping[UUID, bool], pointer: str = "/conditions"
) -> Iterator[FieldError]:
    """Tell what is wrong with a bid's conditions; `priced` tells of each lot whether it is bid for.

    Never raises for numbers of any size: what a client sealed is read at the opening first.
    """
    if conditions is None:
        return
    bounds = (("packages", PACKAGES_MAX), ("volume", VOLUME_DISCOUNTS_MAX))
    for name, most in bounds:
        if len(getattr(conditions, name)) > most:
            yield FieldError(f"{pointer}/{name}", "too_many", f"At most {most}.")
            return
    if sum(len(each.lot_ids) for each in conditions.packages) > PACKAGE_LOTS_MAX:
        detail = f"All packages together name at most {PACKAGE_LOTS_MAX} lots."
        yield FieldError(f"{pointer}/packages", "too_many", detail)
        return
    for number, package in enumerate(conditions.packages):
        yield from _package_errors(package, priced, f"{pointer}/packages/{number}")
    yield from _volume_errors(conditions.volume, f"{pointer}/volume")
    packages = [each.percent for each in conditions.packages]
    volume = [each.percent for each in conditions.volume]
    if any(_percent_errors(percent, "") for percent in (*packages, *volume)):
        return
    if max(packages, default=Decimal(0)) + max(volume, default=Decimal(0)) >= HUNDRED:
        detail = "A package and the volume discount together leave nothing of a price."
        yield FieldError(pointer, "too_much", detail)


def _package_errors(
    package: Package, priced: Mapping[UUID, bool], pointer: str
) -> Iterator[FieldError]:
    yield from _percent_errors(package.percent, f"{pointer}/percent")
    if not 1 < len(package.lot_ids) <= LINES_MAX:
        yield FieldError(f"{pointer}/lot_ids", "count", "A package has two lots or more.")
    seen: set[UUID] = set()
    for number, lot_id in enumerate(package.lot_ids):
        where = f"{pointer}/lot_ids/{number}"
        if lot_id in seen:
            yield FieldError(where, "twice", "This lot is named twice.")
        seen.add(lot_id)
        if lot_id not in priced:
            yield FieldError(where, "unknown_lot", f"This procedure has no lot {lot_id}.")
        elif not priced[lot_id]:
            yield FieldError(where, "not_priced", "The bid does not price this lot.")


def _volume_errors(volume: Sequence[VolumeDiscount], pointer: str) -> Iterator[FieldError]:
    before: VolumeDiscount | None = None
    for number, each in enumerate(volume):
        where = f"{pointer}/{number}"
        yield from _percent_errors(each.percent, f"{where}/percent")
        if _percent_errors(each.percent, ""):
            return
        if not each.from_amount.is_finite() or not SMALLEST <= each.from_amount < LINE_AMOUNT_MAX:
            detail = f"An amount greater than zero and less than {LINE_AMOUNT_MAX}."
            yield FieldError(f"{where}/from_amount", "not_positive", detail)
            return
        for field in ("from_amount", "percent"):
            if before is not None and getattr(each, field) <= getattr(before, field):
                detail = "Discounts rise: each from a larger amount on than before, and larger."
                yield FieldError(f"{where}/{field}", "not_rising", detail)
        before = each


def _percent_errors(percent: Decimal, pointer: str) -> list[FieldError]:
    # Compared before it is reckoned with: no exponent can make a comparison fail.
    if not percent.is_finite() or not PERCENT_STEP <= percent < HUNDRED:
        detail = "A discount is a percentage above 0 and below 100."
        return [FieldError(pointer, "out_of_range", detail)]
    if percent != percent.quantize(PERCENT_STEP):
        return [FieldError(pointer, "too_many_decimals", "At most two decimals.")]
    return []
