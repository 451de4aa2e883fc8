"""What the figures of a report mean, once: their definitions in words, and what is reckoned. Pure.

The definitions are part of every report. Who changes a figure changes its definition here.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from marketplace.kernel.clock import is_time_zone, start_of_day
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import REPORT_DAYS_MAX
from marketplace.kernel.savings import Saving, saving

DEFAULT_DAYS: Final = 365
DAY: Final = timedelta(days=1)
_HUNDREDTH: Final = Decimal("0.01")
_DAY_SECONDS: Final = Decimal(86_400)


class Against(StrEnum):
    """What a saving is reckoned against."""

    BASELINE = "baseline"
    ESTIMATE = "estimate"
    FIRST_OFFER = "first_offer"


class CyclePhase(StrEnum):
    """A part of the time from publication to contract."""

    RECEIVING = "receiving"
    OPENING = "opening"
    JUDGING = "judging"
    CONCLUDING = "concluding"
    TOTAL = "total"


DEFINITIONS: Final = {
    "population": (
        "Savings: lots of your procedures that were awarded in full, auctioned ones included, in "
        "the period of their last award. A lot of which a part stayed unawarded is counted apart "
        "and saves nothing here. Participation: procedures opened in the period. Cycle times: "
        "awarded procedures whose last award lies in the period."
    ),
    "price": "The sum of all awards of a lot that stand; awards that were declined or failed not.",
    "saving": (
        "Reference less price, negative where it cost more. In percent of the reference, never of "
        "the price; of several lots, the sum saved in percent of the sum of their references."
    ),
    Against.BASELINE: "What the lot cost the last time, as the buyer said before the close.",
    Against.ESTIMATE: "The budget of the lot, as the buyer said before the close.",
    Against.FIRST_OFFER: (
        "The lowest total bid for the lot by a supplier who could win, as it was opened: what "
        "negotiation and auction saved. Without either it is nought where the lowest bid won."
    ),
    "covered": "Lots that have the reference. The others are in no sum that is compared with it.",
    "invited": "Suppliers invited by name.",
    "looked": "Suppliers who read the procedure while bids were received, invited or not.",
    "submitted": "Suppliers with a bid at the deadline, also such whose bid was invalid.",
    "invalid": "Of those who submitted, who had no bid that opened and answered what was asked.",
    "withdrawn": (
        "Bids that were withdrawn before the deadline. By whom stays sealed for ever, so this is "
        "told by month alone, not by supplier."
    ),
    "response": "Of the invitations, the part to which a bid came.",
    CyclePhase.RECEIVING: "From publication to the close.",
    CyclePhase.OPENING: "From the close to the opening.",
    CyclePhase.JUDGING: "From the opening to the last decision that was awarded.",
    CyclePhase.CONCLUDING: "From then to the last contract: approval, standstill, complaints.",
    CyclePhase.TOTAL: "From publication to the last contract.",
    "days": "Days of 24 hours; half of the procedures took at most the median, nine in ten p90.",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, in a time zone."""

    first: date
    last: date
    time_zone: str

    def instants(self) -> tuple[datetime, datetime]:
        """Give the first instant, and the first one after."""
        return (
            start_of_day(self.first, self.time_zone),
            start_of_day(self.last + DAY, self.time_zone),
        )


def period_of(first: date | None, last: date | None, time_zone: str, today: date) -> Period:
    """Give the period that is asked for, without one the year up to today.

    Raises InvalidInput for one that ends before it begins or is too long.
    """
    if not is_time_zone(time_zone):
        detail = f"{time_zone!r} is no IANA time zone; for example Europe/Berlin."
        raise InvalidInput(detail, errors=[FieldError("?time_zone", "unknown_time_zone", detail)])
    end = last or today
    begin = first or end - timedelta(days=DEFAULT_DAYS - 1)
    if begin > end:
        detail = "The period ends before it begins."
        raise InvalidInput(detail, errors=[FieldError("?last_day", "before_first_day", detail)])
    if (end - begin).days >= REPORT_DAYS_MAX:
        detail = f"A report covers at most {REPORT_DAYS_MAX} days; ask for several."
        raise InvalidInput(detail, errors=[FieldError("?first_day", "too_long", detail)])
    return Period(begin, end, time_zone)


@dataclass(frozen=True, slots=True)
class Compared:
    """Lots that have a reference: how many, what it sums to, and what they were bought for."""

    lots: int
    reference: Decimal
    price: Decimal

    def saved(self) -> Saving | None:
        """Give what they save together; None of no lots."""
        return saving(self.reference, self.price)

    def __add__(self, other: "Compared") -> "Compared":
        return Compared(
            self.lots + other.lots, self.reference + other.reference, self.price + other.price
        )


NONE_COMPARED: Final = Compared(0, Decimal(0), Decimal(0))


def rate(part: int, whole: int) -> Decimal | None:
    """Give a part of a whole to four places; None of none."""
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def in_days(seconds: Decimal | float | None) -> Decimal | None:
    """Give seconds as days with two places."""
    if seconds is None:
        return None
    return (Decimal(str(seconds)) / _DAY_SECONDS).quantize(_HUNDREDTH, rounding=ROUND_HALF_UP)
