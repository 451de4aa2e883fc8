"""HTTP of exports."""

from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from catalog.exports import bmecat, own_prices, products, service, stock
from catalog.exports.downloads import BmecatDownload, FileDownload
from catalog.exports.writers import MEDIA_TYPES, ExportFormat
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.contents import streamed
from marketplace.platform.http.given import FromPath, Given

Format = Annotated[
    ExportFormat,
    QueryParameter(name="format", description="What the file is."),
]


async def _answer(pieces: AsyncIterator[bytes], chosen: ExportFormat, name: str) -> Stream:
    return await _file(pieces, MEDIA_TYPES[chosen], f"{name}.{chosen.value}")


async def _file(pieces: AsyncIterator[bytes], media_type: str, name: str) -> Stream:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return await streamed(pieces, media_type, headers)


@get(
    "/v1/offers/export",
    operation_id="exportOffers",
    operation_class=FileDownload,
    tags=["exports"],
    summary="Your own open offers as a file that can be imported again.",
)
async def export_offers(
    caller: Given[Caller], platform: Given[Platform], chosen: Format = ExportFormat.CSV
) -> Stream:
    """Stream the offers of your company."""
    return await _answer(service.export_offers(platform, caller, chosen), chosen, "offers")


@get(
    "/v1/price-lists/{list_id:uuid}/export",
    operation_id="exportPriceList",
    operation_class=FileDownload,
    tags=["exports"],
    summary="The draft of your own price list as a file that can be imported again.",
)
async def export_price_list(
    list_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    chosen: Format = ExportFormat.CSV,
) -> Stream:
    """Stream a list: what is published, with the changes that are not yet."""
    pieces = service.export_price_list(platform, caller, list_id, chosen)
    return await _answer(pieces, chosen, "prices")


@get(
    "/v1/prices/export",
    operation_id="exportOwnPrices",
    operation_class=FileDownload,
    tags=["exports"],
    summary="Every offer you see with the prices you have, as one file.",
)
async def export_own_prices(
    caller: Given[Caller],
    platform: Given[Platform],
    chosen: Format = ExportFormat.CSV,
    currency: Annotated[
        str | None,
        QueryParameter(name="currency", description="Only prices in it; else each offer's own."),
    ] = None,
) -> Stream:
    """Stream the price file of the unit you act for."""
    pieces = own_prices.export_own_prices(platform, caller, chosen, currency)
    return await _answer(pieces, chosen, "own-prices")


@get(
    "/v1/products/export",
    operation_id="exportProducts",
    operation_class=FileDownload,
    tags=["exports"],
    summary="Products with texts, values, classes and media as a file that can be imported again: "
    "those you offer or proposed, for the operator all.",
)
async def export_products(
    caller: Given[Caller], platform: Given[Platform], chosen: Format = ExportFormat.CSV
) -> Stream:
    """Stream products."""
    pieces = products.export_products(platform, caller, chosen)
    return await _answer(pieces, chosen, "products")


@get(
    "/v1/stock-levels/export",
    operation_id="exportStock",
    operation_class=FileDownload,
    tags=["exports"],
    summary="What you have where, and what of it is reserved, as a file.",
)
async def export_stock(
    caller: Given[Caller], platform: Given[Platform], chosen: Format = ExportFormat.CSV
) -> Stream:
    """Stream the stock of your company."""
    return await _answer(stock.export_stock(platform, caller, chosen), chosen, "stock")


@get(
    "/v1/offers/export/bmecat",
    operation_id="exportBmecat",
    operation_class=BmecatDownload,
    tags=["exports"],
    summary="Your own active offers as BMEcat 2005 (T_NEW_CATALOG), with the published prices of "
    "one of your lists.",
)
async def export_bmecat(
    caller: Given[Caller],
    platform: Given[Platform],
    price_list_id: Annotated[
        UUID | None,
        QueryParameter(name="price_list_id", description="The list whose prices are in it."),
    ] = None,
) -> Stream:
    """Stream your catalog; it can be imported again as offers, products and prices."""
    pieces = bmecat.export_bmecat(platform, caller, price_list_id)
    return await _file(pieces, bmecat.MEDIA_TYPE, "catalog.xml")


ROUTES: Final = (
    export_offers,
    export_price_list,
    export_own_prices,
    export_products,
    export_stock,
    export_bmecat,
)
