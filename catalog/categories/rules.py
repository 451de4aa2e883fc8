"""What holds of categories, of the attributes they ask for, and of a product's values; pure.

A category has the attributes of all categories above it beside its own. A code means one attribute
on the whole way from a root to a leaf: what is defined above is not defined again below.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, invalid
from marketplace.kernel.limits import CATEGORY_DEPTH_MAX, NAME_CHARACTERS_MAX
from marketplace.kernel.units import UNITS, known_conversion, places

NUMBER_PLACES_MAX: Final = 9
"""Decimals of a number kept: a nanometre in metres."""
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

Value = str | bool
"""A value as it is kept: text, a number as text, an option's code, true or false."""


class Kind(Enum):
    """What values an attribute has."""

    TEXT = "text"
    NUMBER = "number"
    ENUM = "enum"
    BOOLEAN = "boolean"


class Option(msgspec.Struct, frozen=True):
    """One of the values of an enum, with its names by language."""

    code: str
    names: Mapping[str, str]


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told of every product of a category.

    `unit` is that in which numbers are kept, None for a bare number.
    """

    code: str
    kind: Kind
    names: Mapping[str, str]
    unit: str | None = None
    required: bool = False
    options: tuple[Option, ...] = ()

    def option(self, code: str) -> Option | None:
        """Give one of the options, None where there is no such."""
        return next((option for option in self.options if option.code == code), None)


Attributes = Mapping[str, Attribute]
"""Attributes by their codes, in the order in which they are shown."""


class Given(msgspec.Struct, frozen=True):
    """A value as somebody sent it; a number may be in another unit than the attribute's."""

    code: str
    value: Value
    unit: str | None = None


# Definitions


def check_attributes(own: Sequence[Attribute], pointer: str = "/attributes") -> None:
    """Refuse definitions that mean nothing; raises InvalidInput with every error there is."""
    errors = [
        FieldError(f"{pointer}/{place}{where}", code, detail)
        for place, attribute in enumerate(own)
        for where, code, detail in _definition_errors(attribute)
    ]
    errors += [
        FieldError(f"{pointer}/{place}/code", "duplicate", f"{code!r} is defined twice.")
        for place, code in _repeated([attribute.code for attribute in own])
    ]
    refuse(errors)


def _definition_errors(attribute: Attribute) -> Iterable[tuple[str, str, str]]:
    if attribute.unit is not None and attribute.kind is not Kind.NUMBER:
        yield "/unit", "not_a_number", "Only a number has a unit."
    elif attribute.unit is not None and attribute.unit not in UNITS:
        detail = f"{attribute.unit!r} is not a unit known here: use one of UN/ECE Rec 20."
        yield "/unit", "unknown_unit", detail
    if attribute.kind is Kind.ENUM and not attribute.options:
        yield "/options", "missing", "An enum needs its options."
    if attribute.options and attribute.kind is not Kind.ENUM:
        yield "/options", "not_an_enum", "Only an enum has options."
    for place, code in _repeated([option.code for option in attribute.options]):
        yield f"/options/{place}/code", "duplicate", f"The option {code!r} stands here twice."


