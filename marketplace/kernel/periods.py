"""Periods that are counted in days, by Regulation (EEC, Euratom) 1182/71, article 3. Pure.

The day of the event does not count (1). A period ends with the last hour of its last day (2); where
that is a holiday, a Sunday or a Saturday, with the last hour of the next working day (4). A period
of two days or more has at least two working days (5). Which working days are holidays the calendar
says; without one only weekends are known.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from marketplace.kernel.clock import start_of_day

SATURDAY: Final = 5
DAY: Final = timedelta(days=1)
LEAST_WORKING_DAYS: Final = 2


class Counting(StrEnum):
    """In which days a period is counted."""

    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that are not worked beside Saturdays and Sundays, in order."""

    non_working_days: tuple[date, ...] = ()

    def is_working(self, day: date) -> bool:
        """Tell whether a day is worked."""
        return day.weekday() < SATURDAY and day not in self.non_working_days

    def next_working(self, day: date) -> date:
        """Give this day, or the first one after it that is worked."""
        while not self.is_working(day):
            day += DAY
        return day

    def working_days(self, after: date, until: date) -> int:
        """Count the days that are worked after one day, until another and with it."""
        days = (after + number * DAY for number in range(1, (until - after).days + 1))
        return sum(map(self.is_working, days))


WEEKENDS: Final = Calendar()
"""Only Saturdays and Sundays are known."""


def last_day(event: date, days: int, counting: Counting, calendar: Calendar) -> date:
    """Give the last day of a period of so many days (at least one) that runs from an event."""
    if counting is Counting.WORKING_DAYS:
        day = event
        for _ in range(days):
            day = calendar.next_working(day + DAY)
        return day
    day = calendar.next_working(event + days * DAY)
    while days > 1 and calendar.working_days(event, day) < LEAST_WORKING_DAYS:
        day = calendar.next_working(day + DAY)
    return day


def day_before(event: date, days: int, counting: Counting, calendar: Calendar) -> date:
    """Give the day so many days before an event's, which does not count itself.

    A period that is counted back ends on whatever day that is, worked or not (3 (4), third clause);
    in working days these alone are counted.
    """
    if counting is Counting.CALENDAR_DAYS:
        return event - days * DAY
    day = event
    for _ in range(days):
        day -= DAY
        while not calendar.is_working(day):
            day -= DAY
    return day


def end_of_day(day: date, zone: str) -> datetime:
    """Give the instant at which a day's last hour is over in an IANA zone."""
    return start_of_day(day + DAY, zone)


def end_of_period(
    event: datetime, days: int, counting: Counting, calendar: Calendar, zone: str
) -> datetime:
    """Give the instant at which a period is over that runs from an event, in an IANA zone.

    A change of clocks makes it an hour longer or shorter, never a day.
    """
    on = event.astimezone(ZoneInfo(zone)).date()
    return end_of_day(last_day(on, days, counting, calendar), zone)
