"""Periods before the deadline that the terms count in days, as Regulation 1182/71 counts them.

Each is a least time: to bid, to read an answer, to answer an amendment. Questions end so many days
before the deadline, counted back from it, and move with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from marketplace.kernel.periods import (
    Calendar,
    Counting,
    day_before,
    end_of_day,
    end_of_period,
)


@dataclass(frozen=True, slots=True)
class LeastTimes:
    """Days of each period, counted as `counting` says; None asks for nothing.

    From the publication to the deadline `receiving`; from the last question to it `questions`; from
    an answer to it `answer`, from an amendment `amendment`.
    """

    receiving: int | None = None
    questions: int | None = None
    answer: int | None = None
    amendment: int | None = None
    counting: Counting = Counting.CALENDAR_DAYS


NO_LEAST_TIMES = LeastTimes()


@dataclass(frozen=True, slots=True)
class DaysOf:
    """How a procedure counts: in which days, which of them are worked, in whose zone."""

    counting: Counting
    calendar: Calendar
    zone: str

    def after(self, event: datetime, days: int) -> datetime:
        """Give when so many days after an event are over."""
        return end_of_period(event, days, self.counting, self.calendar, self.zone)

    def before(self, event: datetime, days: int) -> datetime:
        """Give the end of the day that lies so many days before an event's."""
        on = event.astimezone(ZoneInfo(self.zone)).date()
        return end_of_day(day_before(on, days, self.counting, self.calendar), self.zone)


def later_of(
    days_of: DaysOf, event: datetime, time: timedelta | None, days: int | None
) -> datetime | None:
    """Give when both a time and a period of days from an event are over; None without either."""
    ends = [] if time is None else [event + time]
    if days is not None:
        ends.append(days_of.after(event, days))
    return max(ends, default=None)
