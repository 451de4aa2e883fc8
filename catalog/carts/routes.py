"""HTTP of carts and requisition lists."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter

from catalog.carts import ordering, reading, requisitions, service, sources
from catalog.carts.rules import CartState
from catalog.carts.schemas import (
    AddListInput,
    AddQuoteInput,
    CartChange,
    CartInput,
    CartLineChange,
    CartLinesAdded,
    CartLinesInput,
    CartSummary,
    CartView,
    CheckoutInput,
    QuickOrderInput,
    QuickOrderView,
    ReorderInput,
    RequisitionListInput,
    RequisitionListSummary,
    RequisitionListView,
)
from marketplace.kernel.limits import QUICK_ORDER_CHARACTERS_MAX
from marketplace.orders.schemas import OrderView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.body import media_type_of, wrong_header
from marketplace.platform.http.contents import body_stream
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["carts"]
_LISTS: Final = ["requisition lists"]
_CSV: Final = "text/csv"


@post(
    "/v1/carts",
    operation_id="createCart",
    tags=_TAGS,
    summary="Begin a cart of the unit you act for, yours alone or shared in it.",
)
async def create_cart(
    data: JSONBody[CartInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CartSummary]:
    """Make an empty cart; a member may have several in a unit, each with its name."""
    return versioned(await service.create_cart(platform, caller, data, idempotency_key))


@get(
    "/v1/carts",
    operation_id="listCarts",
    tags=_TAGS,
    summary="The carts of the unit you act for: your own and those shared, the newest first.",
)
async def list_carts(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    in_state: Annotated[CartState | None, QueryParameter(name="state")] = None,
) -> Response[Page[CartSummary]]:
    """List carts, all or those in one state."""
    return paged(page_request, await reading.list_carts(platform, caller, page_request, in_state))


@get(
    "/v1/carts/{cart_id:uuid}",
    operation_id="readCart",
    tags=_TAGS,
    summary="A cart at the prices and the availability of now, and what changed since.",
)
async def read_cart(
    cart_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[CartView]:
    """Read a cart; no stored price is in it, each line is priced anew or says why it has none."""
    return versioned(await reading.read_cart(platform, caller, cart_id))


@patch(
    "/v1/carts/{cart_id:uuid}",
    operation_id="changeCart",
    tags=_TAGS,
    summary="Rename a cart, share it, or take it back.",
)
async def change_cart(
    cart_id: FromPath[UUID],
    data: JSONBody[CartChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[CartSummary]:
    """Change a cart of your own."""
    return versioned(await service.change_cart(platform, caller, cart_id, data, if_match))


@delete(
    "/v1/carts/{cart_id:uuid}",
    operation_id="removeCart",
    tags=_TAGS,
    summary="Remove a cart with its lines; an order that came of it stays.",
)
async def remove_cart(
    cart_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> None:
    """Remove a cart of your own."""
    await service.remove_cart(platform, caller, cart_id, if_match)


@post(
    "/v1/carts/{cart_id:uuid}/lines",
    operation_id="addCartLines",
    tags=_TAGS,
    summary="Put up to 1,000 lines into a cart, all or none.",
)
async def add_lines(
    cart_id: FromPath[UUID],
    data: JSONBody[CartLinesInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CartLinesAdded]:
    """Put lines in; each that is wrong is pointed at. The same SKU may stand on several."""
    added = await service.put_lines_in(platform, caller, cart_id, data, idempotency_key)
    return versioned(added)


@patch(
    "/v1/carts/{cart_id:uuid}/lines/{cart_line_id:uuid}",
    operation_id="changeCartLine",
    tags=_TAGS,
    summary="Change quantity, unit, day or cost centre of a line.",
)
async def change_line(
    cart_id: FromPath[UUID],
    cart_line_id: FromPath[UUID],
    data: JSONBody[CartLineChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[CartLinesAdded]:
    """Change a line; its price of now is the one you have seen from here on."""
    changed = await service.change_line(platform, caller, cart_id, cart_line_id, data, if_match)
    return versioned(changed)


@delete(
    "/v1/carts/{cart_id:uuid}/lines/{cart_line_id:uuid}",
    operation_id="removeCartLine",
    tags=_TAGS,
    summary="Take a line out of a cart.",
    status_code=200,
)
async def remove_line(
    cart_id: FromPath[UUID],
    cart_line_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[CartLinesAdded]:
    """Take a line out."""
    left = await service.take_line_out(platform, caller, cart_id, cart_line_id, if_match)
    return versioned(left)


@post(
    "/v1/carts/{cart_id:uuid}/quick-order",
    operation_id="quickOrder",
    tags=_TAGS,
    summary="Put pasted SKUs and quantities into a cart; every bad line is told.",
)
async def quick_order(
    cart_id: FromPath[UUID],
    data: JSONBody[QuickOrderInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[QuickOrderView]:
    """Take the good lines; suggest what may be meant by an unknown SKU, of what you can see."""
    view = await sources.quick_order(platform, caller, cart_id, data, idempotency_key)
    return versioned(view)


@dataclass
class QuickOrderFile(Operation):
    """An operation whose body is a CSV file."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description="CSV (UTF-8 or Windows-1252): SKU, quantity, unit, or as a header says.",
            content={_CSV: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))},
        )


