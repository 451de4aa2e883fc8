"""The catalog: pages of products with the caller's own prices in them, each by one query.

A page is made of products with an offer the caller may see, and of the offers made for him alone
that are of no product, in the order of their names. What he may not see takes part in nothing: not
in matching, not in order, not in where a page ends.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Final, Generic, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from catalog.languages.asked import Languages
from catalog.price_lists.mark import Mark, read_mark
from catalog.search.answers import Answer, CatalogAnswers, page_answer
from catalog.search.details import add_availability, add_details, add_texts
from catalog.search.facets import facets_of
from catalog.search.finding import Hit, Query, find
from catalog.search.items import chosen_items, costs_of, items_of, one_item
from catalog.search.matching import Place
from catalog.search.own_prices import CostPlace, following, ordered, ranges_of
from catalog.search.page_statements import BROWSE
from catalog.search.related import related_ids
from catalog.search.schemas import CatalogFindings, CatalogItem, CatalogPage, RelatedItems
from catalog.search.showing import Show, Shown, in_languages, shown_items, written_items
from catalog.search.texts import texts_of
from catalog.search.written_items import WrittenItems
from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.limits import PAGE_READS_MAX, PRICES_SORTED_MAX
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest, cursor, page

_NIL: Final = UUID(int=0)


class _Key(msgspec.Struct, array_like=True, frozen=True):
    """Where a page begins: after the item with this name and identifier."""

    name: str = ""
    id: UUID = _NIL


async def search_catalog(
    platform: Platform,
    caller: Caller,
    query: Query | str | None,
    currency: str | None,
    asked: PageRequest,
    languages: Languages = (),
    *,
    stock: bool = False,
) -> CatalogPage:
    """Give a page of the caller's catalog: all of it, or what a text or more is asked of it.

    Prices are in `currency`; without one, each in that of the caller's best price for it. Names are
    in the first of the `languages` there is a text in. `stock` tells what can be delivered. Raises
    InvalidInput for an unknown currency, and where own prices decide and no currency is named.
    """
    asking = query if isinstance(query, Query) else Query(text=query)
    made = await _make_page(platform, caller, asking, currency, asked, languages, shown_items)
    if stock:
        await add_availability(platform, caller, made.items)
    return CatalogPage(items=made.items, next=made.next, found=made.found)


async def answer_search(
    platform: Platform,
    caller: Caller,
    query: Query | str | None,
    currency: str | None,
    asked: PageRequest,
    languages: Languages = (),
) -> Answer:
    """Give what `search_catalog` gives, as JSON; an answer that is still true is given at once."""
    caller.require("catalog:read")
    asking = query if isinstance(query, Query) else Query(text=query)
    answers = platform.get(CatalogAnswers)
    key = (caller.path, asking, currency, asked.limit, asked.after, languages)
    # A page that was never made brings the mark along: one round trip.
    mark = await read_mark(platform) if key in answers else None
    answer = None if mark is None else answers.find(key, mark)
    if answer is None:
        show = partial(written_items, platform.get(WrittenItems))
        made = await _make_page(platform, caller, asking, currency, asked, languages, show, mark)
        answer = page_answer(made.items, made.next, made.found, made.true_until)
        answers.keep(key, made.mark, answer)
    return answer


class _Made(NamedTuple, Generic[Shown]):
    """A page, until when its prices are these, and a mark that was read no later."""

    items: list[Shown]
    next: str | None
    true_until: datetime | None
    mark: Mark
    found: CatalogFindings | UnsetType = UNSET


async def _make_page(
    platform: Platform,
    caller: Caller,
    query: Query,
    currency: str | None,
    asked: PageRequest,
    languages: Languages,
    show: Show[Shown],
    mark: Mark | None = None,
) -> _Made[Shown]:
    caller.require("catalog:read")
    if currency is not None:
        currency_digits(currency, "?currency")
    if query.plain and not query.by_price:
        made = await _page_of_all(platform, caller, currency, asked, show)
    elif query.by_price:
        made = await _page_by_price(platform, caller, query, currency, asked, show, mark)
    else:
        made = await _page_of_hits(platform, caller, query, currency, asked, show, mark)
    if made.found is not UNSET and query.languages == languages:
        return made  # as its items were found they are called
    ids = [item.id for item in made.items] if languages else []
    texts = await texts_of(platform, caller, ids, languages)
    return made._replace(items=in_languages(made.items, texts)) if texts else made


def _called(items: Iterable[Shown], hits: Iterable[Hit]) -> list[Shown]:
    """Call items as they were found: by the document in the first language asked that they have."""
    found = {hit.id: hit for hit in hits}
    return [item.named(found[item.id].place.name, found[item.id].language) for item in items]


async def _page_of_all(
    platform: Platform,
    caller: Caller,
    currency: str | None,
    asked: PageRequest,
    show: Show[Shown],
) -> _Made[Shown]:
    """Read on where what was found is not shown, so that a page is short at the end alone.

    That is what nobody sells any more whose name may be read. Beyond a bound a page is short, and
    tells where the next begins.
    """
    items: list[Shown] = []
    ends: list[datetime] = []
    marks: list[Mark] = []
    after: _Key | None = asked.key(_Key) or _Key()
    while after is not None and len(items) < asked.fetch and len(marks) < PAGE_READS_MAX:
        values: dict[str, object] = {
            "after_name": after.name,
            "after_id": after.id,
            "fetch": asked.fetch,
        }
        some = await items_of(platform, caller, BROWSE, values, currency, show)
        items += some.items
        marks.append(some.mark)
        ends += [] if some.true_until is None else [some.true_until]
        after = None if some.last is None else _Key(some.last.name, some.last.id)
    made = page(asked, items[: asked.fetch], lambda item: _Key(item.name, item.id))
    following = made.next
    if following is None and after is not None:
        following = cursor(after)
    return _Made(made.items, following, min(ends, default=None), marks[0])


async def _page_of_hits(
    platform: Platform,
    caller: Caller,
    query: Query,
    currency: str | None,
    asked: PageRequest,
    show: Show[Shown],
    mark: Mark | None,
) -> _Made[Shown]:
    found = await find(platform, caller, query, mark, asked.key(Place), asked.fetch)
    shown = page(asked, found.hits, lambda hit: hit.place)
    items, true_until = await chosen_items(
        platform, caller, [hit.id for hit in shown.items], currency, show
    )
    findings = CatalogFindings(
        count=found.count,
        count_bounded=found.bounded,
        words_left_out=found.left_out or UNSET,
    )
    if query.facets:
        findings.facets = await facets_of(platform, caller, query.languages, found)
    called = _called(items, shown.items)
    return _Made(called, shown.next, true_until, found.mark, findings)


async def _page_by_price(
    platform: Platform,
    caller: Caller,
    query: Query,
    currency: str | None,
    asked: PageRequest,
    show: Show[Shown],
    mark: Mark | None,
) -> _Made[Shown]:
    """Price what is found, as far as the bound goes, and give the page in that order."""
    if currency is None:
        detail = "Own prices are compared in one currency: name it."
        raise invalid("?currency", "missing", detail)
    after = asked.key(CostPlace)
    stage = None if after is None else after.stage
    limited = query.price_from is not None or query.price_to is not None
    # A range of prices narrows all facets but its own: they are counted when it is known who is in.
    uncounted = msgspec.structs.replace(query, facets=query.facets and not limited)
    found = await find(platform, caller, uncounted, mark, None, PRICES_SORTED_MAX, stage)
    mark = found.mark
    near = found.near if limited and query.facets else []
    costs = await costs_of(
        platform, caller, [hit.id for hit in (*found.hits, *near)], currency, mark
    )
    places = ordered(found.hits, costs, query, limited=limited)
    count = len(places) if limited else found.count
    bounded = found.bounded or found.count > len(found.hits)
    rest = places if after is None else following(places, after, query)
    shown = page(asked, rest, lambda place: place)
    items, true_until = await chosen_items(
        platform, caller, [place.id for place in shown.items], currency, show
    )
    findings = CatalogFindings(
        count=count,
        count_bounded=bounded if limited else found.bounded,
        words_left_out=found.left_out or UNSET,
        prices_bounded=bounded,
    )
    if query.facets:
        counted = found
        if limited:
            within = (*places, *ordered(near, costs, query, limited=True))
            priced = [place.id for place in within]
            counted = await find(platform, caller, query, mark, None, 1, found.stage, priced)
        findings.facets = await facets_of(platform, caller, query.languages, counted)
        findings.facets.prices = ranges_of(found, costs)
    ends = [at for at in (true_until, costs.true_until) if at is not None]
    items = _called(items, found.hits)
    return _Made(items, shown.next, min(ends, default=None), mark, findings)


async def read_catalog_item(
    platform: Platform,
    caller: Caller,
    item_id: UUID,
    currency: str | None,
    languages: Languages = (),
) -> CatalogItem:
    """Give one product, its offers side by side, each price with its reasons; raises NotFound."""
    caller.require("catalog:read")
    if currency is not None:
        currency_digits(currency, "?currency")
    item = await one_item(platform, caller, item_id, currency)
    if item is None:
        raise NotFound("There is no such product in your catalog.")
    await add_availability(platform, caller, [item])
    if item.kind == "product":
        await add_details(platform, caller, item, languages)
    return item


async def read_related(
    platform: Platform,
    caller: Caller,
    item_id: UUID,
    currency: str | None,
    languages: Languages = (),
) -> RelatedItems:
    """Give what is related to an item of the caller's catalog; raises NotFound where it is none."""
    caller.require("catalog:read")
    if currency is not None:
        currency_digits(currency, "?currency")
    own, _ = await chosen_items(platform, caller, [item_id], currency, shown_items)
    if not own:
        raise NotFound("There is no such product in your catalog.")
    ids = await related_ids(platform, caller, item_id)
    distinct = list(dict.fromkeys(related for some in ids.values() for related in some))
    items, _ = await chosen_items(platform, caller, distinct, currency, shown_items)
    await add_texts(platform, caller, items, languages)
    shown = {item.id: item for item in items}

    def of(kind: str) -> list[CatalogItem]:
        return [shown[related] for related in ids[kind] if related in shown]

    return RelatedItems(
        accessories=of("accessory"),
        spare_parts=of("spare_part"),
        substitutes=of("substitute"),
        bundles=of("bundle"),
        bought_together=of("bought_together"),
    )
