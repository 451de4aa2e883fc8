"""When the lots of an auction start and close: together, staggered, one after the other; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.limits import AUCTION_DURATION_SECONDS_MAX, AUCTION_OVERTIME_SECONDS_MAX

_NONE: Final = timedelta(0)
_LONGEST_INTERVAL: Final = timedelta(seconds=AUCTION_OVERTIME_SECONDS_MAX)
_LONGEST_LOT: Final = timedelta(seconds=AUCTION_DURATION_SECONDS_MAX)


class LotOrder(Enum):
    """How the lots of an auction follow each other."""

    PARALLEL = "parallel"
    """All run at the same time, or each at its own."""
    STAGGERED = "staggered"
    """All start together; each closes an interval after the one before."""
    SERIAL = "serial"
    """Each starts when the one before has ended, an interval later if there is one."""


def lot_pointer(pointer: str, place: int) -> str:
    """Give where a lot lies in what was sent: nowhere if it was not one of a list."""
    return f"{pointer}/{place}" if pointer else ""


@dataclass(frozen=True, slots=True)
class Timing:
    """When a lot starts and closes; `break_s` where it waits for the one before to end."""

    starts_at: datetime
    ends_at: datetime
    break_s: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer says of one lot's time: its instants, or how long it lasts."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lasts: timedelta | None = None


def timings(
    order: LotOrder, interval: timedelta | None, wishes: Sequence[Wish], pointer: str = "/lots"
) -> list[Timing]:
    """Give when each lot starts and closes; raises InvalidInput with every place that is wrong.

    `pointer` is where the lots lie in what was sent.

    The first lot says when; the others follow from it and from the order. Lots in parallel may have
    instants of their own, serial ones a length; without one they last as long as the first.
    """
    first = wishes[0]
    errors = [*_interval_errors(order, interval), *_wish_errors(order, wishes, pointer)]
    if errors or first.starts_at is None or first.ends_at is None:
        raise InvalidInput("The times of the lots do not fit together.", errors=errors)
    try:
        return _timings(order, interval or _NONE, wishes, first.starts_at, first.ends_at)
    except OverflowError as error:
        at = f"{lot_pointer(pointer, 0)}/ends_at"
        raise invalid(at, "too_late", "That is too far away.") from error


def _timings(
    order: LotOrder,
    interval: timedelta,
    wishes: Sequence[Wish],
    starts_at: datetime,
    ends_at: datetime,
) -> list[Timing]:
    made = [Timing(starts_at, ends_at)]
    for place, wish in enumerate(wishes[1:], start=1):
        if order is LotOrder.PARALLEL:
            made.append(Timing(wish.starts_at or starts_at, wish.ends_at or ends_at))
        elif order is LotOrder.STAGGERED:
            made.append(Timing(starts_at, ends_at + place * interval))
        else:
            begins = made[-1].ends_at + interval
            length = wish.lasts or ends_at - starts_at
            made.append(Timing(begins, begins + length, interval // timedelta(seconds=1)))
    return made


def _interval_errors(order: LotOrder, interval: timedelta | None) -> Sequence[FieldError]:
    at = "/lot_interval"
    if order is LotOrder.PARALLEL:
        unused = FieldError(at, "not_in_order", "Lots in parallel have no interval.")
        return () if interval is None else (unused,)
    if order is LotOrder.STAGGERED and not interval:
        return (FieldError(at, "required", "Staggered lots close an interval apart: say which."),)
    if interval is None:
        return ()
    if interval.microseconds:
        return (FieldError(at, "not_whole_seconds", "An interval is of whole seconds."),)
    if not _NONE <= interval <= _LONGEST_INTERVAL:
        detail = f"An interval lasts at most {AUCTION_OVERTIME_SECONDS_MAX} seconds."
        return (FieldError(at, "out_of_range", detail),)
    return ()


def _wish_errors(order: LotOrder, wishes: Sequence[Wish], pointer: str) -> Sequence[FieldError]:
    errors = []
    for place, wish in enumerate(wishes):
        lot = lot_pointer(pointer, place)
        for name in ("starts_at", "ends_at"):
            given = getattr(wish, name) is not None
            if place == 0 and not given:
                errors.append(FieldError(f"{lot}/{name}", "required", "The first lot says when."))
            elif place and given and order is not LotOrder.PARALLEL:
                detail = "This follows from the first lot and the order."
                errors.append(FieldError(f"{lot}/{name}", "not_in_order", detail))
        if wish.lasts is None:
            continue
        if place == 0 or order is not LotOrder.SERIAL:
            detail = "Only a serial lot after the first says how long it lasts."
            errors.append(FieldError(f"{lot}/lasts", "not_in_order", detail))
        elif wish.lasts.microseconds:
            detail = "A lot lasts whole seconds."
            errors.append(FieldError(f"{lot}/lasts", "not_whole_seconds", detail))
        elif not _NONE < wish.lasts <= _LONGEST_LOT:
            detail = f"A lot lasts 1 to {AUCTION_DURATION_SECONDS_MAX} seconds."
            errors.append(FieldError(f"{lot}/lasts", "out_of_range", detail))
    return errors
