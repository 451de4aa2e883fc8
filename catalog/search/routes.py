"""HTTP of the buyers' catalog."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get
from litestar.params import QueryParameter

from catalog.asked_languages import AcceptLanguage, asked_languages
from catalog.asked_languages import LanguageQuery as TextLanguageQuery
from catalog.search import service
from catalog.search.finding import Query, Sort
from catalog.search.narrowing import read_filters
from catalog.search.schemas import CatalogItem, CatalogPage
from marketplace.kernel.limits import LEAD_TIME_DAYS_MAX, NAME_CHARACTERS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import PageRequest, paged

CurrencyQuery = Annotated[
    str | None,
    QueryParameter(
        name="currency",
        pattern=r"^[A-Z]{3}(?!\n)$",
        description="Currency of the prices (ISO 4217, as in EUR); without it, each in that of "
        "your best price.",
    ),
]


_AMOUNT: Final = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?(?!\n)$"
PriceQuery = Annotated[
    str | None,
    QueryParameter(
        name="price_from",
        pattern=_AMOUNT,
        description="Your best price for one content unit, in `currency`, is at least this.",
    ),
]
PriceToQuery = Annotated[
    str | None,
    QueryParameter(name="price_to", pattern=_AMOUNT, description="It is at most this."),
]
LanguageQuery = Annotated[
    str | None,
    QueryParameter(
        name="language",
        pattern=r"^[a-z]{2}(?!\n)$",
        description="Language of the words (ISO 639-1, as in de): texts in it, and its stems; and "
        "of the names in the answer; "
        "without it, texts of no known language are searched.",
    ),
]


@get(
    "/v1/catalog",
    operation_id="searchCatalog",
    tags=["catalog"],
    summary="Your catalog: products and offers you may see, with your own prices.",
)
async def search_catalog(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    q: Annotated[
        str | None,
        QueryParameter(
            name="q",
            max_length=NAME_CHARACTERS_MAX,
            description="Words that must all be found, by their stems, synonyms and, where there "
            "is little else, in spite of typing errors; or the beginning of an SKU, a maker's "
            "number or a GTIN, with or without punctuation.",
        ),
    ] = None,
    currency: CurrencyQuery = None,
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
    category: Annotated[
        list[UUID] | None,
        QueryParameter(name="category", description="In one of these categories or below."),
    ] = None,
    supplier: Annotated[
        list[UUID] | None,
        QueryParameter(name="supplier", description="Offered to you by one of these."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        QueryParameter(
            name="attribute",
            description="`code:value` of an enum or boolean (`material:steel`); of several values "
            "of one attribute one is enough.",
        ),
    ] = None,
    range_: Annotated[
        list[str] | None,
        QueryParameter(
            name="range",
            description="`code:low:high` of a number, both included; either may be left out "
            "(`width:10:`).",
        ),
    ] = None,
    lead_time_days: Annotated[
        int | None,
        QueryParameter(
            name="lead_time_days",
            ge=0,
            le=LEAD_TIME_DAYS_MAX,
            description="Somebody offers it to you within so many days.",
        ),
    ] = None,
    price_from: PriceQuery = None,
    price_to: PriceToQuery = None,
    sort: Annotated[
        Sort,
        QueryParameter(
            name="sort",
            description="`price`: the lowest first, by one content unit of your best offer, in "
            "`currency`; `-price`: the highest. Without a text, relevance is the name.",
        ),
    ] = "relevance",
    facets: Annotated[
        bool, QueryParameter(name="facets", description="Count what one can narrow it down by.")
    ] = False,
) -> Response[CatalogPage]:
    """Search and narrow; every offer is priced at the smallest quantity you can buy."""
    query = Query(
        text=q,
        language=language or "",
        filters=read_filters(category, supplier, attribute, range_, lead_time_days),
        sort=sort,
        facets=facets,
        price_from=price_from,
        price_to=price_to,
    )
    languages = asked_languages(language, accept_language)
    answer = await service.answer_search(platform, caller, query, currency, page_request, languages)
    return paged(page_request, answer)


@get(
    "/v1/catalog/{item_id:uuid}",
    operation_id="readCatalogItem",
    tags=["catalog"],
    summary="A product's offers side by side at your own prices, and why these.",
)
async def read_catalog_item(
    item_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    currency: CurrencyQuery = None,
    language: TextLanguageQuery = None,
    accept_language: AcceptLanguage = None,
) -> CatalogItem:
    """Compare the offers of a product; each price tells its source, its ladder and what lost."""
    languages = asked_languages(language, accept_language)
    return await service.read_catalog_item(platform, caller, item_id, currency, languages)


ROUTES: Final = (search_catalog, read_catalog_item)