def _repeated(codes: Sequence[str]) -> list[tuple[int, str]]:
    """Give what stood before already, with its place."""
    return [(place, code) for place, code in enumerate(codes) if code in codes[:place]]


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise InvalidInput if there are errors: with all of them, and in words the first."""
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def inherited(path: Iterable[Iterable[Attribute]]) -> dict[str, Attribute]:
    """Give all attributes of a category: those of its root first, its own last."""
    return {attribute.code: attribute for level in path for attribute in level}


def check_defined_once(
    codes: Iterable[str], above: Iterable[str], below: Iterable[str], pointer: str = "/attributes"
) -> None:
    """Refuse codes that categories above or below define; raises InvalidInput for each."""
    over, under = set(above), set(below)
    errors = []
    for place, code in enumerate(codes):
        where = "above" if code in over else "below" if code in under else None
        if where is not None:
            detail = f"A category {where} this one defines {code!r} already."
            errors.append(FieldError(f"{pointer}/{place}/code", "defined_elsewhere", detail))
    refuse(errors)


class Doubt(msgspec.Struct, frozen=True):
    """A change of definitions that products may not survive: those with such a value.

    `option` is set where only that value of an enum is in doubt.
    """

    code: str
    what: str
    option: str | None = None


def doubts(before: Iterable[Attribute], after: Attributes) -> list[Doubt]:
    """Say which stored values would mean something else, or nothing, after a change.

    New attributes, other names, another order, and whether one is required put none in doubt.
    """
    found = []
    for old in before:
        new = after.get(old.code)
        if new is None:
            found.append(Doubt(old.code, f"{old.code} is taken away"))
        elif new.kind is not old.kind:
            found.append(Doubt(old.code, f"{old.code} becomes a {new.kind.value}"))
        elif new.unit != old.unit:
            found.append(Doubt(old.code, f"{old.code} gets another unit"))
        else:
            found += [
                Doubt(
                    old.code, f"the option {option.code!r} of {old.code} is taken away", option.code
                )
                for option in old.options
                if new.option(option.code) is None
            ]
    return found


# The tree


def path_under(
    category_id: UUID, parent_path: Sequence[UUID], *, height: int = 1
) -> tuple[UUID, ...]:
    """Give the path of a category under a parent (empty: a root).

    `height` counts its own level and those below it. Raises Conflict where it would lie under
    itself, or too deep.
    """
    if category_id in parent_path:
        raise Conflict("A category cannot lie under itself.")
    if len(parent_path) + height > CATEGORY_DEPTH_MAX:
        raise Conflict(f"Categories are at most {CATEGORY_DEPTH_MAX} levels deep.")
    return (*parent_path, category_id)


# Values


def checked_values(
    attributes: Attributes,
    given: Sequence[Given],
    *,
    complete: bool,
    pointer: str = "/attributes",
) -> dict[str, Value]:
    """Give a product's values as they are kept, by code.

    Numbers are converted to the attribute's unit, exactly. `complete` asks for the required ones.
    Raises InvalidInput with an error for every value that does not fit.
    """
    errors: list[FieldError] = []
    values: dict[str, Value] = {}
    for place, each in enumerate(given):
        here = f"{pointer}/{place}"
        attribute = attributes.get(each.code)
        if attribute is None:
            detail = f"The product's category has no attribute {each.code!r}."
            errors.append(FieldError(f"{here}/code", "unknown_attribute", detail))
        elif each.code in values:
            detail = f"{each.code!r} stands here twice."
            errors.append(FieldError(f"{here}/code", "duplicate", detail))
        else:
            try:
                values[each.code] = _value(attribute, each, here)
            except InvalidInput as error:
                errors += error.errors
    named = {each.code for each in given}
    if complete:
        errors += [
            FieldError(pointer, "required_attribute", f"{code!r} is required in this category.")
            for code in missing(attributes, named)
        ]
    refuse(errors)
    return values


def missing(attributes: Attributes, values: Iterable[str]) -> list[str]:
    """Give the codes of required attributes a product has no value of."""
    there = set(values)
    return [code for code, each in attributes.items() if each.required and code not in there]


def _value(attribute: Attribute, given: Given, here: str) -> Value:
    if given.unit is not None and attribute.kind is not Kind.NUMBER:
        raise invalid(f"{here}/unit", "not_a_number", f"{attribute.code!r} has no unit.")
    where, value = f"{here}/value", given.value
    if attribute.kind is Kind.BOOLEAN:
        if not isinstance(value, bool):
            raise invalid(where, "not_a_boolean", f"{attribute.code!r} is true or false.")
        return value
    if isinstance(value, bool):
        detail = f"{attribute.code!r} is a {attribute.kind.value}, not true or false."
        raise invalid(where, _NOT_A[attribute.kind], detail)
    if attribute.kind is Kind.NUMBER:
        return _number(attribute, value, given.unit, here)
    if attribute.kind is Kind.ENUM:
        if attribute.option(value) is None:
            known = ", ".join(option.code for option in attribute.options)
            raise invalid(where, "unknown_option", f"{attribute.code!r} is one of: {known}.")
        return value
    return _text(attribute, value, where)


_NOT_A: Final = {
    Kind.TEXT: "not_a_text",
    Kind.NUMBER: "not_a_number",
    Kind.ENUM: "unknown_option",
}


def _text(attribute: Attribute, value: str, where: str) -> str:
    text = value.strip()
    if not text or len(text) > NAME_CHARACTERS_MAX or _CONTROL.search(text):
        detail = f"{attribute.code!r} is one line of 1 to {NAME_CHARACTERS_MAX} characters."
        raise invalid(where, "not_a_text", detail)
    return text


def _number(attribute: Attribute, value: str, unit: str | None, here: str) -> str:
    where = f"{here}/value"
    if not _NUMBER.fullmatch(value):
        detail = f"{attribute.code!r} is a number: digits with a point for decimals, like 12.5."
        raise invalid(where, "not_a_number", detail)
    number = Decimal(value)
    if unit is not None and unit != attribute.unit:
        number = _converted(attribute, number, unit, here)
    if places(number) > NUMBER_PLACES_MAX or not _NUMBER.fullmatch(plain_decimal(number)):
        detail = f"{attribute.code!r} has at most 15 digits and {NUMBER_PLACES_MAX} decimals."
        raise invalid(where, "too_many_digits", detail)
    return plain_decimal(number)


def _converted(attribute: Attribute, number: Decimal, unit: str, here: str) -> Decimal:
    """Convert to the attribute's unit; raises InvalidInput without a factor between the two."""
    factor = None if attribute.unit is None else known_conversion(unit, attribute.unit)
    if factor is None:
        told = "a bare number" if attribute.unit is None else f"kept in {attribute.unit}"
        detail = f"{attribute.code!r} is {told}; {unit} cannot be converted to it."
        raise invalid(f"{here}/unit", "wrong_unit", detail)
    try:
        return factor.convert(number)
    except InvalidInput as error:
        raise invalid(f"{here}/value", "not_exact", error.detail) from None
