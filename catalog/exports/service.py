"""What a supplier takes out: his offers, and the prices of a list, however many there are.

An export reads one snapshot by a cursor of the server, on a connection of its own, and holds one
page of rows; who reads slowly holds no connection that requests wait for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, case, cast, literal_column, select
from sqlalchemy.sql import ClauseElement

from catalog.exports.streaming import ahead, pages, snapshot, written
from catalog.exports.writers import (
    CellRow,
    ExportFormat,
    writer_of,
)
from catalog.imports.layouts import OFFERS, PRICES
from catalog.price_lists.rules import bounded
from catalog.price_lists.tables import PriceLadderRow, PriceListRow
from catalog.pricing.terms import Tier
from catalog.products.rules import RESTRICTED
from catalog.products.schemas import ratio_text
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

_TIERS: Final = msgspec.json.Decoder(tuple[Tier, ...])


def _offers() -> ClauseElement:
    product = ProductRow
    everybody, restricted = (
        literal_column(f"'{each}'::uuid", Uuid) for each in (PUBLIC, RESTRICTED)
    )
    words = literal_column("'restricted'", Text), literal_column("'everybody'", Text)
    return (
        select(
            OfferRow.sku,
            OfferRow.name,
            OfferRow.unit,
            OfferRow.description,
            product.maker,
            product.maker_number,
            product.gtin,
            OfferRow.content_numerator,
            OfferRow.content_denominator,
            OfferRow.content_unit,
            OfferRow.minimum_quantity,
            OfferRow.multiple,
            OfferRow.maximum_quantity,
            OfferRow.lead_time_days,
            OfferRow.tax_category,
            OfferRow.state,
            case((OfferRow.audience_id == restricted, words[0]), else_=words[1]),
        )
        .select_from(OfferRow)
        .outerjoin(product, product.id == OfferRow.product_id)
        .where(
            OfferRow.supplier_id == bindparam("supplier_id", type_=OfferRow.supplier_id.type),
            OfferRow.audience_id.in_([everybody, restricted]),
        )
        .order_by(OfferRow.sku)
    )


_OFFERS: Final = Compiled(_offers())


async def export_offers(
    platform: Platform, caller: Caller, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give the caller's own offers, open and restricted, in the columns they are imported in."""
    caller.require("catalog:read")
    async with snapshot(platform, caller) as connection:
        found = pages(connection, _OFFERS, supplier_id=caller.organization_id)
        async for piece in written(writer_of(chosen, OFFERS.names), found, _offer_row):
            yield piece


def _offer_row(row: Any) -> CellRow:
    return (
        *row[:7],
        ratio_text(row[7], row[8]),
        *row[9:13],
        None if row[13] is None else str(row[13]),
        *row[14:],
    )


def _list_prices() -> ClauseElement:
    ladder = PriceLadderRow
    version = bindparam("version", type_=ladder.from_version.type)
    return (
        select(
            OfferRow.sku,
            ladder.unit,
            cast(ladder.tiers, Text),
            ladder.basis,
            ladder.valid_from,
            ladder.valid_until,
            ladder.volume_mode,
        )
        .select_from(ladder)
        .join(OfferRow, OfferRow.id == ladder.offer_id)
        .where(
            ladder.list_id == bindparam("list_id", type_=ladder.list_id.type),
            ladder.from_version <= version,
            ladder.until_version > version,
        )
    )


_LIST_PRICES: Final = Compiled(_list_prices())
_LIST: Final = Compiled(
    select(PriceListRow.published_version).where(
        PriceListRow.id == bindparam("list_id", type_=PriceListRow.id.type),
        PriceListRow.supplier_id == bindparam("supplier_id", type_=PriceListRow.supplier_id.type),
    )
)


async def export_price_list(
    platform: Platform, caller: Caller, list_id: UUID, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give the draft of one of the caller's own lists, in the columns in which it is imported.

    Raises NotFound.
    """
    caller.require("prices:write")
    async with snapshot(platform, caller) as connection:
        published = await connection.fetchval(
            _LIST.sql, *_LIST.arguments(list_id=list_id, supplier_id=caller.organization_id)
        )
        if published is None:
            raise NotFound("There is no such price list of yours.")
        writer = writer_of(chosen, PRICES.names)
        yield writer.begin()
        found = pages(connection, _LIST_PRICES, list_id=list_id, version=published + 1)
        async with aclosing(ahead(found)) as read:
            async for page in read:
                yield writer.rows([row for ladder in page for row in _tier_rows(ladder)])
                await asyncio.sleep(0)
        for piece in writer.end():
            yield piece


def _tier_rows(row: Any) -> list[CellRow]:
    sku, unit, tiers, basis, begins, ends, mode = row
    return [
        (sku, unit, tier.amount, tier.minimum_quantity, basis, _day(begins), _day(ends), mode)
        for tier in _TIERS.decode(tiers)
    ]


def _day(at: datetime) -> str | None:
    known = bounded(at)
    return None if known is None else rfc3339(known)
