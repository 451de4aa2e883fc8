"""The catalog: pages of products with the caller's own prices in them, each by one query.

A page is made of products with an offer the caller may see, and of the offers made for him alone
that are of no product, in the order of their names. What he may not see takes part in nothing: not
in matching, not in order, not in where a page ends.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from catalog.asked_languages import Languages
from catalog.price_lists.price_book import (
    CANDIDATES_OF_OFFERS,
    CLOCK,
    OFFER_COLUMNS,
    UNBOUNDED,
    Offer,
    buyer_of,
    candidates_by_place,
    read_offer,
    scopes_of,
    visible_by_itself,
    visible_offer,
)
from catalog.price_lists.rules import Unpriced, price_offer
from catalog.price_lists.views import no_price_view, price_view
from catalog.pricing.terms import Buyer, Candidate, Policy, Price
from catalog.products.tables import OfferRow, ProductRow
from catalog.search.answers import Answer, CatalogAnswers, Mark, read_mark
from catalog.search.details import (
    FOUND_STATES,
    READ_STATES,
    add_details,
    add_texts,
    seen_product,
)
from catalog.search.facets import facets_of
from catalog.search.finding import Query, find
from catalog.search.matching import Place
from catalog.search.own_prices import (
    CHUNK,
    CostPlace,
    Costs,
    OwnCosts,
    following,
    ordered,
    ranges_of,
)
from catalog.search.related import related_ids
from catalog.search.schemas import (
    CatalogFindings,
    CatalogItem,
    CatalogOffer,
    CatalogPage,
    RelatedItems,
)
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.limits import (
    OFFERS_PER_PRODUCT_MAX,
    OFFERS_PER_PRODUCT_SHOWN,
    PRICES_SORTED_MAX,
)
from marketplace.kernel.money import currency_digits
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows
from marketplace.platform.http.paging import PageRequest, page

_NIL: Final = UUID(int=0)


class _Key(msgspec.Struct, array_like=True, frozen=True):
    """Where a page begins: after the item with this name and identifier."""

    name: str = ""
    id: UUID = _NIL


_Statement = Select[*tuple[Any, ...]]


# The statements


def _products(*conditions: Any, states: Sequence[Any] = FOUND_STATES) -> _Statement:
    product = ProductRow
    return select(
        product.id.label("id"),
        product.id.label("product_id"),
        literal_column("null::uuid", Uuid).label("private_offer_id"),
        product.name.label("name"),
        product.description.label("description"),
        product.maker.label("maker"),
        product.maker_number.label("maker_number"),
        product.gtin.label("gtin"),
    ).where(product.state.in_(states), seen_product(), *conditions)


def _private_offers(*conditions: Any) -> _Statement:
    """Select offers of no product; one of the conditions must say that they are visible."""
    return select(
        OfferRow.id,
        OfferRow.product_id,
        OfferRow.id.label("private_offer_id"),
        OfferRow.name,
        OfferRow.description,
        literal_column("null::text", Text).label("maker"),
        literal_column("null::text", Text).label("maker_number"),
        literal_column("null::text", Text).label("gtin"),
    ).where(OfferRow.product_id.is_(None), *conditions)


def _private_in_order(*conditions: Any) -> Any:
    return union_all(
        *(
            _in_order(_private_offers(seen, *conditions), OfferRow.name, OfferRow.id)
            .subquery()
            .select()
            for seen in visible_by_itself()
        )
    )


def _page_of(products: _Statement, private_offers: Any, offers_max: int) -> _Statement:
    """Join a page's items to their offers; `ITEM_COLUMNS`, the supplier, `OFFER_COLUMNS`."""
    items = union_all(products.subquery().select(), private_offers.subquery().select()).subquery()
    shown = select(items).order_by(items.c.name, items.c.id).limit(bindparam("fetch")).cte("item")
    columns = (OfferRow.supplier_id, OfferRow.sku, *OFFER_COLUMNS)
    of_product = (
        select(*columns)
        .where(OfferRow.product_id == shown.c.product_id, visible_offer())
        .order_by(OfferRow.supplier_id, OfferRow.sku)
        .limit(literal_column(str(offers_max)))
        .lateral("own")
    )
    by_itself = select(*columns).where(OfferRow.product_id.is_(None), visible_offer()).subquery()
    found = union_all(
        select(*shown.c, *of_product.c).join_from(shown, of_product, true()),
        select(*shown.c, *by_itself.c).join_from(
            shown, by_itself, by_itself.c.offer_id == shown.c.private_offer_id
        ),
    ).cte("found")
    # Names are looked up once for each supplier, not for each offer, and each by its key: joined,
    # a plan might read all organizations there are.
    seller = select(found.c.supplier_id.label("id")).distinct().subquery()
    name = select(OrganizationRow.name).where(OrganizationRow.id == seller.c.id).scalar_subquery()
    supplier = select(seller.c.id, name.label("name")).cte("supplier").prefix_with("MATERIALIZED")
    its_supplier = and_(supplier.c.id == found.c.supplier_id, supplier.c.name.is_not(None))
    return select(
        *found.c, supplier.c.name.label("supplier_name"), select(CLOCK).scalar_subquery()
    ).join_from(found, supplier, its_supplier)


