"""The terms of award: whole lots, shares by rank, or lines; and what comes before a contract."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import AWARD_SHARES_MAX, STANDSTILL_DAYS_MAX
from marketplace.kernel.periods import WEEKENDS, Calendar, Counting

PERCENT: Final = 100


class Division(StrEnum):
    """What is awarded by itself: a lot, shares of a lot by rank, or its lines."""

    LOT = "lot"
    SHARES = "shares"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Awarding:
    """The terms of award.

    `shares` are percent by rank, the first rank's first. `standstill_days` are days in
    `time_zone`, the buyer's, counted as `counting` says; none is no standstill. `calendar` says
    which days are worked. With `signatures` a contract counts when both
    sides have signed it, without them the bid and the award are the signatures.
    """

    division: Division = Division.LOT
    shares: tuple[int, ...] = ()
    standstill_days: int = 0
    time_zone: str = "UTC"
    signatures: bool = False
    counting: Counting = Counting.CALENDAR_DAYS
    calendar: Calendar = WEEKENDS


UNDIVIDED: Final = Awarding()
"""Whole lots, awarded at once."""


def errors_of(awarding: Awarding) -> Iterator[FieldError]:
    """Give what keeps terms of award from being published."""
    shares = awarding.shares
    if awarding.division is not Division.SHARES and shares:
        detail = "Shares are for a division by shares alone."
        yield FieldError("/award_shares", "not_divided", detail)
    if awarding.division is Division.SHARES:
        if not 1 < len(shares) <= AWARD_SHARES_MAX:
            detail = f"A lot is divided into 2 to {AWARD_SHARES_MAX} shares."
            yield FieldError("/award_shares", "count", detail)
        if any(share < 1 for share in shares) or sum(shares) != PERCENT:
            detail = f"Shares are percents above zero and come to 100; these to {sum(shares)}."
            yield FieldError("/award_shares", "not_hundred", detail)
        if list(shares) != sorted(shares, reverse=True):
            detail = "A better rank never gets the lesser share."
            yield FieldError("/award_shares", "not_descending", detail)
    if not 0 <= awarding.standstill_days <= STANDSTILL_DAYS_MAX:
        detail = f"A standstill lasts 0 to {STANDSTILL_DAYS_MAX} days."
        yield FieldError("/standstill_days", "out_of_range", detail)
    if not is_time_zone(awarding.time_zone):
        detail = f"{awarding.time_zone!r} is no IANA time zone; for example Europe/Berlin."
        yield FieldError("/time_zone", "unknown_time_zone", detail)
