"""The catalog as a buyer reads it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from catalog.categories.schemas import CategoryRef, ValueView
from catalog.price_lists.schemas import NoPriceView, PriceView
from catalog.products.schemas import PRODUCT_STATE, ClassCodeView, MediaView
from catalog.stock.schemas import AvailabilityView
from marketplace.kernel.limits import SYNONYM_TERMS_MAX
from marketplace.platform.http.paging import Page
from marketplace.platform.http.schemas import Input, Name, Output


class CatalogOffer(Output):
    """One supplier's offer with your own price, at the smallest quantity you can buy.

    `private` offers are seen by you and the supplier alone. `availability` is what the supplier
    shows of his stock at this moment: of one item always, of a page where it was asked for.
    """

    id: UUID
    supplier_id: UUID
    supplier_name: str
    sku: str
    name: str
    unit: str
    content: str
    content_unit: str
    minimum_quantity: str
    private: bool
    price: PriceView | UnsetType = UNSET
    no_price: NoPriceView | UnsetType = UNSET
    multiple: str | UnsetType = UNSET
    maximum_quantity: str | UnsetType = UNSET
    lead_time_days: int | UnsetType = UNSET
    availability: AvailabilityView | UnsetType = UNSET


class ProductRef(Output):
    """Another product of your catalog."""

    id: UUID
    name: str


class CatalogItem(Output):
    """A product with its offers, the cheapest first; or an offer made for you alone.

    A page shows the first of `offer_count` offers. Where one item is asked for, all of them stand
    side by side, and all else that is told of a product: the way of its `category` from the root,
    values, codes, media, and what took its place; what goes with it is asked for by `related`.
    `language` is that of name and description; it is left out for texts of no language.
    """

    id: UUID
    kind: Literal["product", "private_offer"]
    name: str
    offer_count: int
    offers: list[CatalogOffer]
    description: str | UnsetType = UNSET
    maker: str | UnsetType = UNSET
    maker_number: str | UnsetType = UNSET
    gtin: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    state: PRODUCT_STATE | UnsetType = UNSET
    category: list[CategoryRef] | UnsetType = UNSET
    attributes: list[ValueView] | UnsetType = UNSET
    codes: list[ClassCodeView] | UnsetType = UNSET
    media: list[MediaView] | UnsetType = UNSET
    replacement: ProductRef | UnsetType = UNSET

    def named(self, name: str, language: str) -> "CatalogItem":
        """Call it as it is called in a language, '' where it is in none."""
        self.name = name
        if language:
            self.language = language
        return self


class CategoryCount(Output):
    """A category, and how many found products lie in it or below."""

    id: UUID
    code: str
    name: str
    count: int
    parent_id: UUID | UnsetType = UNSET


class ValueCount(Output):
    """A value of an attribute, and how many found products have it."""

    value: str
    name: str
    count: int


class AttributeCounts(Output):
    """An attribute: its values with counts or, of a number, the range the found ones lie in."""

    code: str
    name: str
    kind: Literal["enum", "boolean", "number"]
    values: list[ValueCount] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    low: str | UnsetType = UNSET
    high: str | UnsetType = UNSET
    count: int | UnsetType = UNSET


class SupplierCount(Output):
    """A supplier, and how many found products he offers you."""

    id: UUID
    name: str
    count: int


class LeadTimeCount(Output):
    """How many found products somebody offers you within so many days."""

    days: int
    count: int


class PriceRange(Output):
    """Your own prices from `low` to `high`, both included, and how many found products have one."""

    low: str
    high: str
    count: int


class CatalogFacets(Output):
    """What the found products can be narrowed by; a facet is not narrowed by its own values.

    `prices` are there where own prices were asked for: by sorting or narrowing by them. Categories
    are counted with all that lies below them; of several chosen, one is enough.
    """

    categories: list[CategoryCount]
    attributes: list[AttributeCounts]
    suppliers: list[SupplierCount]
    lead_times: list[LeadTimeCount]
    prices: list[PriceRange] | UnsetType = UNSET


class CatalogFindings(Output):
    """What a search found beside the items.

    `count` is of products, and of offers made for you alone. No more than the first 5,000 in order
    are counted, by facets too: where there are more, `count_bounded` says that each count is of at
    least so many. Pages go on behind them. Where own prices decide the order, only so many are
    priced: `prices_bounded` says that there are more, which are left out. Where nothing has all
    the words, some are left out of what is asked: `words_left_out`.
    """

    count: int
    count_bounded: bool
    words_left_out: tuple[str, ...] | UnsetType = UNSET
    prices_bounded: bool | UnsetType = UNSET
    facets: CatalogFacets | UnsetType = UNSET


class CatalogPage(Page[CatalogItem], frozen=True, kw_only=True):
    """A page of the catalog; `found` is there where something was searched for or narrowed."""

    found: CatalogFindings | UnsetType = UNSET


class SuggestedProduct(Output):
    """A product, or an offer made for you alone, whose name or code begins like that."""

    id: UUID
    name: str


class SuggestedCategory(Output):
    """A category with something for you in it."""

    id: UUID
    code: str
    name: str


class SuggestedSku(Output):
    """A supplier's number that begins like that; `item_id` is what it is in the catalog."""

    sku: str
    supplier_id: UUID
    item_id: UUID
    name: str


class Suggestions(Output):
    """What a text may become, as you type."""

    products: list[SuggestedProduct]
    categories: list[SuggestedCategory]
    skus: list[SuggestedSku]


class RelatedItems(Output):
    """What else there is in your catalog for who looks at a product, at your own prices.

    `bought_together` follows from the orders of many companies.
    """

    accessories: list[CatalogItem]
    spare_parts: list[CatalogItem]
    substitutes: list[CatalogItem]
    bundles: list[CatalogItem]
    bought_together: list[CatalogItem]


class SynonymsInput(Input):
    """Terms that mean the same; with `replacements`, each term is also looked for by these."""

    terms: Annotated[list[Name], Meta(min_length=1, max_length=SYNONYM_TERMS_MAX)]
    language: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?)?(?!\n)$",
            description="Language of the searches (BCP 47; de-AT says the same as de); empty for "
            "every language.",
            examples=["de"],
        ),
    ] = ""
    replacements: Annotated[list[Name], Meta(max_length=SYNONYM_TERMS_MAX)] = field(
        default_factory=list
    )


class SynonymsView(Output):
    """Synonyms, written as searches read them: in small letters."""

    id: UUID
    language: str
    terms: list[str]
    replacements: list[str]
    version: int
    created_at: datetime
