"""What holds of offers and article numbers; pure."""

from decimal import Decimal
from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec
from stdnum import ean
from stdnum.exceptions import ValidationError

from marketplace.kernel.errors import FieldError, invalid
from marketplace.kernel.limits import LEAD_TIME_DAYS_MAX
from marketplace.kernel.units import check_unit, too_fine

RESTRICTED: Final = UUID(int=1)
"""The audience of an offer that only assortments granted to a buyer show him."""
GTIN_DIGITS: Final = 14
TAX_CATEGORIES: Final = frozenset({"S", "Z", "E", "AE", "K", "G", "O", "L", "M"})
"""Duty or tax categories of UNCL 5305 that EN 16931 admits."""


class OfferTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How an offer may be ordered.

    One `unit` holds exactly `content` of `content_unit`. `multiple`, `maximum_quantity` and
    `lead_time_days` are None where the supplier sets none.
    """

    unit: str
    content: Fraction
    content_unit: str
    minimum_quantity: Decimal
    multiple: Decimal | None = None
    maximum_quantity: Decimal | None = None
    lead_time_days: int | None = None
    tax_category: str = "S"


class OfferRecord(msgspec.Struct, frozen=True):
    """One offer as a supplier gives it; `line` is its place in what he sent.

    `visibility` is ``everybody`` or ``restricted``; None leaves it as it is, for a new one open.
    """

    line: int
    sku: str
    name: str
    terms: OfferTerms
    description: str = ""
    maker: str | None = None
    maker_number: str | None = None
    gtin: str | None = None
    state: str = "active"
    visibility: str | None = None


def check_offer_terms(terms: OfferTerms) -> None:
    """Refuse terms nobody could order by; raises InvalidInput with a pointer to the field."""
    check_unit(terms.unit)
    check_unit(terms.content_unit, "/content_unit")
    for name in ("multiple", "minimum_quantity", "maximum_quantity"):
        quantity: Decimal | None = getattr(terms, name)
        if quantity is None:
            continue
        if quantity <= 0:
            raise invalid(f"/{name}", "not_positive", "A quantity must be greater than zero.")
        if (detail := too_fine(quantity, terms.unit)) is not None:
            raise invalid(f"/{name}", "too_many_decimals", detail)
    if terms.maximum_quantity is not None:
        smallest = smallest_order(terms)
        if terms.maximum_quantity < smallest:
            detail = f"The smallest quantity that can be ordered is {smallest}."
            raise invalid("/maximum_quantity", "below_minimum_quantity", detail)
    if terms.lead_time_days is not None and not 0 <= terms.lead_time_days <= LEAD_TIME_DAYS_MAX:
        detail = f"A lead time has 0 to {LEAD_TIME_DAYS_MAX} days."
        raise invalid("/lead_time_days", "out_of_range", detail)
    if terms.tax_category not in TAX_CATEGORIES:
        detail = "Use a tax category of UNCL 5305, such as S (standard rate) or Z (zero rate)."
        raise invalid("/tax_category", "unknown_tax_category", detail)


def smallest_order(terms: OfferTerms) -> Decimal:
    """Give the smallest quantity that meets minimum and multiple."""
    if terms.multiple is None:
        return terms.minimum_quantity
    steps, rest = divmod(terms.minimum_quantity, terms.multiple)
    return (steps + (rest > 0)) * terms.multiple


def quantity_error(
    quantity: Decimal,
    unit: str,
    terms: OfferTerms,
) -> FieldError | None:
    """Tell why an offer cannot be ordered in this quantity; None if it can.

    The terms count in the offer's own unit; in another unit the price alone decides.
    """
    if quantity % 1 and (detail := too_fine(quantity, unit)) is not None:
        return FieldError("/quantity", "too_many_decimals", detail)
    if unit != terms.unit:
        return None
    if quantity < terms.minimum_quantity:
        detail = f"The smallest order is {terms.minimum_quantity.normalize():f} {unit}."
        return FieldError("/quantity", "below_minimum_quantity", detail)
    if terms.maximum_quantity is not None and quantity > terms.maximum_quantity:
        detail = f"The largest order is {terms.maximum_quantity.normalize():f} {unit}."
        return FieldError("/quantity", "above_maximum_quantity", detail)
    if terms.multiple is not None and quantity % terms.multiple != 0:
        detail = f"It is sold in multiples of {terms.multiple.normalize():f} {unit}."
        return FieldError("/quantity", "not_a_multiple", detail)
    return None


def checked_gtin(number: str, pointer: str = "/gtin") -> str:
    """Give a GTIN-8, -12, -13 or -14 as 14 digits; raises InvalidInput if its check digit is wrong.

    All four are one number space (GS1 General Specifications), so 14 digits compare them.
    """
    try:
        compact: str = ean.validate(number)
    except ValidationError:
        detail = f"{number!r} is no GTIN: 8, 12, 13 or 14 digits, the last one a check digit."
        raise invalid(pointer, "invalid_gtin", detail) from None
    return compact.zfill(GTIN_DIGITS)


def maker_key(text: str) -> str:
    """Give the form in which makers and their numbers are compared: case and blanks aside."""
    return "".join(text.split()).casefold()
