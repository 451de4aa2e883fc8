"""What buyers are told of stock: no more than its supplier shows."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select

from catalog.price_lists.candidate_reads import CANDIDATES_OF_LINES, line_arguments
from catalog.price_lists.price_book import found_by_line
from catalog.stock.rules import Shown, StockPolicy, availability
from catalog.stock.schemas import (
    AvailabilityView,
    StockAnswer,
    StockAnswerLine,
    StockQuestion,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, Transaction, hot_rows, transaction
from marketplace.platform.http.schemas import shown_quantity

_COLUMNS: Final = ("offer_id", "on_hand", "reserved", "shown", "low_below", "policy")
_FOUND: Final = func.stock_of(bindparam("offer_ids", type_=ARRAY(Uuid))).table_valued(*_COLUMNS)
_STOCK_OF: Final = select(*(_FOUND.c[name] for name in _COLUMNS))
_HOT: Final = HotRead(_STOCK_OF)


def unknown() -> AvailabilityView:
    """Say that the supplier keeps no stock of it, or tells none."""
    return AvailabilityView(status="unknown")


async def availability_of(
    tx: Transaction, units: Mapping[UUID, str]
) -> dict[UUID, AvailabilityView]:
    """Tell of offers the caller may see, each with its unit, what their suppliers show of stock.

    One query; offers without stock, and those whose supplier shows nothing, are not in the answer.
    """
    if not units:
        return {}
    return _told(await tx.all(_STOCK_OF, {"offer_ids": sorted(units)}), units)


async def availability_now(
    platform: Platform, caller: Caller, units: Mapping[UUID, str]
) -> dict[UUID, AvailabilityView]:
    """Tell the same outside of a transaction, by one round trip."""
    if not units:
        return {}
    rows = await hot_rows(platform, caller, _HOT, {"offer_ids": sorted(units)})
    return _told(rows, units)


def _told(rows: Iterable[Any], units: Mapping[UUID, str]) -> dict[UUID, AvailabilityView]:
    told: dict[UUID, AvailabilityView] = {}
    for offer_id, on_hand, reserved, shown_as, low_below, policy in rows:
        shown = Shown(shown_as)
        status = availability(on_hand, reserved, shown, low_below)
        if status is None:
            continue
        view = AvailabilityView(
            status=status.value, backorder=policy == StockPolicy.BACKORDER.value
        )
        if shown is Shown.EXACT:
            view.quantity = shown_quantity(max(on_hand - reserved, on_hand * 0))
            view.unit = units[offer_id]
        told[offer_id] = view
    return told


async def check_stock(platform: Platform, caller: Caller, data: StockQuestion) -> StockAnswer:
    """Tell a buyer what can be delivered; an SKU he may not see is as unknown as one that is not.

    The number of queries does not grow with the lines.
    """
    caller.require("catalog:read")
    keys = [(line.supplier_id, line.sku) for line in data.lines]
    async with transaction(platform, caller) as tx:
        rows = await tx.all(CANDIDATES_OF_LINES, line_arguments(caller.path, keys))
        found, _ = found_by_line(rows, len(keys))
        offers = [each.offer for each in found]
        told = await availability_of(
            tx, {offer.id: offer.terms.unit for offer in offers if offer is not None}
        )
    return StockAnswer(
        lines=[
            StockAnswerLine(
                supplier_id=line.supplier_id,
                sku=line.sku,
                availability=(told.get(offer.id) if offer is not None else None) or unknown(),
            )
            for line, offer in zip(data.lines, offers, strict=True)
        ]
    )
