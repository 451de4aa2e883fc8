"""Read the parts of a notice: take what has a place, find what is wrong, keep account of both."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, TypeVar

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import (
    NAME_CHARACTERS_MAX,
    NOTICE_ERRORS_MAX,
    NOTICE_ROWS_MAX,
    NOTICE_VALUE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    YEAR_FIRST,
)
from rfq.rules.notices.report import MappedField, NoticeDecision, NoticeDocument, UnmappedField, Why
from rfq.rules.notices.tree import Form, Node
from rfq.rules.variants import VariantPolicy

V = TypeVar("V")

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_OFFSET: Final = r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
_DAY: Final = re.compile(rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_OFFSET}")
_CLOCK: Final = r"(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?)"
_TIME: Final = re.compile(rf"{_CLOCK}{_OFFSET}")
_INSTANT: Final = re.compile(rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[Tt ]{_CLOCK}{_OFFSET}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
MIDNIGHT: Final = "24:00:00"
"""How XML writes the end of a day; of no other use."""
WHOLE_DIGITS_MAX: Final = 18
PLACES_MAX: Final = 6
"""Digits of a number before and after its point, as our amounts and quantities have them."""


@dataclass(frozen=True, slots=True)
class Found(Generic[V]):
    """A value, and the parts of the notice that say it."""

    value: V
    nodes: tuple[Node, ...]

    @property
    def source(self) -> str:
        """Where it stands."""
        return self.nodes[0].path


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as a notice has it: of any currency, and any size."""

    amount: Decimal
    currency: str


