"""HTTP of products and offers."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put

from catalog.products import service
from catalog.products.schemas import OfferInput, OfferView, ProductInput, ProductView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey


@post(
    "/v1/products",
    operation_id="createProduct",
    tags=["products"],
    summary="Add a product; for the operator.",
)
async def create_product(
    data: JSONBody[ProductInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ProductView]:
    """Add a product that suppliers can offer."""
    return versioned(await service.create_product(platform, caller, data, idempotency_key))


@get(
    "/v1/products/{product_id:uuid}",
    operation_id="readProduct",
    tags=["products"],
    summary="A product, without offers.",
)
async def read_product(
    product_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ProductView]:
    """Read a product; the catalog shows its offers and prices."""
    return versioned(await service.read_product(platform, caller, product_id))


@put(
    "/v1/offers/by-sku/{sku:str}",
    operation_id="putOfferBySku",
    tags=["offers"],
    summary="Make or change your offer with this SKU.",
)
async def put_offer(
    sku: FromPath[str],
    data: JSONBody[OfferInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[OfferView]:
    """Set an offer whole; sending it again changes nothing."""
    return versioned(await service.put_offer(platform, caller, sku, data))


@get(
    "/v1/offers/by-sku/{sku:str}",
    operation_id="readOfferBySku",
    tags=["offers"],
    summary="Your offer with this SKU.",
)
async def read_offer(
    sku: FromPath[str], caller: Given[Caller], platform: Given[Platform]
) -> Response[OfferView]:
    """Read one of your own offers."""
    return versioned(await service.read_offer(platform, caller, sku))


@get("/v1/offers", operation_id="listOffers", tags=["offers"], summary="Your own offers, by SKU.")
async def list_offers(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[OfferView]]:
    """List the offers you make as a supplier."""
    return paged(page_request, await service.list_offers(platform, caller, page_request))


ROUTES: Final = (create_product, read_product, put_offer, read_offer, list_offers)
