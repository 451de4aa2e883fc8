"""Instants and validity.

Instants are timezone-aware and in UTC. What time it is comes from the database alone (the one
clock function, see `marketplace.platform.database`), never from here: rules are handed an instant.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Validity:
    """A half-open range of instants ``[from_, until)``; None is unbounded on that side."""

    from_: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            msg = "a validity must begin before it ends"
            raise ValueError(msg)

    def contains(self, at: datetime) -> bool:
        """Tell whether `at` lies inside; the end does not."""
        if self.from_ is self.until is None:
            return True
        return not self.starts_after(at) and not self.ended_by(at)

    def starts_after(self, at: datetime) -> bool:
        """Tell whether the range begins later than `at`."""
        return self.from_ is not None and at < self.from_

    def ended_by(self, at: datetime) -> bool:
        """Tell whether the range is over at `at`."""
        return self.until is not None and at >= self.until

    def overlaps(self, other: "Validity") -> bool:
        """Tell whether some instant lies in both."""
        begins_before_other_ends = (
            self.from_ is None or other.until is None or self.from_ < other.until
        )
        other_begins_before_end = (
            other.from_ is None or self.until is None or other.from_ < self.until
        )
        return begins_before_other_ends and other_begins_before_end


def is_time_zone(name: str) -> bool:
    """Tell whether `name` is of the IANA list; ``localtime`` is not: each host has its own."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return name != "localtime"


def start_of_day(day: date, zone: str) -> datetime:
    """Give the instant at which `day` begins in the IANA zone `zone`, in UTC.

    A contract's dates carry a zone: its first day begins at midnight there, not in UTC.
    """
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """Write an instant the one way we write them: UTC, microseconds, ``Z``.

    Raises ValueError for a naive datetime, which names no instant.
    """
    if at.tzinfo is None:
        msg = f"{at.isoformat()} has no timezone and names no instant"
        raise ValueError(msg)
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