class Reading:
    """One reading of one notice.

    What nobody takes of the notice is unmapped: nothing of it goes without being told.
    """

    def __init__(self, root: Node) -> None:
        self.root = root
        self._documents: dict[tuple[str, str], NoticeDocument] = {}
        self.errors: list[FieldError] = []
        self._mapped: list[MappedField] = []
        self._decisions: dict[str, tuple[str, dict[str, None]]] = {}
        self._taken: set[int] = set()
        self._why: dict[int, Why] = {}

    def fault(self, node: Node, code: str, detail: str) -> None:
        """Note a reason for which the notice is refused."""
        line = f"Line {node.line}: " if node.line else ""
        self.errors.append(FieldError(node.path, code, line + detail))

    def check(self) -> None:
        """Refuse a notice in which something is wrong; raises InvalidInput with all reasons."""
        if not self.errors:
            return
        count = len(self.errors)
        detail = (
            "The notice is not valid, and nothing was taken over: "
            f"{count} {'reason' if count == 1 else 'reasons'}."
        )
        raise InvalidInput(detail, errors=self.errors[:NOTICE_ERRORS_MAX])

    def take(self, found: Found[V], field: str, value: str, note: str | None = None) -> None:
        """Note that something stands in the draft now, as `value` in `field`."""
        for node in found.nodes:
            self.consume(node)
        self._mapped.append(MappedField(found.source, field, _bounded(value), note))

    def name_document(
        self, node: Node, title: Found[str] | None, address: Found[str] | None
    ) -> None:
        """Note a document the notice names; lots that name the same one name it once."""
        for found in (title, address):
            if found is not None:
                self.consume(*found.nodes)
        named = one_line(title.value) if title else "", address.value[:2000] if address else ""
        if any(named):
            self._documents.setdefault(named, NoticeDocument(node.path, *named))

    def consume(self, *nodes: Node) -> None:
        """Note that something was understood that has no field of its own: an id, a unit."""
        self._taken.update(id(node) for node in nodes)

    def leave(self, found: Found[Any] | None, why: Why) -> None:
        """Note why something is not in the draft that has a place there."""
        if found is not None:
            self._why.update((id(node), why) for node in found.nodes)

    def decide(self, code: str, detail: str, *fields: str) -> None:
        """Note what is left to the buyer; the same again adds its fields."""
        _, known = self._decisions.setdefault(code, (detail, {}))
        if len(known) < NOTICE_ROWS_MAX:
            known.update(dict.fromkeys(fields))

    @property
    def decisions(self) -> list[NoticeDecision]:
        """What is left to the buyer."""
        return [
            NoticeDecision(code, detail, list(fields))
            for code, (detail, fields) in self._decisions.items()
        ]

    @property
    def documents(self) -> list[NoticeDocument]:
        """What the notice names, in its order."""
        return list(self._documents.values())

    @property
    def mapped(self) -> list[MappedField]:
        """What is in the draft."""
        return self._mapped

    def unmapped(self) -> Iterator[UnmappedField]:
        """Give what is not, in the order of the notice."""
        for leaf in self.root.leaves():
            if id(leaf) not in self._taken:
                why = self._why.get(id(leaf), Why.NO_PLACE)
                yield UnmappedField(leaf.path, _bounded(leaf.said), why)

    # Values

    def text(self, node: Node | None) -> Found[str] | None:
        """Read a text; one that is blank is none."""
        if node is None or node.form is Form.NOTHING:
            return None
        if node.form is not Form.TEXT:
            self.fault(node, "not_a_text", f"{node.name} has to be a text.")
            return None
        text = str(node.value).strip()
        return Found(text, (node,)) if text else None

    def code(self, node: Node | None) -> Found[str] | None:
        """Read an identifier, which JSON may have as a number."""
        if node is not None and node.form is Form.NUMBER:
            return Found(str(node.value), (node,))
        return self.text(node)

    def number(self, node: Node | None) -> Found[Decimal] | None:
        """Read a number; of XML in plain digits."""
        if node is None or node.form is Form.NOTHING:
            return None
        if isinstance(node.value, Decimal):
            return Found(node.value, (node,))
        text = str(node.value).strip() if node.form is Form.TEXT and node.line else ""
        if _NUMBER.fullmatch(text) is None:
            detail = f"{node.name} has to be a number in plain digits, not {_quoted(node)}."
            self.fault(node, "not_a_number", detail)
            return None
        try:
            return Found(Decimal(text), (node,))
        except InvalidOperation:
            self.fault(node, "not_a_number", f"{node.name} is a number nobody can reckon with.")
            return None

    def currency(self, node: Node, text: str) -> str | None:
        """Check a currency's code for its form; whether it is in use is asked later."""
        if _CURRENCY.fullmatch(text):
            return text
        detail = f"An amount has a currency of three capital letters, not {text[:40]!r}."
        self.fault(node, "not_a_currency", detail)
        return None

    def instant(self, node: Node | None) -> Found[datetime] | None:
        """Read an instant of RFC 3339."""
        text = self.text(node)
        if node is None or text is None:
            return None
        match = _INSTANT.fullmatch(text.value)
        if match is None or not match["offset"]:
            detail = f"{node.name} has to be an instant such as 2026-03-31T12:00:00Z."
            self.fault(node, "not_an_instant", detail)
            return None
        value = self._instant(node, match["day"], match["clock"], match["offset"])
        return None if value is None else Found(value, (node,))

    def day_and_time(self, day: Node | None, at: Node | None, field: str) -> Found[datetime] | None:
        """Read an instant from a date and a time that are parts of their own, each with an offset.

        Without a time it is the end of the day: who bids on that day is in time.
        """
        if day is None:
            return None
        text = _DAY.fullmatch(str(day.value).strip())
        clock = None if at is None else _TIME.fullmatch(str(at.value).strip())
        if text is None:
            detail = f"{day.name} has to be a date such as 2026-03-31+02:00, not {_quoted(day)}."
            self.fault(day, "not_a_date", detail)
        if at is not None and clock is None:
            detail = f"{at.name} has to be a time such as 12:00:00+02:00, not {_quoted(at)}."
            self.fault(at, "not_a_time", detail)
        if text is None or (at is not None and clock is None):
            return None
        offset = (clock and clock["offset"]) or text["offset"]
        if not offset:
            detail = "The notice says of a time not in which zone: UTC is taken."
            self.decide("time_zone_missing", detail, field)
        elif clock and text["offset"] and clock["offset"] and _other(text["offset"], offset):
            detail = "A date and its time have different offsets from UTC: the time's is taken."
            self.decide("offsets_differ", detail, field)
        if clock is None:
            detail = "The notice names a day and no time: the end of that day is taken."
            self.decide("time_missing", detail, field)
        value = self._instant(day, text["day"], clock["clock"] if clock else MIDNIGHT, offset)
        nodes = (day,) if at is None else (day, at)
        return None if value is None else Found(value, nodes)

    def day(self, node: Node | None) -> Found[str] | None:
        """Read a date that is only told."""
        if node is None:
            return None
        match = _DAY.fullmatch(str(node.value).strip())
        if match is None:
            detail = f"{node.name} has to be a date such as 2026-03-31+02:00, not {_quoted(node)}."
            self.fault(node, "not_a_date", detail)
            return None
        known = self._instant(node, match["day"], "00:00:00", match["offset"])
        return None if known is None else Found(match["day"], (node,))

    def _instant(self, node: Node, day: str, clock: str, offset: str | None) -> datetime | None:
        try:
            zone = timezone(_offset(offset or "Z"))
            begin = datetime.combine(date.fromisoformat(day), time(), zone)
            value = (begin + _since_midnight(clock)).astimezone(UTC)
        except (ValueError, OverflowError):
            detail = f"There is no such day or time: {day} {clock}."
            self.fault(node, "not_a_date", detail)
            return None
        if value.year < YEAR_FIRST:
            detail = f"An instant lies in the years {YEAR_FIRST} to 9999."
            self.fault(node, "not_a_date", detail)
            return None
        return value


