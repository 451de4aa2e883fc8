"""Items of the catalog with their offers, each priced for the caller.

One statement finds the offers of all items and what their prices follow from; the resolver decides.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import UNSET

from catalog.price_lists.kept import Heads, KeptPrices, View
from catalog.price_lists.mark import Mark
from catalog.price_lists.price_book import UNBOUNDED, Offer
from catalog.price_lists.rules import Unpriced, price_offer
from catalog.price_lists.views import no_price_view, price_view
from catalog.price_lists.visibility import scopes_of
from catalog.pricing.terms import Buyer, Candidate, Price
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
from catalog.search.schemas import CatalogItem, CatalogOffer
from catalog.search.shelf import Held, Shelf, array
from catalog.search.written_items import WrittenItems, for_everybody
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import LISTS_NAMED_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows

T = TypeVar("T")
Cost = tuple[bool, str, Decimal]
"""What offers are sorted by: unpriced or not, currency, cost of one content unit."""


class ItemsMade(NamedTuple):
    """Items of a page, until when their prices are these, and the catalog's mark at the time.

    `last` is the last one found, shown or not, where there may be more behind it.
    """

    items: list[CatalogItem]
    true_until: datetime | None
    mark: Mark
    last: Item | None = None


async def items_of(
    platform: Platform,
    caller: Caller,
    read: PageRead,
    values: dict[str, object],
    currency: str | None,
    written: WrittenItems | None = None,
) -> ItemsMade:
    """Price the items a page's statement finds, in the order of their names.

    With `written` offers that are written already stand in items as JSON.
    """

    def make(page: _Page) -> list[CatalogItem]:
        made = [_shown(each, page, currency, written) for each in page.placed]
        return [item for item in made if item is not None]

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
        priced.sort(key=_Priced.cost)
        if priced:
            item = _item(placed.item, [_offer_view(each, explain=True) for each in priced])
            item.description = placed.item.description or ""
            return item
    return None


async def chosen_items(
    platform: Platform,
    caller: Caller,
    ids: Sequence[UUID],
    currency: str | None,
    written: WrittenItems | None = None,
) -> tuple[list[CatalogItem], datetime | None]:
    """Price the items with these identifiers, in this order; what is not seen is left out."""
    if not ids:
        return [], None
    values: dict[str, object] = {"chosen": list(ids)}
    made = await items_of(platform, caller, CHOSEN, values, currency, written)
    places = {item_id: place for place, item_id in enumerate(ids)}
    return sorted(made.items, key=lambda item: places[item.id]), made.true_until


async def costs_of(
    platform: Platform, caller: Caller, ids: Sequence[UUID], currency: str, mark: Mark
) -> Costs:
    """Give what items cost the caller, of those kept what is still true; the rest is priced now."""
    costs = platform.get(OwnCosts).of((caller.path, currency), mark)
    missing = [item_id for item_id in ids if item_id not in costs.of]

    def cheapest(page: _Page) -> dict[UUID, Decimal | None]:
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


class _NotKnownError(Exception):
    """What a list for everybody has for an offer is not known to this process."""


class _Offered(msgspec.Struct, gc=False):
    offer: Offer
    view: View
    candidates: list[Candidate]


class _Page:
    """The items that were found, and what their prices follow from.

    Ladders that are for everybody are taken from `kept`, unless all were read.
    """

    def __init__(
        self, placed: list[Placed], heads: Heads, buyer: Buyer, kept: KeptPrices | None
    ) -> None:
        if heads.clock is None:
            msg = "a statement of pages tells the clock"
            raise ValueError(msg)
        self.placed = placed
        self.heads = heads
        self.buyer = buyer
        self.mark = Mark(heads.counted, heads.clock)
        self.kept = kept
        self.boundaries: list[datetime] = []

    @property
    def items(self) -> list[Item]:
        """The items that were found, in their order."""
        return [each.item for each in self.placed]

    def written_key(self, item: Item, currency: str | None) -> Hashable:
        """Give what an item's cheapest offer follows from where only kept ladders count."""
        view_of = self.heads.view_of
        return (item, currency, *[view_of(offer.supplier_id) for offer in item.offers])

    def is_plain(self, placed: Placed) -> bool:
        """Tell whether nothing but kept ladders counts."""
        return self.kept is not None and self.heads.told.keys().isdisjoint(placed.places)

    def offered(self, placed: Placed) -> list[_Offered]:
        """Give an item's offers with their candidates; those of a supplier not seen are left out.

        Where a candidate begins or ends later is noted. Raises _NotKnownError.
        """
        found = []
        for offer, place in zip(placed.item.offers, placed.places, strict=True):
            view = self.heads.view_of(offer.supplier_id)
            if view.name is None:
                continue
            candidates = self._candidates(offer, place)
            for each in candidates:
                if each.validity is not UNBOUNDED:
                    self._note(each.validity.from_, each.validity.until)
            found.append(_Offered(offer, view, candidates))
        return found

    def _candidates(self, offer: Offer, place: int) -> list[Candidate]:
        if self.kept is None:
            return self.heads.told.get(place, [])
        found = self.kept.candidates_of(offer, place, self.heads, own_read=True)
        if found is None:
            raise _NotKnownError
        return found

    def _note(self, *instants: datetime | None) -> None:
        self.boundaries += [at for at in instants if at is not None and at > self.mark.at]

    def priced(self, found: _Offered, currency: str | None, *, explain: bool = False) -> "_Priced":
        """Price an offer as a catalog shows it."""
        answer = price_offer(
            found.offer.terms,
            found.candidates,
            self.buyer,
            currency,
            self.mark.at,
            policy=found.view.policy,
            explain=explain,
        )
        return _Priced(found, answer)


