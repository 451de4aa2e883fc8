"""HTTP of the buyers' catalog."""

from typing import Annotated, Final, cast
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from catalog.languages.asked import AcceptLanguage, LanguageQuery, asked_languages
from catalog.search import service, synonyms
from catalog.search.finding import Query, Sort
from catalog.search.narrowing import read_filters
from catalog.search.schemas import (
    CatalogItem,
    CatalogPage,
    RelatedItems,
    Suggestions,
    SynonymsInput,
    SynonymsView,
)
from catalog.search.suggestions import answer_suggestions
from marketplace.kernel.limits import LEAD_TIME_DAYS_MAX, NAME_CHARACTERS_MAX, SUGGESTIONS_SHOWN
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch, unless_kept, versioned
from marketplace.platform.http.direct import Direct
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, next_link, paged
from marketplace.platform.idempotency import IdempotencyKey

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


@get(
    "/v1/catalog",
    operation_id="searchCatalog",
    tags=["catalog"],
    summary="Your catalog: products and offers you may see, with your own prices.",
    responses={304: ResponseSpec(None, description="The answer you keep is still this one.")},
    middleware=[Direct],
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
            "is little else, in spite of typing errors; sizes (`M8 x 30`); or the beginning of an "
            "SKU, a maker's number or a GTIN, with or without punctuation. Where nothing has all "
            "words, some are left out, and told.",
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
    stock: Annotated[
        bool, QueryParameter(name="stock", description="Tell what can be delivered at this moment.")
    ] = False,
    if_none_match: IfNoneMatch = None,
) -> Response[CatalogPage]:
    """Search and narrow; every offer is priced at the smallest quantity you can buy."""
    languages = asked_languages(language, accept_language)
    query = Query(
        text=q,
        languages=languages,
        filters=read_filters(category, supplier, attribute, range_, lead_time_days),
        sort=sort,
        facets=facets,
        price_from=price_from,
        price_to=price_to,
    )
    if stock:  # of this moment, and never kept
        shown = await service.search_catalog(
            platform, caller, query, currency, page_request, languages, stock=True
        )
        return paged(page_request, shown)
    answer = await service.answer_search(platform, caller, query, currency, page_request, languages)
    page = cast("CatalogPage", answer.body)
    response = Response(page, headers=next_link(page_request, answer.next))
    return unless_kept(response, answer.tag, if_none_match)


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
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
) -> CatalogItem:
    """Compare the offers of a product; each price tells its source, its ladder and what lost."""
    languages = asked_languages(language, accept_language)
    return await service.read_catalog_item(platform, caller, item_id, currency, languages)


@get(
    "/v1/catalog/{item_id:uuid}/related",
    operation_id="readRelatedItems",
    tags=["catalog"],
    summary="Accessories, spare parts, substitutes, and what is bought together with a product.",
)
async def read_related(
    item_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    currency: CurrencyQuery = None,
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
) -> RelatedItems:
    """Show what goes with a product, of what you may see, at your own prices."""
    languages = asked_languages(language, accept_language)
    return await service.read_related(platform, caller, item_id, currency, languages)


@get(
    "/v1/catalog/suggestions",
    operation_id="suggestInCatalog",
    tags=["catalog"],
    summary="Products, categories and SKUs that begin like what you type.",
)
async def suggest(
    caller: Given[Caller],
    platform: Given[Platform],
    q: Annotated[
        str | None,
        QueryParameter(
            name="q", max_length=NAME_CHARACTERS_MAX, description="What is typed so far."
        ),
    ] = None,
    language: LanguageQuery = None,
    accept_language: AcceptLanguage = None,
    limit: Annotated[
        int,
        QueryParameter(
            name="limit", ge=1, le=SUGGESTIONS_SHOWN, description="Suggestions of each kind."
        ),
    ] = SUGGESTIONS_SHOWN,
) -> Response[Suggestions]:
    """Suggest from your own catalog; ask at each letter."""
    languages = asked_languages(language, accept_language)
    return Response(await answer_suggestions(platform, caller, q or "", languages, limit))


@get(
    "/v1/search-synonyms",
    operation_id="listSearchSynonyms",
    tags=["catalog"],
    summary="Synonyms of searches; for the operator.",
)
async def list_synonyms(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[SynonymsView]]:
    """List synonyms, the oldest first."""
    return paged(page_request, await synonyms.list_synonyms(platform, caller, page_request))


@post(
    "/v1/search-synonyms",
    operation_id="createSearchSynonyms",
    tags=["catalog"],
    summary="Add synonyms: terms that mean the same, or are also looked for by others.",
)
async def create_synonyms(
    data: JSONBody[SynonymsInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[SynonymsView]:
    """Add synonyms; searches know them at once."""
    return versioned(await synonyms.create_synonyms(platform, caller, data, idempotency_key))


@put(
    "/v1/search-synonyms/{synonym_id:uuid}",
    operation_id="changeSearchSynonyms",
    tags=["catalog"],
    summary="Put synonyms in the place of others.",
)
async def change_synonyms(
    synonym_id: FromPath[UUID],
    data: JSONBody[SynonymsInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[SynonymsView]:
    """Change synonyms whole."""
    return versioned(await synonyms.change_synonyms(platform, caller, synonym_id, if_match, data))


@delete(
    "/v1/search-synonyms/{synonym_id:uuid}",
    operation_id="deleteSearchSynonyms",
    tags=["catalog"],
    summary="Delete synonyms.",
)
async def delete_synonyms(
    synonym_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> None:
    """Delete synonyms; searches forget them at once."""
    await synonyms.delete_synonyms(platform, caller, synonym_id, if_match)


ROUTES: Final = (
    search_catalog,
    suggest,
    read_catalog_item,
    read_related,
    list_synonyms,
    create_synonyms,
    change_synonyms,
    delete_synonyms,
)
