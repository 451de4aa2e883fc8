"""HTTP of stock."""

from typing import Annotated, Final

from litestar import Response, get, post, put
from litestar.params import PathParameter, QueryParameter

from catalog.stock import availability, service
from catalog.stock.schemas import (
    StockAnswer,
    StockInput,
    StockLevelView,
    StockLocationInput,
    StockLocationView,
    StockQuestion,
    StockResultView,
    StockSettingsInput,
    StockSettingsView,
)
from marketplace.kernel.limits import CODE_CHARACTERS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged

_TAGS: Final = ["stock"]
LocationCode = Annotated[
    str,
    PathParameter(
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[!-~]+(?!\n)$",
        description="Visible ASCII characters, no space.",
    ),
]


@get(
    "/v1/stock-settings",
    operation_id="readStockSettings",
    tags=_TAGS,
    summary="What buyers see of your stock, and whether you take backorders.",
)
async def read_settings(
    caller: Given[Caller], platform: Given[Platform]
) -> Response[StockSettingsView]:
    """Read your company's settings; version 0 are the defaults."""
    return versioned(await service.read_settings(platform, caller))


@put(
    "/v1/stock-settings",
    operation_id="putStockSettings",
    tags=_TAGS,
    summary="Say what buyers see of your stock, and whether you take backorders.",
)
async def put_settings(
    data: JSONBody[StockSettingsInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[StockSettingsView]:
    """Set your company's settings, whole."""
    return versioned(await service.change_settings(platform, caller, data, if_match))


@get(
    "/v1/stock-locations",
    operation_id="listStockLocations",
    tags=_TAGS,
    summary="The places you deliver from, by code.",
)
async def list_locations(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[StockLocationView]]:
    """List your own locations."""
    return paged(page_request, await service.list_locations(platform, caller, page_request))


@put(
    "/v1/stock-locations/{location_code:str}",
    operation_id="putStockLocation",
    tags=_TAGS,
    summary="Make or change the place you deliver from with this code.",
)
async def put_location(
    location_code: LocationCode,
    data: JSONBody[StockLocationInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[StockLocationView]:
    """Set a location whole; sending it again changes nothing."""
    return versioned(await service.put_location(platform, caller, location_code, data))


@put(
    "/v1/stock-levels",
    operation_id="putStockLevels",
    tags=_TAGS,
    summary="Set what lies where, up to 1,000 lines; an older source version changes nothing.",
)
async def put_levels(
    data: JSONBody[StockInput], caller: Given[Caller], platform: Given[Platform]
) -> StockResultView:
    """Set stock; every line has a result of its own. Sending it again changes nothing."""
    return await service.set_stock(platform, caller, data)


@get(
    "/v1/stock-levels",
    operation_id="listStockLevels",
    tags=_TAGS,
    summary="What you have where, and what of it is reserved, by SKU and location.",
)
async def list_levels(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    sku: Annotated[
        str | None,
        QueryParameter(name="sku", max_length=CODE_CHARACTERS_MAX, description="One SKU alone."),
    ] = None,
) -> Response[Page[StockLevelView]]:
    """List your own stock, all of it or that of one SKU."""
    return paged(page_request, await service.list_levels(platform, caller, page_request, sku))


@post(
    "/v1/stock/check",
    operation_id="checkStock",
    tags=["catalog"],
    summary="What of up to 1,000 articles can be delivered, as far as their suppliers tell.",
    status_code=200,
)
async def check_stock(
    data: JSONBody[StockQuestion], caller: Given[Caller], platform: Given[Platform]
) -> StockAnswer:
    """Ask for availability; an article you cannot see is as unknown as one that does not exist."""
    return await availability.check_stock(platform, caller, data)


ROUTES: Final = (
    read_settings,
    put_settings,
    list_locations,
    put_location,
    put_levels,
    list_levels,
    check_stock,
)
