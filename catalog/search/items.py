"""Items of the catalog with their offers, each priced for the caller.

One statement finds the offers of all items and what their prices follow from; the resolver decides.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

from catalog.price_lists.arrays import array
from catalog.price_lists.kept import KeptPrices
from catalog.price_lists.mark import Mark
from catalog.price_lists.price_book import Offer
from catalog.price_lists.visibility import scopes_of
from catalog.pricing.terms import Price
from catalog.search.found import FoundPage, NotKnownError, Priced
from catalog.search.known_items import Item, KnownItems, Placed
from catalog.search.own_prices import CHUNK, Costs, OwnCosts
from catalog.search.page_statements import (
    CHOSEN,
    KNOWN_COLUMNS,
    OFFER_END,
    ONE,
    OPEN_CHOSEN,
    OPEN_CHOSEN_AND_AGREED,
    OWN,
    OWN_AND_AGREED,
    PageRead,
)
from catalog.search.schemas import CatalogItem
from catalog.search.shelf import Held, Shelf
from catalog.search.showing import Show, Shown, item_view, offer_view
from marketplace.kernel.limits import LISTS_NAMED_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows

T = TypeVar("T")


class ItemsMade(NamedTuple, Generic[Shown]):
    """Items of a page, until when their prices are these, and the catalog's mark at the time.

    `last` is the last one found, shown or not, where there may be more behind it.
    """

    items: list[Shown]
    true_until: datetime | None
    mark: Mark
    last: Item | None = None


async def items_of(
    platform: Platform,
    caller: Caller,
    read: PageRead,
    values: dict[str, object],
    currency: str | None,
    show: Show[Shown],
) -> ItemsMade[Shown]:
    """Price the items a page's statement finds, in the order of their names."""

    def make(page: FoundPage) -> list[Shown]:
        return show(page, currency)

    page, items = await _made(platform, caller, read, values, make)
    full = bool(page.placed) and len(page.placed) == values.get("fetch")
    last = page.placed[-1].item if full else None
    return ItemsMade(items, min(page.boundaries, default=None), page.mark, last)


async def one_item(
    platform: Platform, caller: Caller, item_id: UUID, currency: str | None
) -> CatalogItem | None:
    """Price the offers of one item, all with their reasons; None where it is not seen."""
    asking = _asking(caller, {"item_id": item_id})
    page = await _read_whole(platform, caller, ONE, asking, keep=False)
    for placed in page.placed:
        priced = [page.priced(found, currency, explain=True) for found in page.offered(placed)]
        priced.sort(key=Priced.cost)
        if priced:
            views = [offer_view(each, explain=True) for each in priced]
            item = item_view(placed.item, views, len(placed.item.offers))
            item.description = placed.item.description or ""
            return item
    return None


async def chosen_items(
    platform: Platform,
    caller: Caller,
    ids: Sequence[UUID],
    currency: str | None,
    show: Show[Shown],
) -> tuple[list[Shown], datetime | None]:
    """Price the items with these identifiers, in this order; what is not seen is left out."""
    if not ids:
        return [], None
    values: dict[str, object] = {"chosen": list(ids)}
    made = await items_of(platform, caller, CHOSEN, values, currency, show)
    places = {item_id: place for place, item_id in enumerate(ids)}
    return sorted(made.items, key=lambda item: places[item.id]), made.true_until


async def costs_of(
    platform: Platform, caller: Caller, ids: Sequence[UUID], currency: str, mark: Mark
) -> Costs:
    """Give what items cost the caller, of those kept what is still true; the rest is priced now."""
    costs = platform.get(OwnCosts).of((caller.path, currency), mark)
    missing = [item_id for item_id in ids if item_id not in costs.of]

    def cheapest(page: FoundPage) -> dict[UUID, Decimal | None]:
        made: dict[UUID, Decimal | None] = {}
        for placed in page.placed:
            priced = [page.priced(found, currency) for found in page.offered(placed)]
            known = [one.cost()[2] for one in priced if isinstance(one.answer, Price)]
            made[placed.item.id] = min(known, default=None)
        return made

    for start in range(0, len(missing), CHUNK):
        some = missing[start : start + CHUNK]
        page, made = await _made(platform, caller, CHOSEN, {"chosen": some}, cheapest)
        costs.add(dict.fromkeys(some) | made, min(page.boundaries, default=None))
    return costs


# What there is


async def _made(
    platform: Platform,
    caller: Caller,
    read: PageRead,
    values: dict[str, object],
    make: Callable[[FoundPage], T],
) -> tuple[FoundPage, T]:
    """Make something of a page by what is known; where that is not all, by all that is shown."""
    shelf = platform.get(Shelf)
    held = shelf.held(caller.path, values)
    if held is not None:
        page = await _read_own(platform, caller, held)
        if page is not None:
            with suppress(NotKnownError):
                return page, make(page)
    asking = _asking(caller, values)
    chosen = cast("Sequence[UUID]", values.get("chosen", ()))
    if platform.get(KnownItems).expected(chosen):
        page = await _read_known(platform, caller, read.known, asking)
        if page is not None:
            shelf.learn(caller.path, values, page.items, page.heads)
            with suppress(NotKnownError):
                return page, make(page)
    elif read is CHOSEN:
        page = await _read_open(platform, caller, chosen, shelf)
        if page is not None:
            shelf.learn(caller.path, values, page.items, page.heads)
            return page, make(page)
    page = await _read_whole(platform, caller, read.whole, asking)
    shelf.learn(caller.path, values, page.items, page.heads)
    return page, make(page)


