"""Half-open validity, days in a zone, and the one way to write an instant."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.clock import Validity, is_time_zone, rfc3339, start_of_day

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
instants = st.datetimes(timezones=st.just(UTC), min_value=datetime(1971, 1, 1))  # noqa: DTZ001
bounds = st.none() | instants


@st.composite
def validities(draw: st.DrawFn) -> Validity:
    from_, until = draw(bounds), draw(bounds)
    if from_ is not None and until is not None:
        if from_ == until:
            until = None
        elif until < from_:
            from_, until = until, from_
    return Validity(from_, until)


def test_the_first_instant_lies_inside_and_the_last_does_not() -> None:
    validity = Validity(NOON, NOON + timedelta(hours=1))
    assert validity.contains(NOON)
    assert validity.contains(NOON + timedelta(hours=1) - TICK)
    assert not validity.contains(NOON + timedelta(hours=1))
    assert not validity.contains(NOON - TICK)


def test_an_open_side_has_no_end() -> None:
    assert Validity().contains(NOON)
    assert Validity(None, NOON).contains(datetime.min.replace(tzinfo=UTC))
    assert Validity(NOON, None).contains(datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("length", [timedelta(0), -TICK])
def test_a_validity_that_holds_no_instant_is_refused(length: timedelta) -> None:
    with pytest.raises(ValueError, match="begin before it ends"):
        Validity(NOON, NOON + length)


@given(validities(), instants)
def test_an_instant_is_before_inside_or_after_and_only_one(value: Validity, at: datetime) -> None:
    assert [value.starts_after(at), value.contains(at), value.ended_by(at)].count(True) == 1


@given(validities(), validities())
def test_two_validities_overlap_when_an_instant_lies_in_both(a: Validity, b: Validity) -> None:
    starts = [v.from_ for v in (a, b) if v.from_ is not None]
    first_possible = max(starts, default=datetime.min.replace(tzinfo=UTC))
    assert (
        a.overlaps(b) == b.overlaps(a) == (a.contains(first_possible) & b.contains(first_possible))
    )


def test_neighbours_do_not_overlap() -> None:
    assert not Validity(None, NOON).overlaps(Validity(NOON, None))


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 1, 1), "UTC", "2026-01-01T00:00:00.000000Z"),
        (date(2026, 1, 1), "Europe/Berlin", "2025-12-31T23:00:00.000000Z"),
        (date(2026, 7, 1), "Europe/Berlin", "2026-06-30T22:00:00.000000Z"),
        (date(2026, 1, 1), "America/New_York", "2026-01-01T05:00:00.000000Z"),
        (date(2026, 1, 1), "Asia/Tehran", "2025-12-31T20:30:00.000000Z"),
        # The clocks went from 00:00 to 01:00: the day began at one o'clock.
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00.000000Z"),
        # Midnight came twice: the day began at the first one.
        (date(2026, 11, 1), "America/Havana", "2026-11-01T04:00:00.000000Z"),
    ],
)
def test_a_day_begins_at_midnight_in_its_zone(day: date, zone: str, expected: str) -> None:
    assert rfc3339(start_of_day(day, zone)) == expected


ZONES = "UTC Europe/Berlin America/Sao_Paulo Asia/Kathmandu Australia/Lord_Howe America/Havana"


@given(st.dates(date(1975, 1, 1), date(2037, 12, 31)), st.sampled_from(ZONES.split()))
def test_a_day_begins_where_the_day_before_it_ends(day: date, zone: str) -> None:
    start = start_of_day(day, zone)
    assert start.astimezone(ZoneInfo(zone)).date() == day
    assert (start - TICK).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_an_instant_is_written_one_way_and_read_back(at: datetime) -> None:
    try:
        text = rfc3339(at)
    except OverflowError:  # the first hours of year 1 have no UTC form
        return
    assert len(text) == len("2026-01-01T00:00:00.000000Z")
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == at


def test_a_naive_datetime_names_no_instant() -> None:
    with pytest.raises(ValueError, match="no timezone"):
        rfc3339(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Kathmandu"])
def test_a_zone_of_the_list_is_one(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Berlin", "Europe", "localtime", "../../etc/passwd", "/etc/localtime", "a\0b"]
)
def test_what_each_host_reads_otherwise_is_no_zone(name: str) -> None:
    assert not is_time_zone(name)