async def _made(
    platform: Platform,
    caller: Caller,
    read: PageRead,
    values: dict[str, object],
    make: Callable[[_Page], T],
) -> tuple[_Page, T]:
    """Make something of a page by what is known; where that is not all, by all that is shown."""
    shelf = platform.get(Shelf)
    held = shelf.held(caller.path, values)
    if held is not None:
        page = await _read_own(platform, caller, held)
        if page is not None:
            with suppress(_NotKnownError):
                return page, make(page)
    asking = _asking(caller, values)
    chosen = cast("Sequence[UUID]", values.get("chosen", ()))
    if platform.get(KnownItems).expected(chosen):
        page = await _read_known(platform, caller, read.known, asking)
        if page is not None:
            shelf.learn(caller.path, values, page.items, page.heads)
            with suppress(_NotKnownError):
                return page, make(page)
    elif read is CHOSEN:
        page = await _read_open(platform, caller, chosen, shelf)
        if page is not None:
            shelf.learn(caller.path, values, page.items, page.heads)
            return page, make(page)
    page = await _read_whole(platform, caller, read.whole, asking)
    shelf.learn(caller.path, values, page.items, page.heads)
    return page, make(page)


async def _read_own(platform: Platform, caller: Caller, held: Held) -> "_Page | None":
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
    return _Page(items.placed, heads, held.standing.buyer, kept)


