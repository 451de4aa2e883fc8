"""Products and offers on the wire."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from marketplace.kernel.limits import CODE_CHARACTERS_MAX, LEAD_TIME_DAYS_MAX
from marketplace.platform.http.schemas import Input, Name, Output, QuantityText, Text, UnitText

MakerNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*(?!\n)$",
        description="The maker's number of the article: not blank, no control character.",
        examples=["6204-2RS"],
    ),
]
Gtin = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{8,14}(?!\n)$",
        description="GTIN-8, -12, -13 or -14, digits alone.",
        examples=["4006381333931"],
    ),
]
RatioText = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?(?!\n)$",
        description="An exact ratio of whole numbers.",
        examples=["12", "1/3"],
    ),
]


class ProductInput(Input):
    """A product the operator adds."""

    name: Name
    description: Text = ""
    maker: Name | None = None
    maker_number: MakerNumber | None = None
    gtin: Gtin | None = None


class ProductView(Output):
    """A product as everybody sees it; a proposed one can be bought like any other."""

    id: UUID
    name: str
    description: str
    maker: str | None
    maker_number: str | None
    gtin: str | None
    state: Literal["proposed", "draft", "active", "discontinued"]
    version: int
    created_at: datetime


class OfferInput(Input):
    """How a supplier sells something.

    Without `product_id` the product is found by GTIN, by maker and maker's number, or by what this
    SKU was before; else it is proposed. `buyer_id` makes the offer private to that company;
    `visibility` ``nobody`` keeps it to yourself. One `unit` holds exactly `content` of
    `content_unit`.
    """

    name: Name
    unit: UnitText
    description: Text = ""
    product_id: UUID | None = None
    maker: Name | None = None
    maker_number: MakerNumber | None = None
    gtin: Gtin | None = None
    content: RatioText = "1"
    content_unit: UnitText | None = None
    minimum_quantity: QuantityText | None = None
    multiple: QuantityText | None = None
    maximum_quantity: QuantityText | None = None
    lead_time_days: Annotated[int, Meta(ge=0, le=LEAD_TIME_DAYS_MAX)] | None = None
    tax_category: Annotated[
        str,
        Meta(
            pattern=r"^[A-Z]{1,2}(?!\n)$",
            description="UNCL 5305: S standard, Z zero, E exempt, AE reverse charge, K, G, O.",
        ),
    ] = "S"
    visibility: Literal["everybody", "nobody"] = "everybody"
    buyer_id: UUID | None = None
    state: Literal["active", "withdrawn"] = "active"


class OfferView(Output):
    """An offer as its supplier sees it; `buyer_id` is there for a private one."""

    id: UUID
    sku: str
    name: str
    description: str
    unit: str
    content: str
    content_unit: str
    minimum_quantity: str
    tax_category: str
    visibility: Literal["everybody", "nobody", "buyer"]
    state: Literal["active", "withdrawn"]
    version: int
    created_at: datetime
    updated_at: datetime
    product_id: UUID | UnsetType = UNSET
    multiple: str | UnsetType = UNSET
    maximum_quantity: str | UnsetType = UNSET
    lead_time_days: int | UnsetType = UNSET
    buyer_id: UUID | UnsetType = UNSET


def ratio(text: str) -> Fraction:
    """Read a `RatioText`."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below or 1))


def ratio_text(numerator: int, denominator: int) -> str:
    """Write an exact ratio."""
    return str(Fraction(numerator, denominator))


def decimal(text: str | None) -> Decimal | None:
    """Read an optional quantity."""
    return None if text is None else Decimal(text)
