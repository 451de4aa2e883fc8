"""Products and offers on the wire."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from catalog.categories.schemas import AttributeCode, LanguageTag, ValueView
from catalog.media.addresses import MEDIUM_PATTERN
from marketplace.kernel.limits import (
    ADDRESS_CHARACTERS_MAX,
    ATTRIBUTES_MAX,
    CATEGORY_DEPTH_MAX,
    CODE_CHARACTERS_MAX,
    CODES_PER_PRODUCT_MAX,
    KEYWORDS_MAX,
    LANGUAGES_MAX,
    LEAD_TIME_DAYS_MAX,
    MEDIA_PER_PRODUCT_MAX,
    NAME_CHARACTERS_MAX,
    RELATIONS_PER_PRODUCT_MAX,
)
from marketplace.platform.http.schemas import Input, Name, Output, QuantityText, Text, UnitText

PRODUCT_STATE = Literal["proposed", "draft", "active", "discontinued"]
RELATION_KIND = Literal["accessory", "spare_part", "substitute", "bundle"]
MEDIA_KIND = Literal[
    "image",
    "datasheet",
    "safety_data_sheet",
    "certificate",
    "drawing",
    "manual",
    "video",
    "other",
]
VALUES_MAX: Final = ATTRIBUTES_MAX * CATEGORY_DEPTH_MAX

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
        description="A whole number or an exact ratio of two: 30.48 is written 3048/100.",
        examples=["12", "3048/100"],
    ),
]


Visibility = Literal["everybody", "restricted", "nobody", "buyer"]


class SuggestionState(StrEnum):
    """What became of a suggestion."""

    OPEN = "open"
    TAKEN = "taken"
    DECLINED = "declined"


class TextInput(Input):
    """What a product is called in one language."""

    language: LanguageTag
    name: Name
    description: Text = ""
    keywords: Annotated[list[Name], Meta(max_length=KEYWORDS_MAX)] = field(default_factory=list)


class ValueInput(Input):
    """A value of one of the attributes that the product's category has.

    A number is sent as text, in the attribute's unit or in another with a fixed factor to it.
    """

    code: AttributeCode
    value: (
        bool
        | Annotated[
            str,
            Meta(
                min_length=1,
                max_length=NAME_CHARACTERS_MAX,
                pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$",
                description="One line of text: a text, a number, or an option's code.",
                examples=["20"],
            ),
        ]
    )
    unit: UnitText | None = None


class ClassCodeInput(Input):
    """A product's class in a scheme such as unspsc, eclass, etim or hs."""

    scheme: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=32,
            pattern=r"^[!-~]+(?!\n)$",
            description="Name of the scheme.",
            examples=["unspsc"],
        ),
    ]
    code: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=CODE_CHARACTERS_MAX,
            pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$",
            description="The class, in the form of its scheme.",
            examples=["31171504"],
        ),
    ]
    version: Annotated[
        str,
        Meta(
            max_length=CODE_CHARACTERS_MAX,
            pattern=r"^[ -~]*(?!\n)$",
            description="Version of the scheme, in ASCII characters; empty where none is told.",
            examples=["26.0801"],
        ),
    ] = ""


class MediaInput(Input):
    """A picture or a paper of a product: a link, or the address of one that was uploaded."""

    kind: MEDIA_KIND
    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=ADDRESS_CHARACTERS_MAX,
            pattern=rf"^(https://[^\x00-\x20\x7f]+|{MEDIUM_PATTERN})(?!\n)$",
            description="An https address, or the `url` of an uploaded medium.",
            examples=["https://media.example.com/6204-2rs.jpg"],
        ),
    ]
    title: Annotated[
        str,
        Meta(
            max_length=NAME_CHARACTERS_MAX,
            pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$",
            description="One line of text, or nothing.",
        ),
    ] = ""


class ProductContent(Input):
    """All that is told of a product.

    `name` and `description` are for whoever asks in a language there is no text in.
    """

    name: Name
    description: Text = ""
    maker: Name | None = None
    maker_number: MakerNumber | None = None
    gtin: Gtin | None = None
    category_id: UUID | None = None
    attributes: Annotated[list[ValueInput], Meta(max_length=VALUES_MAX)] = field(
        default_factory=list
    )
    texts: Annotated[list[TextInput], Meta(max_length=LANGUAGES_MAX)] = field(default_factory=list)
    codes: Annotated[list[ClassCodeInput], Meta(max_length=CODES_PER_PRODUCT_MAX)] = field(
        default_factory=list
    )
    media: Annotated[list[MediaInput], Meta(max_length=MEDIA_PER_PRODUCT_MAX)] = field(
        default_factory=list
    )


class ProductInput(ProductContent):
    """A product the operator adds: a draft is not shown yet."""

    state: Literal["active", "draft"] = "active"


class TextPartInput(Input):
    """What a product is called in one language; what is left out stays as it is."""

    language: LanguageTag
    name: Name | None = None
    description: Text | None = None
    keywords: Annotated[list[Name], Meta(max_length=KEYWORDS_MAX)] | None = None


class ToldInput(Input):
    """What somebody tells of a product; what he leaves out stays as it is.

    `attributes`, `texts` and `codes` are added to those there are, or take the place of the same;
    `media` take the place of all.
    """

    name: Name | None = None
    description: Text | None = None
    maker: Name | None = None
    maker_number: MakerNumber | None = None
    gtin: Gtin | None = None
    category_id: UUID | None = None
    attributes: Annotated[list[ValueInput], Meta(max_length=VALUES_MAX)] = field(
        default_factory=list
    )
    texts: Annotated[list[TextPartInput], Meta(max_length=LANGUAGES_MAX)] = field(
        default_factory=list
    )
    codes: Annotated[list[ClassCodeInput], Meta(max_length=CODES_PER_PRODUCT_MAX)] = field(
        default_factory=list
    )
    media: Annotated[list[MediaInput], Meta(max_length=MEDIA_PER_PRODUCT_MAX)] | None = None