async def _read_open(
    platform: Platform, caller: Caller, chosen: Sequence[UUID], shelf: Shelf
) -> _Page | None:
    """Find all that is shown of items to a buyer who sees what is open.

    His lists are known; None where they are not all, or the mark has moved.
    """
    known = shelf.standing(caller.path)
    if known is None:
        return None
    standing, changes = known
    lists = [
        each for supplier_id in standing.suppliers for each in standing.heads.lists[supplier_id]
    ]
    if len(lists) > LISTS_NAMED_MAX or any(each.discounts for each in lists):
        return None
    list_ids, versions, begins, ends = (
        array([each.written[at] for each in lists]) for at in range(4)
    )
    values: dict[str, object] = {
        "chosen": chosen,
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
    if not standing.suppliers.issuperset(offer.supplier_id for offer in offers):
        return None
    kept.learn(caller.path, offers, heads, own=False)
    return _Page(_first(placed, values), heads, standing.buyer, None)


async def _read_known(
    platform: Platform, caller: Caller, read: HotRead, asking: dict[str, object]
) -> _Page | None:
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
    return _Page(_first(placed, asking), heads, heads.buyer(caller.path), kept)


async def _read_whole(
    platform: Platform,
    caller: Caller,
    read: HotRead,
    asking: dict[str, object],
    *,
    keep: bool = True,
) -> _Page:
    """Find all that is shown of items and every price they might have, and keep what stays true."""
    rows = await hot_rows(platform, caller, read, asking)
    kept = platform.get(KeptPrices)
    heads = kept.read_heads(rows, OFFER_END)
    placed = platform.get(KnownItems).learn(_of_offers(rows, OFFER_END), keep=keep)
    kept.learn(caller.path, _in_place(placed), heads, own=False)
    return _Page(_first(placed, asking), heads, heads.buyer(caller.path), None)


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


# What it comes to


class _Priced(msgspec.Struct, gc=False):
    found: _Offered
    answer: Price | Unpriced

    def cost(self) -> Cost:
        """Give what offers are sorted by."""
        if isinstance(self.answer, Unpriced):
            return True, "", Decimal(0)
        winner, content = self.answer.winner, self.found.offer.terms.content
        units = winner.ladder.basis * content.numerator / content.denominator
        return False, winner.currency, self.answer.tier.amount / units


def _shown(
    placed: Placed, page: _Page, currency: str | None, written: WrittenItems | None
) -> CatalogItem | None:
    """Show the cheapest of an item's offers; None where none is left."""
    item, key = placed.item, None
    if written is not None and page.is_plain(placed):
        key = page.written_key(item, currency)
        text = written.find(key)
        if text is not None:
            return _item(item, [cast("CatalogOffer", text)])
    offered = page.offered(placed)
    if not offered:
        return None
    priced = [page.priced(found, currency) for found in offered]
    best = priced[0] if len(priced) == 1 else min(priced, key=_Priced.cost)
    view = _offer_view(best, explain=False)
    if (
        written is not None
        and len(offered) == len(item.offers)
        and all(for_everybody(found.candidates) for found in offered)
    ):
        # msgspec writes raw JSON as it is: to who reads the answer it is the offer.
        view = cast("CatalogOffer", written.keep(key or page.written_key(item, currency), view))
    return _item(item, [view], len(offered))


def _item(item: Item, offers: list[CatalogOffer], offer_count: int | None = None) -> CatalogItem:
    return CatalogItem(
        id=item.id,
        kind="private_offer" if item.private else "product",
        name=item.name,
        offer_count=len(item.offers) if offer_count is None else offer_count,
        offers=offers,
        maker=UNSET if item.maker is None else item.maker,
        maker_number=UNSET if item.maker_number is None else item.maker_number,
        gtin=UNSET if item.gtin is None else item.gtin,
    )


def _offer_view(priced: _Priced, *, explain: bool) -> CatalogOffer:
    offer, terms, answer = priced.found.offer, priced.found.offer.terms, priced.answer
    view = CatalogOffer(
        id=offer.id,
        supplier_id=offer.supplier_id,
        supplier_name=priced.found.view.name or "",
        sku=offer.sku,
        name=offer.name,
        unit=terms.unit,
        content=str(terms.content),
        content_unit=terms.content_unit,
        minimum_quantity=plain_decimal(terms.minimum_quantity),
        private=offer.private,
        multiple=UNSET if terms.multiple is None else plain_decimal(terms.multiple),
        maximum_quantity=(
            UNSET if terms.maximum_quantity is None else plain_decimal(terms.maximum_quantity)
        ),
        lead_time_days=UNSET if terms.lead_time_days is None else terms.lead_time_days,
    )
    if isinstance(answer, Price):
        view.price = price_view(answer, explain=explain)
    else:
        view.no_price = no_price_view(answer, explain=explain)
    return view
