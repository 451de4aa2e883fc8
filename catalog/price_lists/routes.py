"""HTTP of price lists and prices."""

from typing import Final
from uuid import UUID

from litestar import Response, delete, get, patch, post, put

from catalog.price_lists import (
    assigning,
    changing,
    checking,
    discounts,
    floors,
    publishing,
    reading,
    service,
)
from catalog.price_lists.schemas import (
    AssignmentInput,
    AssignmentView,
    MarginFloorsInput,
    MarginFloorsView,
    PriceCheckInput,
    PriceCheckView,
    PriceDiscountsInput,
    PriceDiscountsView,
    PriceEntriesInput,
    PriceEntriesView,
    PriceEntryView,
    PriceListChange,
    PriceListInput,
    PriceListView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.direct import Direct
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["price lists"]


@post(
    "/v1/price-lists",
    operation_id="createPriceList",
    tags=_TAGS,
    summary="Make an empty price list: a base list for everybody, or one to assign.",
)
async def create_price_list(
    data: JSONBody[PriceListInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[PriceListView]:
    """Make a price list of your own."""
    return versioned(await service.create_price_list(platform, caller, data, idempotency_key))


@get(
    "/v1/price-lists",
    operation_id="listPriceLists",
    tags=_TAGS,
    summary="Your own price lists, the newest first.",
)
async def list_price_lists(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[PriceListView]]:
    """List the price lists you keep as a supplier."""
    return paged(page_request, await reading.list_price_lists(platform, caller, page_request))


@get(
    "/v1/price-lists/{list_id:uuid}",
    operation_id="readPriceList",
    tags=_TAGS,
    summary="A price list of your own.",
)
async def read_price_list(
    list_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[PriceListView]:
    """Read a price list, its published version and how much its draft changes."""
    return versioned(await reading.read_price_list(platform, caller, list_id))


@patch(
    "/v1/price-lists/{list_id:uuid}",
    operation_id="changePriceList",
    tags=_TAGS,
    summary="Rename a list, change its priority or mode, let it begin or end.",
)
async def change_price_list(
    list_id: FromPath[UUID],
    data: JSONBody[PriceListChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[PriceListView]:
    """Change what a list says of itself; its prices stay, and it counts from the next request."""
    changed = await changing.change_price_list(platform, caller, list_id, data, if_match)
    return versioned(changed)


@put(
    "/v1/price-lists/{list_id:uuid}/entries",
    operation_id="putPriceListEntries",
    tags=_TAGS,
    summary="Set and remove ladders in the draft, by SKU, unit and beginning; all or none.",
)
async def put_entries(
    list_id: FromPath[UUID],
    data: JSONBody[PriceEntriesInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> PriceEntriesView:
    """Change the draft; nobody sees it before you publish."""
    return await service.put_entries(platform, caller, list_id, data)


@get(
    "/v1/price-lists/{list_id:uuid}/entries",
    operation_id="listPriceListEntries",
    tags=_TAGS,
    summary="The ladders of a list, its draft included, by SKU.",
)
async def list_entries(
    list_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[PriceEntryView]]:
    """List what the list would hold if it were published now."""
    entries = await service.list_entries(platform, caller, list_id, page_request)
    return paged(page_request, entries)


@put(
    "/v1/price-lists/{list_id:uuid}/discounts",
    operation_id="putPriceListDiscounts",
    tags=_TAGS,
    summary="Set what the draft says as percentages off your base lists; all or none.",
)
async def put_discounts(
    list_id: FromPath[UUID],
    data: JSONBody[PriceDiscountsInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> PriceDiscountsView:
    """Make these the discounts of the draft. They follow the list they name when it changes."""
    return await discounts.put_discounts(platform, caller, list_id, data)


@get(
    "/v1/price-lists/{list_id:uuid}/discounts",
    operation_id="readPriceListDiscounts",
    tags=_TAGS,
    summary="The percentages off other lists in a list, its draft included.",
)
async def read_discounts(
    list_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> PriceDiscountsView:
    """Read the discounts of a list."""
    return await discounts.read_discounts(platform, caller, list_id)


@put(
    "/v1/offers/by-sku/{sku:str}/margin-floors",
    operation_id="putMarginFloors",
    tags=_TAGS,
    summary="Set below which amounts prices of your offer need a second person.",
)
async def put_floors(
    sku: FromPath[str],
    data: JSONBody[MarginFloorsInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> MarginFloorsView:
    """Set all margin floors of one of your offers; nobody else is told of them."""
    return await floors.put_floors(platform, caller, sku, data)


@get(
    "/v1/offers/by-sku/{sku:str}/margin-floors",
    operation_id="readMarginFloors",
    tags=_TAGS,
    summary="The margin floors of your offer.",
)
async def read_floors(
    sku: FromPath[str], caller: Given[Caller], platform: Given[Platform]
) -> MarginFloorsView:
    """Read the margin floors of one of your offers."""
    return await floors.read_floors(platform, caller, sku)


@post(
    "/v1/price-lists/{list_id:uuid}/publish",
    operation_id="publishPriceList",
    tags=_TAGS,
    summary="Make the draft the next version; its prices count from the next request on.",
    status_code=200,
)
async def publish_price_list(
    list_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[PriceListView]:
    """Publish. Validities that overlap are refused, each pair named; sent twice it is one.

    Prices below a margin floor wait for a second person, who decides on the `approval_id`.
    """
    return versioned(await publishing.publish_price_list(platform, caller, list_id))


@post(
    "/v1/price-lists/{list_id:uuid}/assignments",
    operation_id="assignPriceList",
    tags=_TAGS,
    summary="Give a list to a company, to one of its units and all below, or to a segment.",
)
async def assign_price_list(
    list_id: FromPath[UUID],
    data: JSONBody[AssignmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> AssignmentView:
    """Assign a list; two lists of one priority for one buyer are refused."""
    return await assigning.assign_price_list(platform, caller, list_id, data)


@get(
    "/v1/price-lists/{list_id:uuid}/assignments",
    operation_id="listPriceListAssignments",
    tags=_TAGS,
    summary="To whom a list goes.",
)
async def list_assignments(
    list_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[AssignmentView]]:
    """List the organizations, or the segment, a list is assigned to."""
    assignments = await assigning.list_assignments(platform, caller, list_id, page_request)
    return paged(page_request, assignments)


@delete(
    "/v1/price-lists/{list_id:uuid}/assignments/{assignee_id:uuid}",
    operation_id="withdrawPriceListAssignment",
    tags=_TAGS,
    summary="Take a list back from an organization or a segment.",
)
async def withdraw_assignment(
    list_id: FromPath[UUID],
    assignee_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> None:
    """Withdraw an assignment, from the next request on."""
    await assigning.withdraw_assignment(platform, caller, list_id, assignee_id)


@post(
    "/v1/prices/check",
    operation_id="checkPrices",
    tags=["catalog"],
    summary="What up to 1,000 lines cost you, now or at an instant, and on request why.",
    status_code=200,
    middleware=[Direct],
)
async def check_prices(
    data: JSONBody[PriceCheckInput], caller: Given[Caller], platform: Given[Platform]
) -> PriceCheckView:
    """Price lines for the unit you act for; a line without a price says why, the others answer."""
    return await checking.answer_check(platform, caller, data)


ROUTES: Final = (
    create_price_list,
    list_price_lists,
    read_price_list,
    change_price_list,
    put_entries,
    list_entries,
    put_discounts,
    read_discounts,
    put_floors,
    read_floors,
    publish_price_list,
    assign_price_list,
    list_assignments,
    withdraw_assignment,
    check_prices,
)
