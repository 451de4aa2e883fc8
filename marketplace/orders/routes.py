"""HTTP of orders."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.params import PathParameter, QueryParameter

from marketplace.kernel.limits import CODE_CHARACTERS_MAX, LINES_MAX
from marketplace.orders import fulfilment, reading, service
from marketplace.orders.rules import OrderState, SupplierOrderState
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    ExternalNumber,
    LineProvenanceView,
    NewOrderInput,
    OrderInput,
    OrderSummary,
    OrderView,
    SupplierOrderSummary,
    SupplierOrderView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_CODE: Final = r"^[!-~]+(?!\n)$"
_VISIBLE: Final = "Visible ASCII characters, no space."
CodeInPath = Annotated[
    str, PathParameter(max_length=CODE_CHARACTERS_MAX, pattern=_CODE, description=_VISIBLE)
]


@post(
    "/v1/orders",
    operation_id="submitOrder",
    tags=["orders"],
    summary="Submit an order; above your limit it waits for approval, else it is placed.",
)
async def submit_order(
    data: JSONBody[NewOrderInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[OrderView]:
    """Submit an order to one or several suppliers, at the prices of now."""
    return versioned(
        await service.submit_order(platform, caller, data, data.external, idempotency_key)
    )


@put(
    "/v1/orders/by-external/{system:str}/{external_id:str}",
    operation_id="putOrderByExternalNumber",
    tags=["orders"],
    summary="Submit an order under your own number; sent twice or 16 at once it is one order.",
)
async def put_order(
    system: CodeInPath,
    external_id: CodeInPath,
    data: JSONBody[OrderInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[OrderView]:
    """Submit an order by the number your ERP gave it; needs no Idempotency-Key."""
    external = ExternalNumber(system=system, id=external_id)
    return versioned(await service.submit_order(platform, caller, data, external, None))


@get(
    "/v1/orders",
    operation_id="listOrders",
    tags=["orders"],
    summary="The orders of your company, the newest first.",
)
async def list_orders(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    in_state: Annotated[OrderState | None, QueryParameter(name="state")] = None,
    external_id: Annotated[
        str | None,
        QueryParameter(max_length=CODE_CHARACTERS_MAX, pattern=_CODE, description=_VISIBLE),
    ] = None,
) -> Response[Page[OrderSummary]]:
    """List orders, all or those in one state or with one number of yours."""
    found = await reading.list_orders(platform, caller, page_request, in_state, external_id)
    return paged(page_request, found)


@get(
    "/v1/orders/{order_id:uuid}",
    operation_id="readOrder",
    tags=["orders"],
    summary="An order with its lines, where their prices came from, and how far they are.",
)
async def read_order(
    order_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[OrderView]:
    """Read an order of your company."""
    return versioned(await reading.read_order(platform, caller, order_id))


@get(
    "/v1/orders/{order_id:uuid}/lines/{line:int}/provenance",
    operation_id="readLineProvenance",
    tags=["orders"],
    summary="From an ordered line back to the winning bid.",
)
async def read_line_provenance(
    order_id: FromPath[UUID],
    line: Annotated[int, PathParameter(ge=1, le=LINES_MAX)],
    caller: Given[Caller],
    platform: Given[Platform],
) -> LineProvenanceView:
    """Tell what the price of an ordered line stems from."""
    return await reading.read_line_provenance(platform, caller, order_id, line)


@post(
    "/v1/orders/{order_id:uuid}/cancel",
    operation_id="cancelOrder",
    tags=["orders"],
    summary="Cancel an order while no supplier has confirmed his part.",
    status_code=200,
)
async def cancel_order(
    order_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform], if_match: Given[int]
) -> Response[OrderView]:
    """Cancel an order at the version you read."""
    return versioned(await service.cancel_order(platform, caller, order_id, if_match))


@get(
    "/v1/supplier-orders",
    operation_id="listSupplierOrders",
    tags=["supplier orders"],
    summary="What your company has to deliver, the newest first.",
)
async def list_supplier_orders(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    in_state: Annotated[SupplierOrderState | None, QueryParameter(name="state")] = None,
) -> Response[Page[SupplierOrderSummary]]:
    """List orders to your company, all or those in one state."""
    found = await fulfilment.list_supplier_orders(platform, caller, page_request, in_state)
    return paged(page_request, found)


@get(
    "/v1/supplier-orders/{supplier_order_id:uuid}",
    operation_id="readSupplierOrder",
    tags=["supplier orders"],
    summary="An order to your company, with your lines.",
)
async def read_supplier_order(
    supplier_order_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[SupplierOrderView]:
    """Read an order to your company."""
    return versioned(await fulfilment.read_supplier_order(platform, caller, supplier_order_id))


@post(
    "/v1/supplier-orders/{supplier_order_id:uuid}/confirmations",
    operation_id="confirmSupplierOrder",
    tags=["supplier orders"],
    summary="Confirm an order, whole or in part, or refuse it; once.",
)
async def confirm_supplier_order(
    supplier_order_id: FromPath[UUID],
    data: JSONBody[ConfirmationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[SupplierOrderView]:
    """Tell the buyer what you will deliver, and when."""
    return versioned(
        await fulfilment.confirm(platform, caller, supplier_order_id, data, idempotency_key)
    )


@post(
    "/v1/supplier-orders/{supplier_order_id:uuid}/despatches",
    operation_id="despatchSupplierOrder",
    tags=["supplier orders"],
    summary="Tell that goods leave, all that is open or some of it.",
)
async def despatch_supplier_order(
    supplier_order_id: FromPath[UUID],
    data: JSONBody[DespatchInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[SupplierOrderView]:
    """Tell the buyer what is on its way."""
    return versioned(
        await fulfilment.despatch(platform, caller, supplier_order_id, data, idempotency_key)
    )


ROUTES: Final = (
    submit_order,
    put_order,
    list_orders,
    read_order,
    read_line_provenance,
    cancel_order,
    list_supplier_orders,
    read_supplier_order,
    confirm_supplier_order,
    despatch_supplier_order,
)