class DeclineInput(Input):
    """Why the operator does not take what a supplier told."""

    reason: Annotated[Text, Meta(min_length=1)]


class AcceptInput(Input):
    """What becomes of a proposal; with `product` it is corrected, whole."""

    state: Literal["active", "draft"] = "active"
    product: ProductContent | None = None


class MergeInput(Input):
    """The product that a proposed one turned out to be."""

    product_id: UUID


class DiscontinueInput(Input):
    """What takes a product's place, if anything does."""

    replacement_id: UUID | None = None


class RelationInput(Input):
    """A product that is this one's accessory, spare part, substitute, or in its bundle."""

    product_id: UUID
    kind: RELATION_KIND


class RelationsInput(Input):
    """All relations of a product, in the order in which they are shown."""

    relations: Annotated[list[RelationInput], Meta(max_length=RELATIONS_PER_PRODUCT_MAX)]


class TextView(Output):
    """What a product is called in one language."""

    language: str
    name: str
    description: str
    keywords: list[str]


class ClassCodeView(Output):
    """A product's class in a scheme; `version` is empty where none was told."""

    scheme: str
    code: str
    version: str


class MediaView(Output):
    """A picture or a paper of a product.

    `url` is an https address or, of one that was uploaded, a path of this API; of those alone it is
    known what they are.
    """

    kind: MEDIA_KIND
    url: str
    title: str
    media_type: str | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    sha256: str | UnsetType = UNSET


class ToldTextView(Output):
    """What a supplier calls a product in one language."""

    language: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    keywords: list[str] | UnsetType = UNSET


class ToldValueView(Output):
    """A value of an attribute, as it was told."""

    code: str
    value: str | bool
    unit: str | UnsetType = UNSET


class ToldView(Output):
    """What a supplier tells of a product; what is left out stays as it is."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    maker: str | UnsetType = UNSET
    maker_number: str | UnsetType = UNSET
    gtin: str | UnsetType = UNSET
    category_id: UUID | UnsetType = UNSET
    attributes: list[ToldValueView] | UnsetType = UNSET
    texts: list[ToldTextView] | UnsetType = UNSET
    codes: list[ClassCodeView] | UnsetType = UNSET
    media: list[MediaView] | UnsetType = UNSET


class ProductSuggestionView(Output):
    """What a supplier tells of a product that others keep or sell too; the operator decides."""

    id: UUID
    product_id: UUID
    supplier_id: UUID
    state: Literal["open", "taken", "declined"]
    content: ToldView
    version: int
    created_at: datetime
    updated_at: datetime
    reason: str | UnsetType = UNSET


class ToldAnswer(Output):
    """What became of what a supplier told.

    ``changed``: the product says so now, for it is your own proposal; ``suggested``: the operator
    decides, see `suggestion_id`; ``unchanged``: the product, or your suggestion, says so already.
    """

    product_id: UUID
    outcome: Literal["changed", "suggested", "unchanged"]
    suggestion_id: UUID | UnsetType = UNSET


class RelationView(Output):
    """A relation to another product."""

    product_id: UUID
    kind: RELATION_KIND


class ProductView(Output):
    """A product, without offers; a proposed one can be bought like any other.

    `name` and `description` are those for languages there is no text in. `relations` and
    `missing`, the required attributes that are not told, are for the operator. `merged_into` is
    the product this one turned out to be.
    """

    id: UUID
    name: str
    description: str
    maker: str | None
    maker_number: str | None
    gtin: str | None
    state: PRODUCT_STATE
    version: int
    created_at: datetime
    attributes: list[ValueView] = field(default_factory=list)
    texts: list[TextView] = field(default_factory=list)
    codes: list[ClassCodeView] = field(default_factory=list)
    media: list[MediaView] = field(default_factory=list)
    category_id: UUID | UnsetType = UNSET
    replacement_id: UUID | UnsetType = UNSET
    merged_into: UUID | UnsetType = UNSET
    relations: list[RelationView] | UnsetType = UNSET
    missing: list[str] | UnsetType = UNSET


class ProductSummary(Output):
    """A product in a list; `merged_into` is what a proposal turned out to be."""

    id: UUID
    name: str
    maker: str | None
    maker_number: str | None
    gtin: str | None
    state: PRODUCT_STATE
    proposed_by: UUID
    version: int
    created_at: datetime
    category_id: UUID | UnsetType = UNSET
    replacement_id: UUID | UnsetType = UNSET
    merged_into: UUID | UnsetType = UNSET


class MergedView(ProductSummary):
    """A proposal that was merged, and how many offers moved to the other product."""

    offers_moved: int = 0


class OfferInput(Input):
    """How a supplier sells something.

    Without `product_id` the product is found by GTIN, by maker and maker's number, or by what this
    SKU was before; else it is proposed, if the offer is everybody's. `buyer_id` makes the offer
    private to that company; `visibility` ``restricted`` shows it to those alone to whom you granted
    an assortment it is in, ``nobody`` keeps it to yourself. One `unit` holds exactly `content` of
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
    visibility: Literal["everybody", "restricted", "nobody"] = "everybody"
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
    visibility: Visibility
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
