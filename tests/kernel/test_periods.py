"""Regulation 1182/71, article 3, on calendars of the years they are about."""

from datetime import UTC, date, datetime

import pytest

from marketplace.kernel.periods import (
    WEEKENDS,
    Calendar,
    Counting,
    day_before,
    end_of_period,
    last_day,
)

# Good Friday, Easter Monday, Labour Day, Ascension Day, Whit Monday, both days of Christmas.
GERMANY_2026 = Calendar(
    tuple(
        date.fromisoformat(f"2026-{day}")
        for day in ("01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "12-25", "12-26")
    )
)
C, W = Counting.CALENDAR_DAYS, Counting.WORKING_DAYS


@pytest.mark.parametrize(
    ("event", "days", "counting", "last"),
    [
        # (1) The day of the event does not count: ten days from Monday 1 June end on the 11th.
        ("2026-06-01", 10, C, "2026-06-11"),
        # (3) Holidays, Sundays and Saturdays within a period count.
        ("2026-03-30", 10, C, "2026-04-09"),
        # (4) The last day a Sunday: Monday; a Saturday: Monday.
        ("2026-06-04", 10, C, "2026-06-15"),
        ("2026-06-03", 10, C, "2026-06-15"),
        # (4) The last day Good Friday: Saturday, Sunday and Easter Monday are none either.
        ("2026-03-24", 10, C, "2026-04-07"),
        # (4) Christmas Day is a Friday in 2026: Monday the 28th.
        ("2026-12-15", 10, C, "2026-12-28"),
        # (4) A period of one day is moved too, and needs no second working day.
        ("2026-04-02", 1, C, "2026-04-07"),
        # (5) Two days from Maundy Thursday have Tuesday and Wednesday as their working days.
        ("2026-04-02", 2, C, "2026-04-08"),
        # (5) Three days from Friday: Monday alone is worked, so Tuesday.
        ("2026-06-05", 3, C, "2026-06-09"),
        ("2026-06-05", 4, C, "2026-06-09"),
        # (3) Expressed in working days: none of the others counts.
        ("2026-03-30", 10, W, "2026-04-15"),
        ("2026-04-02", 1, W, "2026-04-07"),
        ("2026-06-05", 3, W, "2026-06-10"),
        ("2026-12-23", 2, W, "2026-12-28"),
    ],
)
def test_a_period_in_days_ends_as_the_regulation_says(
    event: str, days: int, counting: Counting, last: str
) -> None:
    found = last_day(date.fromisoformat(event), days, counting, GERMANY_2026)
    assert found == date.fromisoformat(last)


@pytest.mark.parametrize(
    ("event", "days", "counting", "first"),
    [
        # (4) Counted back it may end on a holiday: six days before Thursday is Good Friday.
        ("2026-04-09", 6, C, "2026-04-03"),
        # Two working days before Wednesday, over Easter: Tuesday and Maundy Thursday.
        ("2026-04-08", 2, W, "2026-04-02"),
        ("2026-06-08", 1, W, "2026-06-05"),
    ],
)
def test_a_period_is_counted_back_from_what_ends_it(
    event: str, days: int, counting: Counting, first: str
) -> None:
    found = day_before(date.fromisoformat(event), days, counting, GERMANY_2026)
    assert found == date.fromisoformat(first)


def test_without_a_calendar_only_weekends_are_known() -> None:
    assert last_day(date(2026, 3, 24), 10, C, WEEKENDS) == date(2026, 4, 3)
    assert last_day(date(2026, 4, 2), 1, W, WEEKENDS) == date(2026, 4, 3)


def test_a_period_ends_with_the_last_hour_of_its_day_in_its_zone() -> None:
    # 23:30 in UTC on 31 May is 1 June in Berlin.
    event = datetime(2026, 5, 31, 23, 30, tzinfo=UTC)
    ends = end_of_period(event, 10, C, GERMANY_2026, "Europe/Berlin")
    assert ends == datetime(2026, 6, 11, 22, 0, tzinfo=UTC)
    # Clocks go back on 25 October 2026: the last day has 25 hours.
    ends = end_of_period(datetime(2026, 10, 15, 12, tzinfo=UTC), 10, C, WEEKENDS, "Europe/Berlin")
    assert ends == datetime(2026, 10, 26, 23, 0, tzinfo=UTC)
