"""HTTP of products and offers."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.params import QueryParameter

from catalog.products import keeping, reading, relating, replacing, service, suggesting
from catalog.products.lifecycle import ProductState
from catalog.products.schemas import (
    AcceptInput,
    DeclineInput,
    DiscontinueInput,
    MergedView,
    MergeInput,
    OfferInput,
    OfferView,
    ProductContent,
    ProductInput,
    ProductSuggestionView,
    ProductSummary,
    ProductView,
    RelationsInput,
    SuggestionState,
    ToldAnswer,
    ToldInput,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["products"]
_Version = Given[int]


@post(
    "/v1/products",
    operation_id="createProduct",
    tags=_TAGS,
    summary="Add a product; for the operator.",
)
async def create_product(
    data: JSONBody[ProductInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ProductView]:
    """Add a product that suppliers can offer."""
    return versioned(await keeping.create_product(platform, caller, data, idempotency_key))


@get(
    "/v1/products",
    operation_id="listProducts",
    tags=_TAGS,
    summary="Products, oldest first: for the operator all, for you those you proposed.",
)
async def list_products(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    product_state: Annotated[
        ProductState | None,
        QueryParameter(name="state", description="Only those in this state."),
    ] = None,
    category_id: Annotated[
        UUID | None,
        QueryParameter(name="category_id", description="Only those in this category or below."),
    ] = None,
    gtin: Annotated[
        str | None,
        QueryParameter(name="gtin", max_length=14, description="Only the one with this GTIN."),
    ] = None,
) -> Response[Page[ProductSummary]]:
    """List products; the catalog shows what can be bought."""
    wanted = None if product_state is None else product_state.value
    answer = await reading.list_products(platform, caller, wanted, category_id, gtin, page_request)
    return paged(page_request, answer)


@get(
    "/v1/products/{product_id:uuid}",
    operation_id="readProduct",
    tags=_TAGS,
    summary="A product, without offers.",
)
async def read_product(
    product_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ProductView]:
    """Read a product; the catalog shows its offers and prices."""
    return versioned(await reading.read_product(platform, caller, product_id))


@put(
    "/v1/products/{product_id:uuid}",
    operation_id="changeProduct",
    tags=_TAGS,
    summary="Set all that is told of a product; for the operator.",
)
async def change_product(
    product_id: FromPath[UUID],
    data: JSONBody[ProductContent],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductView]:
    """Change a product's texts, category, attributes, codes and media; whole."""
    return versioned(await keeping.change_product(platform, caller, product_id, if_match, data))


