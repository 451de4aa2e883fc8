"""What a search is narrowed to, as it stands in the address."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from catalog.search.matching import Filters, Range
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import CODE_CHARACTERS_MAX, SEARCH_FILTERS_MAX

_CODE: Final = re.compile(rf"[A-Za-z0-9_.-]{{1,{CODE_CHARACTERS_MAX}}}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


def read_filters(
    categories: Sequence[UUID] | None,
    suppliers: Sequence[UUID] | None,
    attributes: Sequence[str] | None,
    ranges: Sequence[str] | None,
    lead_time_days: int | None,
) -> Filters:
    """Read filters; raises InvalidInput with every parameter that is none."""
    errors: list[FieldError] = []
    for name, given in (
        ("category", categories),
        ("supplier", suppliers),
        ("attribute", attributes),
        ("range", ranges),
    ):
        if given is not None and len(given) > SEARCH_FILTERS_MAX:
            detail = f"At most {SEARCH_FILTERS_MAX} of these narrow a search."
            errors.append(FieldError(f"?{name}", "too_many", detail))
    values = [_value(one, errors) for one in attributes or ()]
    limits = [_range(one, errors) for one in ranges or ()]
    if errors:
        raise InvalidInput("The catalog cannot be narrowed like this.", errors=tuple(errors))
    return Filters(
        categories=_distinct(categories),
        suppliers=_distinct(suppliers),
        values=tuple(sorted({each for each in values if each is not None})),
        ranges=tuple({code: (code, limit) for code, limit in filter(None, limits)}.values()),
        lead_time_days=lead_time_days,
    )


def _distinct(given: Sequence[UUID] | None) -> tuple[UUID, ...]:
    return tuple(sorted(set(given or ())))


def _value(given: str, errors: list[FieldError]) -> tuple[str, str] | None:
    code, colon, value = given.partition(":")
    if not _CODE.fullmatch(code) or not colon or not value or len(value) > CODE_CHARACTERS_MAX:
        detail = "An attribute is narrowed by code:value, as in material:steel."
        errors.append(FieldError("?attribute", "no_value", detail))
        return None
    return code, value


def _range(given: str, errors: list[FieldError]) -> tuple[str, Range] | None:
    code, _, limits = given.partition(":")
    low, colon, high = limits.partition(":")
    numbers = [number for number in (low, high) if number]
    if not _CODE.fullmatch(code) or not colon or not all(map(_NUMBER.fullmatch, numbers)):
        detail = "A range is code:low:high, as in width:10:20; low or high may be left out."
        errors.append(FieldError("?range", "no_range", detail))
        return None
    return code, Range(Decimal(low) if low else None, Decimal(high) if high else None)
