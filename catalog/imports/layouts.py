"""What the columns of import files may hold: offers and prices."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

from catalog.imports.decimals import Unfit
from catalog.imports.defusing import is_shortened
from catalog.imports.plain import AMOUNT, CODE, INSTANT, WHOLE, WORD
from catalog.imports.rows import Column, Layout
from catalog.price_lists.rules import ALWAYS, FOREVER, PriceRecord
from catalog.pricing.terms import VolumeMode, check_tier
from catalog.products.rules import OfferRecord, OfferTerms, check_offer_terms, checked_gtin
from catalog.stock.writing import StockRecord
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.limits import (
    CODE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)
from marketplace.kernel.money import UNIT_PRICE_PLACES
from marketplace.kernel.units import UNITS

_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_POINTED_DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_BESIDE: Final = re.compile(r"[^\W\d_]|[€$£¥]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS_BEFORE_POINT: Final = 18
_ANY_UNIT: Final = "KGM"
"""A unit of measure, whose quantities may have decimals: for a unit that is not known yet."""


def text(characters_max: int) -> Callable[[str], str]:
    """Make the parser of a text without control characters."""

    def parse(value: str) -> str:
        if len(value) > characters_max:
            raise Unfit("too_long", f"At most {characters_max} characters, this has {len(value)}.")
        if _CONTROL.search(value.replace("\n", " ").replace("\r", " ").replace("\t", " ")):
            raise Unfit("control_character", "A text has no control characters.")
        return value

    return parse


def code(value: str) -> str:
    """Parse a SKU or a maker's number."""
    if _CONTROL.search(value):
        raise Unfit("control_character", "A number of an article has no control characters.")
    return text(CODE_CHARACTERS_MAX)(value)


def number(value: str) -> Decimal:
    """Parse digits with an optional point; no sign, exponent, separators, NaN or Infinity."""
    if value.startswith("-") and _NUMBER.fullmatch(value[1:]):
        raise Unfit("negative", "Negative numbers are refused here.")
    if not _NUMBER.fullmatch(value) or not value.isascii():
        raise Unfit("not_a_number", _why_no_number(value))
    whole, _, places = value.partition(".")
    if len(places.rstrip("0")) > UNIT_PRICE_PLACES:
        detail = f"At most {UNIT_PRICE_PLACES} decimals are kept; round the number before."
        raise Unfit("too_many_decimals", detail)
    if len(whole.lstrip("0")) > _DIGITS_BEFORE_POINT:
        raise Unfit("too_large", f"At most {_DIGITS_BEFORE_POINT} digits before the point.")
    return Decimal(value)


def _why_no_number(value: str) -> str:
    if "%" in value:
        return "Write the number alone, without a percent sign."
    if is_shortened(value.upper()):
        return "A spreadsheet has shortened this number; write all its digits, like 1234.50."
    if _BESIDE.search(value) and any(map(str.isdigit, value)):
        return "Write the number alone, like 1234.50: no currency, unit or words beside it."
    return "Write plain digits with a point for decimals, like 1234.50."


def positive(value: str) -> Decimal:
    """Parse a number above zero."""
    parsed = number(value)
    if parsed == 0:
        raise Unfit("not_positive", "This must be more than zero.")
    return parsed


def ratio(value: str) -> Fraction:
    """Parse an exact content of a unit: ``12``, ``0.5`` or ``1/3``."""
    above, slash, below = value.partition("/")
    parsed = Fraction(positive(above.strip()))
    if slash:
        parsed /= Fraction(positive(below.strip()))
    if max(parsed.numerator, parsed.denominator) >= 2**63:
        raise Unfit("too_large", "Numerator and denominator have at most 18 digits.")
    return parsed


def unit(value: str) -> str:
    """Parse a unit of UN/ECE Rec 20 or 21."""
    if value not in UNITS:
        raise Unfit(
            "unknown_unit", "Use a code of UN/ECE Rec 20 (C62 piece) or 21 with X (XBX box)."
        )
    return value


def days(value: str) -> int:
    """Parse a number of whole days."""
    if not re.fullmatch(r"\d{1,4}", value, re.ASCII):
        raise Unfit("not_a_number", "Write a number of whole days.")
    return int(value)


def gtin(value: str) -> str:
    """Parse a GTIN."""
    try:
        return checked_gtin(value)
    except InvalidInput as error:
        raise Unfit("invalid_gtin", error.detail) from None


def instant(value: str) -> datetime:
    """Parse an instant with an offset, or a date: its midnight in UTC.

    Points stand between day, month and year in this order alone; strokes do in two orders.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            return datetime.combine(date.fromisoformat(value), time.min, tzinfo=UTC)
        if (pointed := _POINTED_DATE.fullmatch(value)) is not None:
            day, month, year = map(int, pointed.groups())
            return datetime(year, month, day, tzinfo=UTC)
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter before the first year, or behind the last
        pass
    raise Unfit(
        "not_an_instant",
        "Write a date (2026-01-31 or 31.01.2026) or an instant with its offset (…T00:00Z).",
    )


def state(value: str) -> str:
    """Parse whether an offer can be bought."""
    if value not in {"active", "withdrawn"}:
        raise Unfit("unknown_state", "Write active or withdrawn.")
    return value


def volume_mode(value: str) -> str:
    """Parse how a ladder's tiers apply to a line."""
    if value not in set(VolumeMode):
        raise Unfit("unknown_volume_mode", "Write volume (all at one tier) or graduated.")
    return value


def visibility(value: str) -> str:
    """Parse who may see an offer."""
    if value not in {"everybody", "restricted"}:
        raise Unfit("unknown_visibility", "Write everybody, or restricted (by assortments).")
    return value