_ITEM_END: Final = 8
"""The item's identifier, product, private offer, name, description, maker, number, GTIN."""
_NAME_AT: Final = 3
_OFFER_AT: Final = _ITEM_END + 2
_OFFER_END: Final = _OFFER_AT + len(OFFER_COLUMNS)


def _after(name: Any, identifier: Any) -> Any:
    return func.row(name, identifier) > func.row(
        bindparam("after_name", type_=Text), bindparam("after_id", type_=Uuid)
    )


def _in_order(statement: _Statement, name: Any, identifier: Any) -> _Statement:
    ordered = statement.where(_after(name, identifier)).order_by(name, identifier)
    return ordered.limit(bindparam("fetch"))


def _browse() -> Any:
    return _page_of(
        _in_order(_products(), ProductRow.name, ProductRow.id),
        _private_in_order(),
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _chosen() -> Any:
    chosen = any_(bindparam("chosen", type_=ARRAY(Uuid)))
    return _page_of(
        _products(ProductRow.id == chosen),
        _private_offers(OfferRow.id == chosen, visible_offer()),
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _one() -> Any:
    wanted = bindparam("item_id", type_=Uuid)
    return _page_of(
        _products(ProductRow.id == wanted, states=READ_STATES),
        _private_offers(OfferRow.id == wanted, visible_offer()),
        OFFERS_PER_PRODUCT_MAX,
    )


_CANDIDATES: Final = HotRead(CANDIDATES_OF_OFFERS)
_BROWSE: Final = HotRead(_browse())
_CHOSEN: Final = HotRead(_chosen())
_ONE: Final = HotRead(_one())


# The verbs


async def search_catalog(
    platform: Platform,
    caller: Caller,
    query: Query | str | None,
    currency: str | None,
    asked: PageRequest,
    languages: Languages = (),
) -> CatalogPage:
    """Give a page of the caller's catalog: all of it, or what a text or more is asked of it.

    Prices are in `currency`; without one, each in that of the caller's best price for it. Names are
    in the first of the `languages` there is a text in. Raises InvalidInput for an unknown currency,
    and where own prices decide and no currency is named.
    """
    asking = query if isinstance(query, Query) else Query(text=query)
    made, _ = await _make_page(platform, caller, asking, currency, asked)
    await add_texts(platform, caller, made.items, languages)
    return made


async def answer_search(
    platform: Platform,
    caller: Caller,
    query: Query | str | None,
    currency: str | None,
    asked: PageRequest,
    languages: Languages = (),
) -> CatalogPage:
    """Give what `search_catalog` gives, its items ready as JSON; one that is still true at once."""
    caller.require("catalog:read")
    asking = query if isinstance(query, Query) else Query(text=query)
    answers, mark = platform.get(CatalogAnswers), await read_mark(platform)
    key = (caller.path, asking, currency, asked.limit, asked.after, languages)
    answer = answers.find(key, mark)
    if answer is None:
        made, true_until = await _make_page(platform, caller, asking, currency, asked)
        await add_texts(platform, caller, made.items, languages)
        items = msgspec.Raw(msgspec.json.encode(made.items))
        more = None if made.found is UNSET else msgspec.Raw(msgspec.json.encode(made.found))
        answer = Answer(items, made.next, true_until, more)
        answers.keep(key, mark, answer)
    # msgspec writes raw JSON as it is: to who reads the answer it is the list.
    return CatalogPage(
        items=cast("list[CatalogItem]", answer.items),
        next=answer.next,
        found=UNSET if answer.more is None else cast("CatalogFindings", answer.more),
    )


async def _make_page(
    platform: Platform, caller: Caller, query: Query, currency: str | None, asked: PageRequest
) -> tuple[CatalogPage, datetime | None]:
    caller.require("catalog:read")
    if currency is not None:
        currency_digits(currency, "?currency")
    if query.by_price:
        return await _page_by_price(platform, caller, query, currency, asked)
    if not query.plain:
        return await _page_of_hits(platform, caller, query, currency, asked)
    after = asked.key(_Key) or _Key()
    values: dict[str, object] = {
        "after_name": after.name,
        "after_id": after.id,
        "fetch": asked.fetch,
    }
    items, true_until = await _items(platform, caller, _BROWSE, values, currency, whole=False)
    made = page(asked, items, lambda item: _Key(item.name, item.id))
    return CatalogPage(items=made.items, next=made.next), true_until


async def _page_of_hits(
    platform: Platform, caller: Caller, query: Query, currency: str | None, asked: PageRequest
) -> tuple[CatalogPage, datetime | None]:
    found = await find(platform, caller, query, asked.key(Place), asked.fetch)
    shown = page(asked, found.hits, lambda hit: hit.place)
    items, true_until = await _chosen_items(
        platform, caller, [hit.id for hit in shown.items], currency
    )
    findings = CatalogFindings(count=found.count)
    if query.facets:
        findings.facets = await facets_of(platform, caller, query.language, found)
    return CatalogPage(items=items, next=shown.next, found=findings), true_until


async def _page_by_price(
    platform: Platform, caller: Caller, query: Query, currency: str | None, asked: PageRequest
) -> tuple[CatalogPage, datetime | None]:
    """Price what is found, as far as the bound goes, and give the page in that order."""
    if currency is None:
        detail = "Own prices are compared in one currency: name it."
        raise invalid("?currency", "missing", detail)
    after = asked.key(CostPlace)
    stage = None if after is None else after.stage
    mark = await read_mark(platform)
    found = await find(platform, caller, query, None, PRICES_SORTED_MAX, stage)
    costs = await _costs(platform, caller, [hit.id for hit in found.hits], currency, mark)
    limited = query.price_from is not None or query.price_to is not None
    places = ordered(found.hits, costs, query, limited=limited)
    count = len(places) if limited else found.count
    rest = places if after is None else following(places, after, query)
    shown = page(asked, rest, lambda place: place)
    items, true_until = await _chosen_items(
        platform, caller, [place.id for place in shown.items], currency
    )
    bounded = found.count > len(found.hits)
    findings = CatalogFindings(count=count, prices_bounded=bounded)
    if query.facets:
        findings.facets = await facets_of(platform, caller, query.language, found)
        findings.facets.prices = ranges_of(found, costs)
    ends = [at for at in (true_until, costs.true_until) if at is not None]
    return (
        CatalogPage(items=items, next=shown.next, found=findings),
        min(ends, default=None),
    )


async def _chosen_items(
    platform: Platform, caller: Caller, ids: Sequence[UUID], currency: str | None
) -> tuple[list[CatalogItem], datetime | None]:
    """Price the items with these identifiers, in this order; what is not seen is left out."""
    if not ids:
        return [], None
    values: dict[str, object] = {"chosen": list(ids), "fetch": len(ids)}
    items, true_until = await _items(platform, caller, _CHOSEN, values, currency, whole=False)
    places = {item_id: place for place, item_id in enumerate(ids)}
    return sorted(items, key=lambda item: places[item.id]), true_until


async def _costs(
    platform: Platform, caller: Caller, ids: Sequence[UUID], currency: str, mark: Mark
) -> Costs:
    costs = platform.get(OwnCosts).of((caller.path, currency), mark)
    missing = [item_id for item_id in ids if item_id not in costs.of]
    for start in range(0, len(missing), CHUNK):
        some = missing[start : start + CHUNK]
        values: dict[str, object] = {"chosen": some, "fetch": len(some)}
        gathered, buyer = await _gather(platform, caller, _CHOSEN, values)
        made: dict[UUID, Decimal | None] = dict.fromkeys(some)
        for row, offers in gathered:
            priced = (_priced(each, buyer, currency, explain=False) for each in offers)
            known = [one.cost()[2] for one in priced if isinstance(one.answer, Price)]
            made[row[0]] = min(known, default=None)
        costs.add(made, _next_boundary(gathered))
    return costs


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
    values: dict[str, object] = {"item_id": item_id, "fetch": 1}
    items, _ = await _items(platform, caller, _ONE, values, currency, whole=True)
    if not items:
        raise NotFound("There is no such product in your catalog.")
    (item,) = items
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
    own, _ = await _chosen_items(platform, caller, [item_id], currency)
    if not own:
        raise NotFound("There is no such product in your catalog.")
    ids = await related_ids(platform, caller, item_id)
    distinct = list(dict.fromkeys(related for some in ids.values() for related in some))
    items, _ = await _chosen_items(platform, caller, distinct, currency)
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


async def _items(
    platform: Platform,
    caller: Caller,
    statement: HotRead,
    values: dict[str, object],
    currency: str | None,
    *,
    whole: bool,
) -> tuple[list[CatalogItem], datetime | None]:
    """Price the items a statement finds; give too until when their prices are these."""
    gathered, buyer = await _gather(platform, caller, statement, values)
    items = [_shown(row, offers, buyer, currency, whole=whole) for row, offers in gathered]
    return items, _next_boundary(gathered)


async def _gather(
    platform: Platform, caller: Caller, statement: HotRead, values: dict[str, object]
) -> tuple[list[tuple[Any, list["_OfferPrices"]]], Buyer]:
    """Find items, their offers and all prices these might have for the caller."""
    values |= {"scopes": scopes_of(caller.path), "company_id": caller.organization_id}
    rows = await hot_rows(platform, caller, statement, values)
    if not rows:
        return [], buyer_of(caller.path, ())
    seen = {
        "offer_ids": [row[_OFFER_AT] for row in rows],
        "supplier_ids": [row[_ITEM_END] for row in rows],
        "skus": [row[_ITEM_END + 1] for row in rows],
    }
    candidates = await hot_rows(platform, caller, _CANDIDATES, values | seen)
    gathered = _gathered(rows, candidates)
    found = (offer for _, offers in gathered for offer in offers)
    return gathered, buyer_of(caller.path, (each for offer in found for each in offer.candidates))


class _OfferPrices(msgspec.Struct):
    offer: Offer
    supplier_name: str
    as_of: datetime
    candidates: list[Candidate]
    policy: Policy


def _next_boundary(gathered: Sequence[tuple[Any, list[_OfferPrices]]]) -> datetime | None:
    """Give the next instant at which one of these prices begins or ends."""
    return min(
        (
            at
            for _, offers in gathered
            for found in offers
            for candidate in found.candidates
            if candidate.validity is not UNBOUNDED
            for at in (candidate.validity.from_, candidate.validity.until)
            if at is not None and at > found.as_of
        ),
        default=None,
    )


def _gathered(
    rows: Sequence[Any], candidates: Sequence[Any]
) -> list[tuple[Any, list[_OfferPrices]]]:
    """Gather rows to items (each as its first row) and their offers, in the order of the page."""
    found, best = candidates_by_place(candidates, len(rows))
    items: dict[UUID, tuple[Any, list[_OfferPrices]]] = {}
    for row, own in zip(rows, found, strict=True):
        gathered = items.get(row[0])
        if gathered is None:
            gathered = items[row[0]] = (row, [])
        offer = read_offer(row[_ITEM_END], row[_ITEM_END + 1], row[_OFFER_AT:_OFFER_END])
        policy = Policy.BEST_PRICE if offer.supplier_id in best else Policy.PRIORITY
        gathered[1].append(_OfferPrices(offer, row[_OFFER_END], row[_OFFER_END + 1], own, policy))
    return sorted(items.values(), key=_by_name)


def _by_name(gathered: tuple[Any, list[_OfferPrices]]) -> tuple[str, UUID]:
    return gathered[0][_NAME_AT], gathered[0][0]


class _Priced(msgspec.Struct):
    found: _OfferPrices
    answer: Price | Unpriced

    def cost(self) -> tuple[bool, str, Decimal]:
        """Give what offers are sorted by: unpriced or not, currency, cost of one content unit."""
        if isinstance(self.answer, Unpriced):
            return True, "", Decimal(0)
        winner, content = self.answer.winner, self.found.offer.terms.content
        units = winner.ladder.basis * content.numerator / content.denominator
        return False, winner.currency, self.answer.tier.amount / units


def _priced(found: _OfferPrices, buyer: Buyer, currency: str | None, *, explain: bool) -> _Priced:
    answer = price_offer(
        found.offer.terms,
        found.candidates,
        buyer,
        currency,
        found.as_of,
        policy=found.policy,
        explain=explain,
    )
    return _Priced(found, answer)


def _shown(
    row: Any,
    offers: Sequence[_OfferPrices],
    buyer: Buyer,
    currency: str | None,
    *,
    whole: bool,
) -> CatalogItem:
    """Price an item's offers and show the cheapest, or all with their reasons."""
    priced = [_priced(found, buyer, currency, explain=whole) for found in offers]
    if len(priced) > 1:
        priced.sort(key=_Priced.cost)
    shown = priced if whole else priced[:1]
    return _item(row, len(priced), [_offer_view(each, explain=whole) for each in shown], whole)


def _item(row: Any, offer_count: int, offers: list[CatalogOffer], whole: bool) -> CatalogItem:
    item_id, product_id, _, name, description, maker, maker_number, gtin = row[:_ITEM_END]
    return CatalogItem(
        id=item_id,
        kind="private_offer" if product_id is None else "product",
        name=name,
        offer_count=offer_count,
        offers=offers,
        description=description if whole else UNSET,
        maker=UNSET if maker is None else maker,
        maker_number=UNSET if maker_number is None else maker_number,
        gtin=UNSET if gtin is None else gtin,
    )


def _offer_view(priced: _Priced, *, explain: bool) -> CatalogOffer:
    offer, terms, answer = priced.found.offer, priced.found.offer.terms, priced.answer
    view = CatalogOffer(
        id=offer.id,
        supplier_id=offer.supplier_id,
        supplier_name=priced.found.supplier_name,
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