@put(
    "/v1/products/{product_id:uuid}/relations",
    operation_id="putProductRelations",
    tags=_TAGS,
    summary="Set the accessories, spare parts, substitutes and bundle of a product; for the "
    "operator.",
)
async def put_relations(
    product_id: FromPath[UUID],
    data: JSONBody[RelationsInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductView]:
    """Set all relations of a product; buyers see those to products in their catalog."""
    return versioned(await relating.put_relations(platform, caller, product_id, if_match, data))


@post(
    "/v1/products/{product_id:uuid}/accept",
    operation_id="acceptProduct",
    tags=_TAGS,
    summary="Take a proposed product in, as it is or corrected; for the operator.",
    status_code=200,
)
async def accept_product(
    product_id: FromPath[UUID],
    data: JSONBody[AcceptInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductView]:
    """Accept what a supplier proposed; a draft is taken out of the catalog until it is shown."""
    return versioned(await keeping.accept_product(platform, caller, product_id, if_match, data))


@post(
    "/v1/products/{product_id:uuid}/merge",
    operation_id="mergeProduct",
    tags=_TAGS,
    summary="Make a proposed product one with another: its offers move; for the operator.",
    status_code=200,
)
async def merge_product(
    product_id: FromPath[UUID],
    data: JSONBody[MergeInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[MergedView]:
    """Merge a proposal into the product it turned out to be."""
    return versioned(await replacing.merge_product(platform, caller, product_id, if_match, data))


@post(
    "/v1/products/{product_id:uuid}/activate",
    operation_id="activateProduct",
    tags=_TAGS,
    summary="Show a draft to everybody; for the operator.",
    status_code=200,
)
async def activate_product(
    product_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductView]:
    """Make a draft active; all that its category requires must be told."""
    return versioned(await keeping.activate_product(platform, caller, product_id, if_match))


@post(
    "/v1/products/{product_id:uuid}/discontinue",
    operation_id="discontinueProduct",
    tags=_TAGS,
    summary="Take a product out of the catalog and name its replacement; for the operator.",
    status_code=200,
)
async def discontinue_product(
    product_id: FromPath[UUID],
    data: JSONBody[DiscontinueInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductView]:
    """Discontinue a product; sent again, it names another replacement."""
    return versioned(
        await replacing.discontinue_product(platform, caller, product_id, if_match, data)
    )


@put(
    "/v1/products/{product_id:uuid}/told",
    operation_id="tellOfProduct",
    tags=_TAGS,
    summary="Tell texts, values, codes and media of a product; the operator decides on what is not "
    "your own proposal.",
)
async def tell_of_product(
    product_id: FromPath[UUID],
    data: JSONBody[ToldInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> ToldAnswer:
    """Tell of a product; what you leave out stays as it is, and the same again changes nothing."""
    return await suggesting.tell_of_product(platform, caller, product_id, data)


@get(
    "/v1/product-suggestions",
    operation_id="listProductSuggestions",
    tags=_TAGS,
    summary="What suppliers suggest for products, oldest first: for the operator all, for you your "
    "own.",
)
async def list_suggestions(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    suggestion_state: Annotated[
        SuggestionState | None,
        QueryParameter(name="state", description="Only those in this state."),
    ] = None,
) -> Response[Page[ProductSuggestionView]]:
    """List suggestions; the open ones wait for the operator."""
    wanted = None if suggestion_state is None else suggestion_state.value
    answer = await suggesting.list_suggestions(platform, caller, wanted, page_request)
    return paged(page_request, answer)


@get(
    "/v1/product-suggestions/{suggestion_id:uuid}",
    operation_id="readProductSuggestion",
    tags=_TAGS,
    summary="What a supplier suggests for a product.",
)
async def read_suggestion(
    suggestion_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ProductSuggestionView]:
    """Read a suggestion of your own, or as the operator any."""
    return versioned(await suggesting.read_suggestion(platform, caller, suggestion_id))


@post(
    "/v1/product-suggestions/{suggestion_id:uuid}/take",
    operation_id="takeProductSuggestion",
    tags=_TAGS,
    summary="Let the product say what a supplier suggested; for the operator.",
    status_code=200,
)
async def take_suggestion(
    suggestion_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductSuggestionView]:
    """Take a suggestion into the product as it is now."""
    return versioned(await suggesting.take_suggestion(platform, caller, suggestion_id, if_match))


@post(
    "/v1/product-suggestions/{suggestion_id:uuid}/decline",
    operation_id="declineProductSuggestion",
    tags=_TAGS,
    summary="Leave the product as it is and tell the supplier why; for the operator.",
    status_code=200,
)
async def decline_suggestion(
    suggestion_id: FromPath[UUID],
    data: JSONBody[DeclineInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: _Version,
) -> Response[ProductSuggestionView]:
    """Decline a suggestion; its supplier reads the reason."""
    return versioned(
        await suggesting.decline_suggestion(platform, caller, suggestion_id, if_match, data)
    )


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


ROUTES: Final = (
    create_product,
    list_products,
    read_product,
    change_product,
    put_relations,
    accept_product,
    merge_product,
    activate_product,
    discontinue_product,
    tell_of_product,
    list_suggestions,
    read_suggestion,
    take_suggestion,
    decline_suggestion,
    put_offer,
    read_offer,
    list_offers,
)
