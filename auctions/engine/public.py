"""What everybody can check of a log, whatever his copy opens: its clock.

No entry's instant falls; bids are accepted only while the auction runs and never at its close or
after it; the close moves later alone, within its cap and as often as the terms allow; a pause keeps
the time that was left; a log ends with the auction's end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from auctions.engine.log import LogEntry, instant_of
from auctions.engine.terms import Format, Terms

_TIMED = frozenset({Format.ENGLISH, Format.SEALED, Format.VICKREY})
"""Formats that end by the clock of their close alone."""


def first_impossible(log: Sequence[LogEntry]) -> int | None:
    """Give the number of the first entry that cannot be by its public facts, None if none is."""
    if not log or log[0].document.get("kind") != "scheduled":
        return 1
    try:
        clock = _Clock(msgspec.convert(log[0].document["terms"], Terms))
    except (LookupError, TypeError, ValueError):
        return 1
    for number, entry in enumerate(log, start=1):
        try:
            possible = clock.follow(entry.document)
        except (LookupError, TypeError, ValueError):
            return number
        if not possible:
            return number
    return None


class _Clock:
    """The clock of a lot as far as the public facts tell it."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.at: datetime | None = None
        self.starts_at: datetime | None = terms.starts_at if terms.follows is None else None
        self.closes_at = terms.ends_at
        self.started = self.ended = False
        self.extensions = 0
        self.paused_at: datetime | None = None
        self.paused_for = timedelta(0)
        self.before = ""

    def follow(self, document: dict[str, Any]) -> bool:
        """Take the next entry; False if it cannot be."""
        at, kind = instant_of(document["at"]), document["kind"]
        if self.ended or (self.at is not None and at < self.at):
            return False
        possible = self._possible(kind, at, document)
        self.at, self.before = at, kind
        return possible

    def _possible(self, kind: str, at: datetime, document: dict[str, Any]) -> bool:
        runs = self.started and self.paused_at is None
        if kind in {"bid_accepted", "proxy_set"}:
            return runs and at < self.closes_at
        if kind == "close_extended":
            return self._extended(at, instant_of(document["closes_at"]), document)
        if kind == "resumed":
            return self._resumed(at, instant_of(document["closes_at"]))
        if kind == "paused":
            self.paused_at = at
            return runs and at < self.closes_at
        if kind == "stage_opened":
            self.closes_at = max(self.closes_at, instant_of(document["until"]))
            return runs
        return self._begins_or_ends(kind, at, document)

    def _begins_or_ends(self, kind: str, at: datetime, document: dict[str, Any]) -> bool:
        if kind == "started":
            fresh, self.started = not self.started, True
            return fresh and self.starts_at is not None and at >= self.starts_at
        if kind == "start_moved":
            return self._moved(at, instant_of(document["starts_at"]), document)
        self.ended = kind in {"closed", "cancelled"}
        if kind != "closed" or self.terms.format not in _TIMED:
            return True
        return at >= self.closes_at and self.paused_at is None

    def _moved(self, at: datetime, starts_at: datetime, document: dict[str, Any]) -> bool:
        """Take the start of a lot that waited for another to end: it lasts as long as planned."""
        waited = self.starts_at is None and not self.started
        self.starts_at, self.closes_at = starts_at, instant_of(document["closes_at"])
        planned, follows = self.terms.ends_at - self.terms.starts_at, self.terms.follows
        if not waited or follows is None or self.closes_at - starts_at != planned:
            return False
        due = instant_of(document["ended_at"]) + timedelta(seconds=follows.break_s)
        return starts_at == max(due, at)

    def _extended(self, at: datetime, closes_at: datetime, document: dict[str, Any]) -> bool:
        overtime, followed = self.terms.overtime, bool(document.get("followed"))
        if overtime is None:
            return False
        by_hand = "reason" in document
        window = timedelta(seconds=overtime.window_s)
        due = (
            (by_hand and self.paused_at is None)
            or followed
            or (
                self.before == "bid_accepted"
                and at == self.at
                and at >= self.closes_at - window
                and self.extensions < overtime.at_most
            )
        )
        moved = (self.starts_at or self.terms.starts_at) - self.terms.starts_at
        cap = self.terms.latest_close_at() + moved + self.paused_for
        possible = due and at < self.closes_at < closes_at <= cap
        self.extensions += not (followed or by_hand)
        self.closes_at = closes_at
        return possible

    def _resumed(self, at: datetime, closes_at: datetime) -> bool:
        if self.paused_at is None:
            return False
        stood = at - self.paused_at
        possible = closes_at - self.closes_at == stood
        self.paused_at, self.closes_at = None, closes_at
        self.paused_for += stood
        return possible
