"""Send stock out: what a supplier has where, in the columns in which it is imported."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, select

from catalog.exports.streaming import pages, snapshot, written
from catalog.exports.writers import CellRow, ExportFormat, writer_of
from catalog.imports.layouts import STOCK
from catalog.products.tables import OfferRow
from catalog.stock.tables import StockLevelRow, StockLocationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

_STOCK: Final = Compiled(
    select(
        OfferRow.sku,
        StockLocationRow.code,
        StockLevelRow.on_hand,
        StockLevelRow.source_version,
        StockLevelRow.reserved,
    )
    .select_from(StockLevelRow)
    .join(OfferRow, OfferRow.id == StockLevelRow.offer_id)
    .join(StockLocationRow, StockLocationRow.id == StockLevelRow.location_id)
    .where(
        StockLevelRow.supplier_id == bindparam("supplier_id", type_=StockLevelRow.supplier_id.type)
    )
    .order_by(OfferRow.sku, StockLocationRow.code)
)


async def export_stock(
    platform: Platform, caller: Caller, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give what the caller's company has where, and what of it is promised.

    Sent back as it is, it changes nothing: its source versions are those in force.
    """
    caller.require("stock:read")
    async with snapshot(platform, caller) as connection:
        found = pages(connection, _STOCK, supplier_id=caller.organization_id)
        async for piece in written(writer_of(chosen, STOCK.names), found, _row):
            yield piece


def _row(row: Any) -> CellRow:
    sku, location, on_hand, source_version, reserved = row
    return (sku, location, on_hand, Decimal(source_version), reserved, on_hand - reserved)
