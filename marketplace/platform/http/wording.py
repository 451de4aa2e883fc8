"""What msgspec refuses, in plain words: what is wrong, where, and what is taken instead.

msgspec speaks of types and regular expressions. Whoever sends JSON wants to know what to write:
the schema's own description says it, the allowed values are listed, examples are shown.
"""

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from msgspec import inspect

from marketplace.kernel.errors import FieldError

_PATH: Final = re.compile(r" - at `(?P<path>.*)`$", re.DOTALL)
_VALUE_CHARACTERS_SHOWN: Final = 60
_KINDS: Final = {
    "object": "an object",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "uuid": "a UUID",
    "datetime": "an instant",
    "date": "a date",
    "duration": "a duration",
}
_FORMS: Final = {
    "Invalid UUID": "This is no UUID; write it as in 019b8c4e-0000-7000-8000-000000000001.",
    "Invalid RFC3339 encoded datetime": (
        "This is no instant; write RFC 3339, as in 2026-01-31T12:00:00Z."
    ),
    "Expected `datetime` with a timezone component": (
        "This instant has no offset; end it with Z or +01:00, as in 2026-01-31T12:00:00Z."
    ),
    "Invalid RFC3339 encoded date": "This is no date; write it as in 2026-01-31.",
    "Invalid ISO8601 duration": (
        "This is no duration; write ISO 8601 with days, hours, minutes and seconds, as in PT2M."
    ),
    "Integer value out of range": "This number is out of range.",
    "Number out of range": "This number is out of range.",
}


def _pointer(parts: list[str]) -> str:
    # Of a mapping msgspec does not tell which name it was: the mapping is what can be pointed to.
    known = parts[: parts.index("...")] if "..." in parts else parts
    return "".join(f"/{escaped(part)}" for part in known)


def _parts(path: str) -> list[str]:
    found = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path.removeprefix("key in "))
    return [name or index for name, index in found]


def escaped(name: str) -> str:
    """Write a name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def unknown_field(pointer: str, name: str) -> FieldError:
    """Say that there is no such field below `pointer`."""
    name = _shortened(name)
    detail = f"There is no field {name!r} here; remove it or correct its name."
    return FieldError(f"{pointer}/{escaped(name)}", "unknown_field", detail)


def missing_field(pointer: str, name: str) -> FieldError:
    """Say that a field below `pointer` is missing."""
    return FieldError(f"{pointer}/{name}", "missing", f"The field {name!r} is required.")


def refused(error: msgspec.ValidationError, body_type: Any) -> FieldError:
    """Say what is wrong with which field of a `body_type`, and what to write there."""
    text = str(error)
    match = _PATH.search(text)
    parts = _parts(match["path"]) if match else []
    pointer = _pointer(parts)
    reason = text[: match.start()] if match else text
    if unknown := re.search(r"unknown field `(.*)`", reason, re.DOTALL):
        return unknown_field(pointer, unknown[1])
    if missing := re.search(r"missing required field `([^`]*)`", reason):
        return missing_field(pointer, missing[1])
    return FieldError(pointer, "invalid", worded(reason, _expected(body_type, parts)))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a place takes: the allowed values if they are few, and the schema's own words."""

    values: tuple[str, ...] = ()
    description: str = ""
    example: str = ""

    @property
    def words(self) -> str:
        """The schema's words, with an example."""
        example = f" For example {self.example}." if self.example else ""
        return f"{self.description}{example}".strip()


def worded(reason: str, expected: Expected | None = None) -> str:
    """Say one of msgspec's reasons in plain words."""
    expected = expected or Expected()
    words = _FORMS.get(reason)
    for form, word in _WORDINGS:
        found = None if words else form.search(reason)
        if found:
            words = word(found, expected)
    return words or f"{reason}."


def _not_in_form(_found: re.Match[str], expected: Expected) -> str:
    return f"This is not in the form asked for. {expected.words}".strip()


def _not_allowed(found: re.Match[str], expected: Expected) -> str:
    value = _shortened(found[1].strip("'"))
    if not expected.values:
        return f"{value!r} is not one of the allowed values."
    return f"{value!r} is none of: {', '.join(expected.values)}."


def _of_other_length(found: re.Match[str], _expected: Expected) -> str:
    what = "characters" if found[1] == "str" else "items"
    if found[2] == "<=":
        return f"This has more than {found[3]} {what}; at most {found[3]} are taken."
    return "This must not be empty." if found[3] == "1" else f"At least {found[3]} {what}, please."


def _beyond_bound(found: re.Match[str], _expected: Expected) -> str:
    word = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}[found[1]]
    return f"This must be {word} {found[2]}."


def _of_other_kind(found: re.Match[str], expected: Expected) -> str:
    wanted = _kinds(found[1])
    if found[2] is None:
        return f"This must be {wanted}. {expected.words}".strip()
    return f"Send {wanted} here, not {_kinds(found[2])}. {expected.words}".strip()


_WORDINGS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Expected], str]], ...]] = (
    (re.compile(r"^Invalid enum value (.*)", re.DOTALL), _not_allowed),
    (re.compile("matching regex"), _not_in_form),
    (re.compile(r"`(\w+)[^`]*` of length (>=|<=) (\d+)"), _of_other_length),
    (re.compile(r"(>=|<=|>|<) ([\d.]+)$"), _beyond_bound),
    (re.compile(r"^Expected `([^`]*)`(?:, got `([^`]*)`)?$"), _of_other_kind),
)
"""The first that fits words it."""


def _kinds(types: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in types.split(" | "))


def _shortened(value: str) -> str:
    shown = value[:_VALUE_CHARACTERS_SHOWN]
    return shown if shown == value else f"{shown}…"


def _expected(body_type: Any, parts: Iterable[str]) -> Expected:
    info: inspect.Type | None = inspect.type_info(body_type)
    for part in parts:
        info = _below(_alternatives(info), part)
        if info is None:
            return Expected()
    return _described(info)


def _alternatives(info: inspect.Type | None) -> list[inspect.Type]:
    if isinstance(info, inspect.Metadata):
        return _alternatives(info.type)
    if isinstance(info, inspect.UnionType):
        return [each for member in info.types for each in _alternatives(member)]
    return [] if info is None else [info]


def _below(infos: Iterable[inspect.Type], part: str) -> inspect.Type | None:
    for info in infos:
        if isinstance(info, inspect.ListType | inspect.VarTupleType):
            return info.item_type
        if isinstance(info, inspect.StructType):
            return next((f.type for f in info.fields if f.encode_name == part), None)
    return None


def _described(info: inspect.Type | None) -> Expected:
    """Gather what a type and the types inside of it say of themselves."""
    if isinstance(info, inspect.Metadata):
        inner, schema = _described(info.type), info.extra_json_schema or {}
        examples = schema.get("examples") or ()
        return Expected(
            inner.values,
            str(schema.get("description", inner.description)),
            msgspec.json.encode(examples[0]).decode() if examples else inner.example,
        )
    if isinstance(info, inspect.UnionType):
        return next((d for d in map(_described, info.types) if d != Expected()), Expected())
    if isinstance(info, inspect.LiteralType):
        return Expected(values=tuple(map(str, info.values)))
    if isinstance(info, inspect.EnumType):
        return Expected(values=_values(info.cls))
    return Expected()


def _values(choices: type[enum.Enum]) -> tuple[str, ...]:
    return tuple(str(choice.value) for choice in choices)


def expected_of(parameter_type: Any, description: str = "") -> Expected:
    """Give what a parameter of a path, query or header takes."""
    found = _described(inspect.type_info(parameter_type))
    return replace(found, description=description) if description else found
