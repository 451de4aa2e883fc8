"""Pasted SKUs and quantities, line by line; pure.

A line is ``SKU``, ``SKU quantity`` or ``SKU quantity unit``, its parts separated by tab, semicolon,
pipe, comma or blanks, whichever comes first in this order. A first line that names columns
(``sku`` …) is a header, as spreadsheets write it, and its columns may stand in any order.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final

import msgspec

from catalog.imports.recognizing import header_name, recognize_separator
from marketplace.kernel.errors import FieldError, MarketplaceError
from marketplace.kernel.limits import CODE_CHARACTERS_MAX, QUICK_ORDER_SUGGESTIONS_MAX
from marketplace.kernel.units import UNITS, Quantity

_SEPARATORS: Final = ("\t", ";", "|", ",")
_COLUMNS: Final = ("sku", "quantity", "unit")
_NAMES: Final = {
    **dict.fromkeys(("sku", "article", "article_number", "item", "part_number"), "sku"),
    **dict.fromkeys(("artikel", "artikelnummer", "artikelnr.", "art.-nr."), "sku"),
    **dict.fromkeys(("quantity", "qty", "menge", "anzahl"), "quantity"),
    **dict.fromkeys(("unit", "uom", "einheit"), "unit"),
}
_NUMBER: Final = re.compile(r"(?P<whole>[0-9]{1,18})(?:[.,](?P<places>[0-9]{1,6}))?")
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")
_COMMA_IN_NUMBER: Final = re.compile(r"\s[0-9]+,[0-9]+(?:\s+(?P<unit>[A-Za-z0-9]{1,3}))?\s*$")
_BEFORE_SKU: Final = re.compile(r"^(?:[-*•·]|[0-9]{1,6}\s*[x×*.)]?)\s+(?=\S)")
_SHOWN: Final = 100
"""How much of a bad line an error repeats."""
_ALIKE: Final = 0.6


class QuickLine(msgspec.Struct, frozen=True):
    """One good line; without a quantity it is the smallest order, without a unit the offer's.

    Where only blanks part the line, all of it may be the SKU as well: `whole`.
    """

    line: int
    sku: str
    quantity: Decimal | None = None
    unit: str | None = None
    whole: str | None = None


class QuickError(msgspec.Struct, frozen=True):
    """What is wrong with one line; `text` is its beginning."""

    line: int
    text: str
    code: str
    detail: str


def read_quick_order(text: str) -> list[QuickLine | QuickError]:
    """Read what was pasted; every line that is not blank is one answer."""
    read: list[QuickLine | QuickError] = []
    columns: Sequence[str] | None = None
    separator: str | None = None
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not raw.strip():
            continue
        if columns is None:
            separator = _separator(raw)
            columns = _header(raw, separator)
            if columns is not None:
                continue
            columns, separator = _COLUMNS, None
        try:
            read.append(_line(number, raw, columns, separator))
        except _Unreadable as wrong:
            read.append(QuickError(number, raw.strip()[:_SHOWN], wrong.code, wrong.detail))
    return read


class _Unreadable(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def _separator(raw: str) -> str | None:
    """Give what separates the names of a header, recognized as in imports; None for blanks."""
    separator = recognize_separator(raw, _NAMES.__contains__)
    return separator if separator in raw else None


def _header(raw: str, separator: str | None) -> tuple[str, ...] | None:
    """Give the columns a first line names; None where it names none."""
    try:
        named = raw.split() if separator is None else _split(raw, separator)
    except _Unreadable:
        return None
    columns = tuple(_NAMES.get(header_name(name), "") for name in named)
    return columns if "sku" in columns else None


def _split(raw: str, separator: str) -> list[str]:
    try:
        fields = next(csv.reader([raw], delimiter=separator, strict=True))
    except csv.Error:
        raise _Unreadable("broken", "A quoted field is never closed.") from None
    return [field.strip() for field in fields]


def _parts(raw: str) -> list[str]:
    """Part a line without a header at the separator it has itself."""
    for separator in _SEPARATORS:
        if separator not in raw.strip():
            continue
        if separator == "," and (match := _COMMA_IN_NUMBER.search(raw)) is not None:
            if match["unit"] and match["unit"].upper() in UNITS:
                break
            detail = "Does the comma end the SKU or stand in a number? Use semicolons between."
            raise _Unreadable("ambiguous_number", detail)
        return _split(raw.strip("\r\n"), separator)
    return _by_blanks(raw.split())


def _line(number: int, raw: str, columns: Sequence[str], separator: str | None) -> QuickLine:
    parts = _parts(raw) if separator is None else _split(raw, separator)
    while len(parts) > len(columns) and not parts[-1]:
        parts.pop()
    if len(parts) > len(columns):
        detail = "A line is: SKU, quantity, unit; a number with a comma needs another separator."
        raise _Unreadable("too_many_fields", detail)
    named = dict(zip(columns, parts, strict=False))
    sku = named.get("sku", "")
    if not sku:
        raise _Unreadable("missing_sku", "The SKU is missing.")
    if len(sku) > CODE_CHARACTERS_MAX or not sku.isprintable():
        detail = f"A SKU has up to {CODE_CHARACTERS_MAX} characters, none of them for control."
        raise _Unreadable("invalid_sku", detail)
    unit = named.get("unit", "").upper() or None
    quantity = named.get("quantity", "")
    if unit is not None and unit not in UNITS:
        detail = f"{unit[:20]!r} is not a unit known here, such as C62 (piece) or MTR (metre)."
        raise _Unreadable("unknown_unit", detail)
    whole = " ".join(raw.split())
    return QuickLine(
        number,
        sku,
        _quantity(quantity, unit) if quantity else None,
        unit,
        None if len(parts) == 1 or any(s in raw for s in _SEPARATORS) or separator else whole,
    )


def _by_blanks(words: Sequence[str]) -> list[str]:
    """Part words into SKU, quantity and unit; a SKU may have blanks in it."""
    last = len(words)
    if last > 2 and words[-1].upper() in UNITS and _NUMBER.fullmatch(words[-2]):  # noqa: PLR2004
        return [" ".join(words[:-2]), words[-2], words[-1]]
    if last > 1 and words[-1][0].isdigit() and not re.search(r"[A-Za-z/-]", words[-1]):
        return [" ".join(words[:-1]), words[-1]]
    return [" ".join(words)]


def _quantity(text: str, unit: str | None) -> Decimal:
    if _THOUSANDS.fullmatch(text):
        detail = f"Is {text} a thousand or a part? Write it without separator, or 1.50."
        raise _Unreadable("ambiguous_number", detail)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _Unreadable("not_a_number", f"{text[:20]!r} is not a quantity, such as 10 or 2.5.")
    value = Decimal(f"{match['whole']}.{match['places'] or '0'}")
    if unit is None:  # it is the offer's, which is not known yet
        if value <= 0:
            raise _Unreadable("not_positive", "A quantity must be greater than zero.")
        return value
    try:
        return Quantity.checked(value, unit).value
    except MarketplaceError as error:
        wrong: FieldError = error.errors[0]
        raise _Unreadable(wrong.code, wrong.detail) from None


def alike(sku: str, others: Sequence[str]) -> Iterator[int]:
    """Give the places of those `others` that may be meant, the most alike first."""
    wanted = sku.lower()
    ratios = []
    for place, other in enumerate(others):
        known = other.lower()
        ratio = SequenceMatcher(None, wanted, known).ratio()
        if ratio >= _ALIKE or known.startswith(wanted):
            ratios.append((-ratio, known, place))
    yield from (place for _, _, place in sorted(ratios)[:QUICK_ORDER_SUGGESTIONS_MAX])


def likely_sku(text: str) -> str:
    """Give what may be the SKU of a line: a bullet or ``10 x`` before it is none of it."""
    return _BEFORE_SKU.sub("", text) or text


def common_beginning(sku: str) -> str:
    """Give how far another SKU must be the same to be suggested: half of it, in lower case."""
    wanted = sku.lower()
    return wanted[: max(2, (len(wanted) + 1) // 2)]
