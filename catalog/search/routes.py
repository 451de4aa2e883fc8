"""HTTP of the buyers' catalog."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get
from litestar.params import QueryParameter

from catalog.search import service
from catalog.search.schemas import CatalogItem
from marketplace.kernel.limits import NAME_CHARACTERS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import Page, PageRequest, paged

CurrencyQuery = Annotated[
    str | None,
    QueryParameter(
        name="currency",
        pattern=r"^[A-Z]{3}(?!\n)$",
        description="Currency of the prices (ISO 4217, as in EUR); without it, each in that of "
        "your best price.",
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
            description="Words that must all be in the text, or the beginning of an SKU.",
        ),
    ] = None,
    currency: CurrencyQuery = None,
) -> Response[Page[CatalogItem]]:
    """Search by words or SKU; every offer is priced at the smallest quantity you can buy."""
    return paged(
        page_request, await service.answer_search(platform, caller, q, currency, page_request)
    )


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
) -> CatalogItem:
    """Compare the offers of a product; each price tells its source, its ladder and what lost."""
    return await service.read_catalog_item(platform, caller, item_id, currency)


ROUTES: Final = (search_catalog, read_catalog_item)
