"""What no body may hold, whatever its form: what cannot be stored, or told in every time zone.

Looked for after decoding, since no JSON schema says it: NUL characters, which Postgres has no place
for, and instants and dates outside of the years that can be shown in UTC. Types without instants
cost nothing.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, inspect

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import YEAR_FIRST

_FIRST_DAY: Final = date(YEAR_FIRST, 1, 1)
_FIRST: Final = datetime(YEAR_FIRST, 1, 1, tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_Check = Callable[[Any], None]


class _Misplaced(Exception):
    """A value outside of its range; the places above it add their names as it passes them."""

    def __init__(self) -> None:
        self.parts: list[str] = []


def check_storable(body: bytes, value: Any, body_type: Any) -> None:
    """Raise InvalidInput, with pointers, for a decoded body that holds what nothing may hold."""
    check_without_nul(body)
    check = _ranges(body_type)
    if check is not None:
        try:
            check(value)
        except _Misplaced as misplaced:
            pointer = "".join(f"/{part}" for part in reversed(misplaced.parts))
            detail = f"This must lie in the years {YEAR_FIRST} to 9999, in UTC."
            raise InvalidInput(detail, errors=(FieldError(pointer, "invalid", detail),)) from None


def check_without_nul(body: bytes) -> None:
    """Raise InvalidInput, with pointers, for JSON with a NUL character in a text."""
    if b"\\u0000" not in body:
        return
    places = list(_nul_places(msgspec.json.decode(body), ""))
    if places:
        detail = "A text has no NUL character (\\u0000); remove it."
        raise InvalidInput(detail, errors=[FieldError(p, "invalid", detail) for p in places])


def _nul_places(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield pointer
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _nul_places(each, f"{pointer}/{number}")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _nul_places(each, f"{pointer}/{name}")


@cache
def _ranges(body_type: Any) -> _Check | None:
    return _check_of(inspect.type_info(body_type))


def _check_of(info: inspect.Type) -> _Check | None:
    """Make the check of a type; None where nothing in it is an instant or a date."""
    check: _Check | None = None
    match info:
        case inspect.Metadata():
            check = _check_of(info.type)
        case inspect.DateTimeType():
            check = _check_instant
        case inspect.DateType():
            check = _check_day
        case inspect.ListType() | inspect.VarTupleType():
            check = _check_of_items(info.item_type)
        case inspect.StructType():
            check = _check_of_struct(info)
        case inspect.UnionType():
            checks = [check for check in map(_check_of, info.types) if check is not None]
            check = _check_if_given(checks[0]) if checks else None
    return check


def _check_instant(value: datetime) -> None:
    if not _FIRST <= value <= _LAST:
        raise _Misplaced


def _check_day(value: date) -> None:
    if value < _FIRST_DAY:
        raise _Misplaced


def _check_if_given(check: _Check) -> _Check:
    def check_given(value: Any) -> None:
        if value is not None and value is not UNSET:
            check(value)

    return check_given


def _check_of_items(item_type: inspect.Type) -> _Check | None:
    check = _check_of(item_type)
    if check is None:
        return None

    def check_items(values: Any) -> None:
        for number, value in enumerate(values):
            try:
                check(value)
            except _Misplaced as misplaced:
                misplaced.parts.append(str(number))
                raise

    return check_items


def _check_of_struct(info: inspect.StructType) -> _Check | None:
    found = [(f.name, f.encode_name, _check_of(f.type)) for f in info.fields]
    checks = [(name, shown, check) for name, shown, check in found if check is not None]
    if not checks:
        return None

    def check_fields(value: Any) -> None:
        for name, shown, check in checks:
            try:
                check(getattr(value, name))
            except _Misplaced as misplaced:
                misplaced.parts.append(shown)
                raise

    return check_fields