async def _read_own(platform: Platform, caller: Caller, held: Held) -> FoundPage | None:
    """Find what is the buyer's own for items that are known; None where the mark has moved."""
    items, known = held.items, held.standing.heads
    own = [
        (str(seller), each)
        for seller, supplier_id in enumerate(items.suppliers)
        for each in known.lists[supplier_id]
        if each.own
    ]
    list_ids, versions, begins, ends = (
        array([each.written[at] for _, each in own]) for at in range(4)
    )
    values: dict[str, object] = {
        "offer_id": items.offer_ids,
        "seller": items.sellers,
        "list_id": list_ids,
        "list_seller": array([seller for seller, _ in own]),
        "published_version": versions,
        "valid_from": begins,
        "valid_until": ends,
        "company_id": caller.organization_id,
    }
    kept = platform.get(KeptPrices)
    rows = await hot_rows(platform, caller, OWN_AND_AGREED if known.has_contracts else OWN, values)
    heads = kept.read_own(rows, [each for _, each in own], known)
    if heads.counted != held.changes:
        return None
    return FoundPage(items.placed, heads, held.standing.buyer, kept, items)


async def _read_open(
    platform: Platform, caller: Caller, chosen: Sequence[UUID], shelf: Shelf
) -> FoundPage | None:
    """Find all that is shown of items to a buyer who sees what is open.

    His lists are known; None where they are not all, or the mark has moved.
    """
    known = shelf.standing(caller.path)
    if known is None:
        return None
    standing, changes = known
    suppliers = frozenset(standing.suppliers)  # by the answer others may be known
    lists = [each for supplier_id in suppliers for each in standing.heads.lists[supplier_id]]
    if len(lists) > LISTS_NAMED_MAX or any(each.discounts for each in lists):
        return None
    list_ids, versions, begins, ends = (
        array([each.written[at] for each in lists]) for at in range(4)
    )
    values: dict[str, object] = {
        "chosen": array(map(str, chosen)),
        "list_id": list_ids,
        "list_supplier_id": array([str(each.supplier_id) for each in lists]),
        "published_version": versions,
        "valid_from": begins,
        "valid_until": ends,
        "company_id": caller.organization_id,
    }
    read = OPEN_CHOSEN_AND_AGREED if standing.heads.has_contracts else OPEN_CHOSEN
    rows = await hot_rows(platform, caller, read, values)
    kept = platform.get(KeptPrices)
    heads = kept.read_listed(rows, OFFER_END, lists, standing.heads)
    if heads.counted != changes:
        return None
    placed = platform.get(KnownItems).learn(_of_offers(rows, OFFER_END))
    offers = _in_place(placed)
    if not suppliers.issuperset(offer.supplier_id for offer in offers):
        return None
    kept.learn(caller.path, offers, heads, own=False)
    return FoundPage(_first(placed, values), heads, standing.buyer, None)


async def _read_known(
    platform: Platform, caller: Caller, read: HotRead, asking: dict[str, object]
) -> FoundPage | None:
    """Find the items that are shown at these versions; None where many are not known.

    Of a few it is asked what they say. That is no part of this answer, which names the versions
    they must be of; what is said at a version never changes.
    """
    rows = await hot_rows(platform, caller, read, asking)
    described_at = len(KNOWN_COLUMNS)
    offers, known = _of_offers(rows, described_at), platform.get(KnownItems)
    placed, missing = known.find(offers)
    if missing and len(missing) <= len(placed):
        await _read_whole(platform, caller, CHOSEN.whole, _asking(caller, {"chosen": missing}))
        placed, missing = known.find(offers)
    if missing:
        return None
    kept = platform.get(KeptPrices)
    heads = kept.read_heads(rows, described_at)
    return FoundPage(_first(placed, asking), heads, heads.buyer(caller.path), kept)


async def _read_whole(
    platform: Platform,
    caller: Caller,
    read: HotRead,
    asking: dict[str, object],
    *,
    keep: bool = True,
) -> FoundPage:
    """Find all that is shown of items and every price they might have, and keep what stays true."""
    rows = await hot_rows(platform, caller, read, asking)
    kept = platform.get(KeptPrices)
    heads = kept.read_heads(rows, OFFER_END)
    placed = platform.get(KnownItems).learn(_of_offers(rows, OFFER_END), keep=keep)
    kept.learn(caller.path, _in_place(placed), heads, own=False)
    return FoundPage(_first(placed, asking), heads, heads.buyer(caller.path), None)


def _asking(caller: Caller, values: dict[str, object]) -> dict[str, object]:
    return {**values, "scopes": scopes_of(caller.path), "company_id": caller.organization_id}


def _of_offers(rows: Sequence[Any], described_at: int) -> list[Any]:
    """Give the rows that are of an offer, in the order of their places."""
    found = [row for row in rows if row[described_at] is None and row[0] > 0]
    found.sort(key=itemgetter(0))
    return found


def _in_place(placed: Iterable[Placed]) -> list[Offer]:
    """Give the offers of items in the order of their places."""
    by_place = {
        place: offer
        for item, places in placed
        for place, offer in zip(places, item.offers, strict=True)
    }
    return [by_place[place] for place in sorted(by_place)]


def _first(placed: list[Placed], values: dict[str, object]) -> list[Placed]:
    """Put items into the order of a page, and leave out what it has no place for."""
    placed.sort(key=lambda each: (each.item.name, each.item.id))
    return placed[: cast("int | None", values.get("fetch"))]
