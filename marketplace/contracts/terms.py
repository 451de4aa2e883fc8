"""Delivery terms of a line: where to, when, at whose cost, paid when. Pure.

They are asked for in a procedure, bid for, agreed in a contract, and copied to the orders it
prices. What an order says itself goes before what was agreed.
"""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import NAME_CHARACTERS_MAX, PAYMENT_DAYS_MAX
from marketplace.kernel.taxes import TaxCategory
from marketplace.platform.http.schemas import CountryText, Input, Name

Words = Annotated[
    str,
    Meta(
        max_length=NAME_CHARACTERS_MAX,
        pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$",
        description="One line of text, without control characters.",
    ),
]


class Address(Input):
    """Where goods or invoices go."""

    name: Name
    street: Annotated[list[Name], Meta(max_length=4)]
    city: Name
    country: CountryText
    postal_code: Words = ""


class Incoterm(StrEnum):
    """Delivery terms of Incoterms 2020."""

    EXW = "EXW"
    FCA = "FCA"
    FAS = "FAS"
    FOB = "FOB"
    CFR = "CFR"
    CIF = "CIF"
    CPT = "CPT"
    CIP = "CIP"
    DAP = "DAP"
    DPU = "DPU"
    DDP = "DDP"


BUYER_CARRIES: Final = frozenset([Incoterm.EXW, Incoterm.FCA, Incoterm.FAS, Incoterm.FOB])
"""Under these the buyer pays the main carriage, under all others the seller."""


class Freight(StrEnum):
    """Who pays freight: it is in the price, comes on top of it, or the carrier collects it."""

    INCLUDED = "included"
    ADDED = "added"
    COLLECT = "collect"


class LineTerms(Input):
    """On which terms a line is delivered and paid; what is left out is not agreed.

    `delivery_place` is the place that Incoterms name. `payment_days` count from the invoice.
    """

    ship_to: Address | None = None
    bill_to: Address | None = None
    requested_on: date | None = None
    incoterm: Incoterm | None = None
    delivery_place: Words = ""
    payment_days: Annotated[int, Meta(ge=0, le=PAYMENT_DAYS_MAX)] | None = None
    payment_terms: Words = ""
    freight: Freight | None = None
    tax_category: TaxCategory | None = None


def completed(asked: LineTerms | None, offered: LineTerms | None) -> LineTerms | None:
    """Give what is agreed: all that was asked, and what was offered where it was left open."""
    if asked is None or offered is None:
        return offered if asked is None else asked
    values = {
        name: _said(getattr(asked, name), getattr(offered, name))
        for name in LineTerms.__struct_fields__
    }
    return LineTerms(**values)


def _said(asked: object, offered: object) -> Any:
    return offered if asked in _OPEN else asked


def deviations(
    asked: LineTerms | None, offered: LineTerms | None, pointer: str
) -> Iterator[FieldError]:
    """Find where an offer names other terms than were asked, or an address, which is the buyer's.

    Offers that are delivered on different terms could not be compared by their prices.
    """
    if offered is None:
        return
    yield from addresses_named(offered, pointer)
    for name in _OFFERED:
        said, wanted = getattr(offered, name), None if asked is None else getattr(asked, name)
        if wanted not in _OPEN and said not in (*_OPEN, wanted):
            detail = f"Asked is {wanted}; an offer on other terms could not be compared."
            yield FieldError(f"{pointer}/{name}", "not_as_asked", detail)
    yield from terms_errors(completed(asked, offered), pointer)


def addresses_named(offered: LineTerms, pointer: str) -> Iterator[FieldError]:
    """Find addresses in what a supplier offers."""
    for name in _ADDRESSES:
        if getattr(offered, name) is not None:
            detail = "Where goods and invoices go is for the buyer to say."
            yield FieldError(f"{pointer}/{name}", "not_yours", detail)


_OPEN: Final = (None, "")
_ADDRESSES: Final = ("ship_to", "bill_to")
_OFFERED: Final = tuple(name for name in LineTerms.__struct_fields__ if name not in _ADDRESSES)


def terms_errors(terms: LineTerms | None, pointer: str) -> Iterator[FieldError]:
    """Find what in these terms cannot be delivered on."""
    if terms is None:
        return
    if terms.incoterm is not None and not terms.delivery_place.strip():
        detail = f"{terms.incoterm} is agreed for a place: name it."
        yield FieldError(f"{pointer}/delivery_place", "place_missing", detail)
    if terms.incoterm is None or terms.freight is None:
        return
    buyer_carries = terms.incoterm in BUYER_CARRIES
    if buyer_carries and terms.freight is Freight.INCLUDED:
        detail = f"Under {terms.incoterm} the buyer pays the carriage; no price includes it."
        yield FieldError(f"{pointer}/freight", "contradicts_incoterm", detail)
    if not buyer_carries and terms.freight is Freight.COLLECT:
        detail = f"Under {terms.incoterm} the seller pays the carriage; none is collected."
        yield FieldError(f"{pointer}/freight", "contradicts_incoterm", detail)