def make_offer(
    line: int,
    sku: str,
    name: str,
    unit_code: str,
    description: str | None,
    maker: str | None,
    maker_number: str | None,
    gtin_number: str | None,
    content: Fraction | None,
    content_unit: str | None,
    minimum_quantity: Decimal | None,
    multiple: Decimal | None,
    maximum_quantity: Decimal | None,
    lead_time_days: int | None,
    tax_category: str | None,
    state: str | None,
    visibility: str | None,
) -> OfferRecord:
    """Make the row of an offer; raises InvalidInput where columns do not fit each other."""
    terms = OfferTerms(
        unit=unit_code,
        content=content or Fraction(1),
        content_unit=content_unit or unit_code,
        minimum_quantity=minimum_quantity or multiple or Decimal(1),
        multiple=multiple,
        maximum_quantity=maximum_quantity,
        lead_time_days=lead_time_days,
        tax_category=tax_category or "S",
    )
    check_offer_terms(terms)
    return OfferRecord(
        line,
        sku,
        name,
        terms,
        description or "",
        maker,
        maker_number,
        gtin_number,
        state or "active",
        visibility,
    )


OFFERS: Final = Layout(
    "offers",
    (
        Column("sku", code, required=True),
        Column("name", text(NAME_CHARACTERS_MAX), required=True),
        Column("unit", unit, required=True),
        Column("description", text(TEXT_CHARACTERS_MAX)),
        Column("maker", text(NAME_CHARACTERS_MAX)),
        Column("maker_number", code),
        Column("gtin", gtin),
        Column("content", ratio, numeric=True),
        Column("content_unit", unit),
        Column("minimum_quantity", positive, numeric=True),
        Column("multiple", positive, numeric=True),
        Column("maximum_quantity", positive, numeric=True),
        Column("lead_time_days", days),
        Column("tax_category", code),
        Column("state", state),
        Column("visibility", visibility),
    ),
    make_offer,
    (
        "A-1",
        "Deep groove ball bearing 6204",
        "C62",
        "Sealed on both sides",
        "Acme",
        "6204-2RS",
        "4006381333931",
        "1",
        "C62",
        "10",
        "5",
        "1000",
        "14",
        "S",
        "active",
        "everybody",
    ),
)


def make_price(
    line: int,
    sku: str,
    unit_code: str,
    amount: Decimal,
    minimum_quantity: Decimal | None,
    basis: Decimal | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    volume_mode: str | None,
) -> PriceRecord:
    """Make the row of a tier; raises InvalidInput where columns do not fit each other."""
    minimum = minimum_quantity or Decimal(1)
    check_tier(minimum, amount, unit_code)
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        raise Unfit("ends_before_it_begins", "valid_until must be later than valid_from.")
    return PriceRecord(
        line,
        sku,
        unit_code,
        minimum,
        amount,
        basis or Decimal(1),
        valid_from or ALWAYS,
        valid_until or FOREVER,
        volume_mode=volume_mode or VolumeMode.VOLUME.value,
    )


def make_price_update(
    line: int,
    sku: str,
    unit_code: str | None,
    amount: Decimal,
    minimum_quantity: Decimal | None,
    basis: Decimal | None,
    *others: Any,
) -> PriceRecord:
    """Make the row of a tier that may leave unit and basis as they are in the list."""
    if unit_code is not None:
        return make_price(line, sku, unit_code, amount, minimum_quantity, basis, *others)
    known = make_price(line, sku, _ANY_UNIT, amount, minimum_quantity, basis, *others)
    return msgspec.structs.replace(known, unit="", basis=basis or Decimal(0))


PRICES: Final = Layout(
    "prices",
    (
        Column("sku", code, required=True, plain=CODE),
        Column("unit", unit, required=True, plain=WORD, vocabulary=True),
        Column("amount", number, required=True, numeric=True, plain=AMOUNT),
        Column("minimum_quantity", positive, numeric=True, plain=WHOLE),
        Column("basis", positive, numeric=True, plain=WHOLE),
        Column("valid_from", instant, plain=INSTANT, vocabulary=True),
        Column("valid_until", instant, plain=INSTANT, vocabulary=True),
        Column("volume_mode", volume_mode, plain=WORD, vocabulary=True),
    ),
    make_price,
    ("A-1", "C62", "12.50", "1", "1", "", "", "volume"),
)

PRICE_UPDATES: Final = Layout(
    PRICES.name,
    tuple(
        replace(column, required=column.required and column.name != "unit")
        for column in PRICES.columns
    ),
    make_price_update,
    PRICES.examples,
)
"""Prices as T_UPDATE_PRICES of BMEcat has them: in the unit and per the basis agreed before."""


def location(value: str) -> str:
    """Parse the code of a location."""
    return code(value)


def version(value: str) -> int:
    """Parse a source version."""
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise Unfit("not_a_number", "A source version is a whole number that grows.")
    return int(value)


def not_taken(value: str) -> str:
    """Parse what an export tells and an import does not take."""
    return value


def make_stock(
    line: int, sku: str, place: str, on_hand: Decimal, source_version: int, *_told: Any
) -> StockRecord:
    """Make the row of what lies at a location."""
    return StockRecord(line, sku, place, on_hand, source_version)


STOCK: Final = Layout(
    "stock",
    (
        Column("sku", code, required=True),
        Column("location", location, required=True),
        Column("on_hand", number, required=True, numeric=True),
        Column("source_version", version, required=True),
        Column("reserved", not_taken, numeric=True),
        Column("available", not_taken, numeric=True),
    ),
    make_stock,
    ("A-1", "MAIN", "250", "20260131", "", ""),
)