@post(
    "/v1/carts/{cart_id:uuid}/quick-order/file",
    operation_id="uploadQuickOrder",
    tags=_TAGS,
    summary="Put the lines of a CSV file into a cart; every bad line is told.",
    operation_class=QuickOrderFile,
    request_max_body_size=QUICK_ORDER_CHARACTERS_MAX,
)
async def upload_quick_order(
    request: Request[Any, Any, Any],
    cart_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    supplier_id: Annotated[
        UUID | None,
        QueryParameter(name="supplier_id", description="Whose SKUs they are."),
    ] = None,
) -> Response[QuickOrderView]:
    """Take a file with or without a header; `If-Match` keeps it from being taken twice."""
    view = await sources.quick_order_file(
        platform, caller, cart_id, supplier_id, _csv(request), if_match
    )
    return versioned(view)


async def _csv(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    media_type = media_type_of(request.headers.get("content-type", ""))
    if media_type != _CSV:
        raise wrong_header("Content-Type", f"Send the file as {_CSV}.")
    async for chunk in body_stream(request, "file"):
        yield chunk


@post(
    "/v1/carts/{cart_id:uuid}/requisition-lists",
    operation_id="addListToCart",
    tags=_TAGS,
    summary="Put a requisition list into a cart; what can no longer be bought is told.",
)
async def add_list(
    cart_id: FromPath[UUID],
    data: JSONBody[AddListInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CartLinesAdded]:
    """Put a list's lines in, at the prices of now."""
    added = await sources.add_list(
        platform, caller, cart_id, data.requisition_list_id, idempotency_key
    )
    return versioned(added)


@post(
    "/v1/carts/{cart_id:uuid}/quotes",
    operation_id="addQuoteToCart",
    tags=_TAGS,
    summary="Put an accepted quote into a cart; what cannot be bought is told.",
)
async def add_quote(
    cart_id: FromPath[UUID],
    data: JSONBody[AddQuoteInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CartLinesAdded]:
    """Put a quote's lines in; each is ordered at its price or not at all."""
    return versioned(
        await sources.add_quote(platform, caller, cart_id, data.quote_id, idempotency_key)
    )


@post(
    "/v1/carts/{cart_id:uuid}/reorders",
    operation_id="reorder",
    tags=_TAGS,
    summary="Put an earlier order into a cart; what can no longer be bought is told.",
)
async def reorder(
    cart_id: FromPath[UUID],
    data: JSONBody[ReorderInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CartLinesAdded]:
    """Put an order's lines in again, at the prices of now."""
    return versioned(
        await sources.reorder(platform, caller, cart_id, data.order_id, idempotency_key)
    )


@post(
    "/v1/carts/{cart_id:uuid}/checkout",
    operation_id="checkOutCart",
    tags=_TAGS,
    summary="Order a cart at the prices of now; one that rose is refused with the difference.",
)
async def check_out(
    cart_id: FromPath[UUID],
    data: JSONBody[CheckoutInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    idempotency_key: Given[IdempotencyKey],
) -> Response[OrderView]:
    """Submit the cart's lines as an order; above your limit it waits for approval."""
    order = await ordering.order_cart(platform, caller, cart_id, data, if_match, idempotency_key)
    return versioned(order)


@post(
    "/v1/requisition-lists",
    operation_id="createRequisitionList",
    tags=_LISTS,
    summary="Keep a list of what the unit you act for orders again and again.",
)
async def create_list(
    data: JSONBody[RequisitionListInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[RequisitionListView]:
    """Make a list; the unit and those below it use it."""
    return versioned(await requisitions.create_list(platform, caller, data, idempotency_key))


@get(
    "/v1/requisition-lists",
    operation_id="listRequisitionLists",
    tags=_LISTS,
    summary="The lists of the unit you act for and of those above it, the newest first.",
)
async def list_lists(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[RequisitionListSummary]]:
    """List requisition lists."""
    return paged(page_request, await requisitions.list_lists(platform, caller, page_request))


@get(
    "/v1/requisition-lists/{requisition_list_id:uuid}",
    operation_id="readRequisitionList",
    tags=_LISTS,
    summary="A requisition list with its lines.",
)
async def read_list(
    requisition_list_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[RequisitionListView]:
    """Read a list; put it into a cart to see prices."""
    return versioned(await requisitions.read_list(platform, caller, requisition_list_id))


@put(
    "/v1/requisition-lists/{requisition_list_id:uuid}",
    operation_id="putRequisitionList",
    tags=_LISTS,
    summary="Set a requisition list, whole.",
)
async def put_list(
    requisition_list_id: FromPath[UUID],
    data: JSONBody[RequisitionListInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[RequisitionListView]:
    """Change a list of the unit you act for."""
    return versioned(
        await requisitions.put_list(platform, caller, requisition_list_id, data, if_match)
    )


@delete(
    "/v1/requisition-lists/{requisition_list_id:uuid}",
    operation_id="removeRequisitionList",
    tags=_LISTS,
    summary="Remove a requisition list.",
)
async def remove_list(
    requisition_list_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> None:
    """Remove a list of the unit you act for."""
    await requisitions.remove_list(platform, caller, requisition_list_id, if_match)


ROUTES: Final = (
    create_cart,
    list_carts,
    read_cart,
    change_cart,
    remove_cart,
    add_lines,
    change_line,
    remove_line,
    quick_order,
    upload_quick_order,
    add_list,
    add_quote,
    reorder,
    check_out,
    create_list,
    list_lists,
    read_list,
    put_list,
    remove_list,
)
