"""Items of a page as their reader gets them: as structs, or written.

What is written of an item for all who have nothing of their own for it is kept, and the whole page
of such a reader with it. Who has a price of his own gets the same text with his price in it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, Self, TypeVar
from uuid import UUID

from msgspec import UNSET

from catalog.price_lists.views import no_price_view, price_view
from catalog.pricing.terms import Price
from catalog.search.found import FoundPage, Priced
from catalog.search.known_items import Item, Placed
from catalog.search.own_forms import OwnLine
from catalog.search.schemas import CatalogItem, CatalogOffer
from catalog.search.texts import ItsText
from catalog.search.written_items import (
    Everybodys,
    Sheet,
    WrittenItem,
    WrittenItems,
    for_everybody,
    written,
)
from marketplace.kernel.canonical import plain_decimal


class ShownItem(Protocol):
    """What a list of items looks at, however they are shown."""

    @property
    def id(self) -> UUID:
        """Which product or offer it is."""

    @property
    def name(self) -> str:
        """What it is called."""

    def named(self, name: str, language: str) -> Self:
        """Give it as it is called in a language, '' where it is in none."""


Shown = TypeVar("Shown", bound=ShownItem)
Show = Callable[[FoundPage, str | None], list[Shown]]
"""How the items of a page are shown, their prices in one currency if it is named."""


def shown_items(page: FoundPage, currency: str | None) -> list[CatalogItem]:
    """Show each item with the cheapest of its offers; where none is left it is left out."""
    items: list[CatalogItem] = []
    for placed in page.placed:
        priced = [page.priced(found, currency) for found in page.offered(placed)]
        if priced:
            items.append(_page_view(placed.item, priced, _cheapest(priced)))
    return items


def _page_view(item: Item, priced: Sequence[Priced], shown: int) -> CatalogItem:
    return item_view(item, [offer_view(priced[shown])], len(priced))


def _cheapest(priced: Sequence[Priced]) -> int:
    """Give the place of the cheapest offer, of equal ones that of the first."""
    if len(priced) == 1:
        return 0
    costs = [each.cost() for each in priced]
    return costs.index(min(costs))


def item_view(item: Item, offers: list[CatalogOffer], offer_count: int) -> CatalogItem:
    """Show an item with some of its offers."""
    return CatalogItem(
        id=item.id,
        kind="private_offer" if item.private else "product",
        name=item.name,
        offer_count=offer_count,
        offers=offers,
        maker=UNSET if item.maker is None else item.maker,
        maker_number=UNSET if item.maker_number is None else item.maker_number,
        gtin=UNSET if item.gtin is None else item.gtin,
    )


def offer_view(priced: Priced, *, explain: bool = False) -> CatalogOffer:
    """Show an offer with its price, or with the reason why there is none."""
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


def in_languages(items: Iterable[Shown], texts: Mapping[UUID, ItsText]) -> list[Shown]:
    """Call items as they are called where there are texts of them."""
    called = ((item, texts.get(item.id)) for item in items)
    return [each if text is None else each.named(text.name, text.language) for each, text in called]


# Written


def written_items(memory: WrittenItems, page: FoundPage, currency: str | None) -> list[WrittenItem]:
    """Write what `shown_items` shows; what is written already stands there at once."""
    shown, placed = page.shown, page.placed
    if shown is None:
        sheet = Sheet(len(placed))
    else:
        key = (shown, currency, *map(page.heads.view_of, shown.suppliers))
        sheet = memory.sheet(key, len(placed))
    told = page.with_told()
    items = list(sheet.items)
    for at in told | sheet.missing:
        item, everybodys = _written(placed[at], page, currency, memory, told=at in told)
        items[at] = item
        if everybodys and item is not None and at not in told:
            sheet.put(at, item)
    return [item for item in items if item is not None]


def _written(
    placed: Placed, page: FoundPage, currency: str | None, memory: WrittenItems, *, told: bool
) -> tuple[WrittenItem | None, bool]:
    """Write an item with the cheapest of its offers; tell whether everybody sees it so.

    None where no offer is left. Where nothing was `told` of it, what is written holds.
    """
    item = placed.item
    key = page.written_key(item, currency)
    known = memory.find(key) if page.kept is not None else None
    if known is not None:
        return (
            (_with_own(known, placed, page, currency, memory), False)
            if told
            else (known.item, True)
        )
    priced = [page.priced(found, currency) for found in page.offered(placed)]
    if not priced:
        return None, False
    shown = _cheapest(priced)
    view = _page_view(item, priced, shown)
    if len(priced) == len(item.offers) and all(
        for_everybody(each.found.candidates) for each in priced
    ):
        return memory.keep(key, view, priced, shown), True
    return written(view), False


def _with_own(
    known: Everybodys, placed: Placed, page: FoundPage, currency: str | None, memory: WrittenItems
) -> WrittenItem:
    """Put a buyer's own prices into what is written for everybody."""
    lines = _own_lines(known, placed, page, currency)
    item = None if lines is None else _as_others(known, lines, memory)
    if item is not None:
        return item
    priced = page.with_own(placed.places, known.priced, currency)
    shown = _cheapest(priced)
    answer = priced[shown].answer
    if not isinstance(answer, Price):
        return written(_page_view(placed.item, priced, shown))
    for at, line in (lines or {}).items():
        own = priced[at].answer
        if isinstance(own, Price):
            memory.own.learn(line, own)
    item = known.at_price(shown, memory.prices.write(answer))
    return known.keep_slot(shown, _page_view(placed.item, priced, shown)) if item is None else item


def _own_lines(
    known: Everybodys, placed: Placed, page: FoundPage, currency: str | None
) -> dict[int, OwnLine] | None:
    """Give what is the buyer's own for an item, by its offer; None where it is not that simple."""
    told, lines = page.heads.told, {}
    for at, place in enumerate(placed.places):
        if place in told:
            kind, own = known.kinds[at], told.alone(place)
            if kind is None or own is None:
                return None
            lines[at] = OwnLine(kind, own, currency)
    return lines


def _as_others(
    known: Everybodys, lines: Mapping[int, OwnLine], memory: WrittenItems
) -> WrittenItem | None:
    """Write an item with own prices that are like others; None where one is like none."""
    own = {}
    for at, line in lines.items():
        price = memory.own.price(line)
        if price is None:
            return None
        own[at] = price
    shown = 0
    if len(known.costs) > 1:
        costs = [own[at].cost() if at in own else cost for at, cost in enumerate(known.costs)]
        shown = costs.index(min(costs))
    if shown in own:
        return known.at_price(shown, own[shown].written())
    return known.item if shown == known.shown else None