def _since_midnight(clock: str) -> timedelta:
    """Give how long after the begin of the day it is, in whole microseconds."""
    whole, _, fraction = clock.partition(".")
    if whole == MIDNIGHT and not fraction.strip("0"):
        return timedelta(days=1)
    at = time.fromisoformat(whole)
    micros = int(fraction[:6].ljust(6, "0"))
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=micros)


def _offset(text: str) -> timedelta:
    if text in {"Z", "z"}:
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[4:6])
    if minutes >= 60:  # noqa: PLR2004 - of an hour
        raise ValueError(text)
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[0] == "-" else size


def _other(one: str, another: str) -> bool:
    return one.upper().replace("+00:00", "Z") != another.upper().replace("+00:00", "Z")


def _quoted(node: Node) -> str:
    return repr(node.said[:60])


def _bounded(text: str) -> str:
    if len(text) <= NOTICE_VALUE_CHARACTERS_MAX:
        return text
    return text[: NOTICE_VALUE_CHARACTERS_MAX - 1] + "…"


def one_line(text: str, most: int = NAME_CHARACTERS_MAX) -> str:
    """Give a text as one line of at most `most` characters; empty where it has no words."""
    return _ended(" ".join(_CONTROLS.sub(" ", text).split()), most)


def in_lines(text: str) -> str:
    """Give a text that may have lines, as long as texts may be."""
    return _ended(text.replace("\x00", " ").strip(), TEXT_CHARACTERS_MAX)


def _ended(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def fits(value: Decimal) -> bool:
    """Tell whether a number is positive and has no more digits than ours."""
    if not value.is_finite() or value <= 0 or value.adjusted() >= WHOLE_DIGITS_MAX:
        return False
    # Told without reckoning: an exponent of a million is four bytes, and a megabyte written out.
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    last = max((n for n, digit in enumerate(digits) if digit), default=0)
    return isinstance(exponent, int) and exponent + len(digits) - 1 - last >= -PLACES_MAX


def duplicates(found: Iterable[Found[str]]) -> Iterator[Found[str]]:
    """Give those whose value was there before."""
    seen: set[str] = set()
    for each in found:
        if each.value in seen:
            yield each
        seen.add(each.value)


def leave_variants(reading: Reading, policy: Node | None) -> None:
    """Leave variants to the buyer: no notice says which requirements they meet at least."""
    said = reading.text(policy)
    if said is not None and said.value in set(VariantPolicy):
        detail = (
            f"Variants are {said.value} by the notice: say which minimum requirements they meet, "
            "or none are taken."
        )
        reading.decide("variants", detail, "/variants")
