"""Items of the catalog with their offers, each priced for the caller.

One statement finds the offers of all items, a second one every price these might have; the resolver
decides.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET

from catalog.price_lists.kept import Heads, KeptPrices
from catalog.price_lists.price_book import (
    UNBOUNDED,
    Listed,
    Offer,
    candidates_by_place,
    read_offer,
)
from catalog.price_lists.rules import Unpriced, price_offer
from catalog.price_lists.views import no_price_view, price_view
from catalog.price_lists.visibility import scopes_of
from catalog.pricing.terms import Buyer, Candidate, Policy, Price
from catalog.search.answers import Mark
from catalog.search.own_prices import CHUNK, Costs, OwnCosts
from catalog.search.page_statements import (
    CANDIDATES,
    CHOSEN,
    HEADS_AT,
    ITEM_AT,
    ITEM_END,
    NAME_AT,
    OFFER_AT,
    OFFER_END,
)
from catalog.search.schemas import CatalogItem, CatalogOffer
from catalog.search.written_offers import Cost, WrittenOffer, WrittenOffers
from marketplace.kernel.canonical import plain_decimal
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows


async def items_of(
    platform: Platform,
    caller: Caller,
    statement: HotRead,
    values: dict[str, object],
    currency: str | None,
    *,
    whole: bool,
    written: WrittenOffers | None = None,
) -> tuple[list[CatalogItem], datetime | None]:
    """Price the items a statement finds; give too until when their prices are these.

    With `written` offers that are written already stand in items as JSON.
    """
    gathered, buyer = await _gather(platform, caller, statement, values)
    if written is None:
        items = [_shown(row, offers, buyer, currency, whole=whole) for row, offers in gathered]
    else:
        items = [_cheapest(row, offers, buyer, currency, written) for row, offers in gathered]
    return items, _next_boundary(gathered)


async def chosen_items(
    platform: Platform,
    caller: Caller,
    ids: Sequence[UUID],
    currency: str | None,
    written: WrittenOffers | None = None,
) -> tuple[list[CatalogItem], datetime | None]:
    """Price the items with these identifiers, in this order; what is not seen is left out."""
    if not ids:
        return [], None
    values: dict[str, object] = {"chosen": list(ids), "fetch": len(ids)}
    items, true_until = await items_of(
        platform, caller, CHOSEN, values, currency, whole=False, written=written
    )
    places = {item_id: place for place, item_id in enumerate(ids)}
    return sorted(items, key=lambda item: places[item.id]), true_until


async def costs_of(
    platform: Platform, caller: Caller, ids: Sequence[UUID], currency: str, mark: Mark
) -> Costs:
    """Give what items cost the caller, of those kept what is still true; the rest is priced now."""
    costs = platform.get(OwnCosts).of((caller.path, currency), mark)
    missing = [item_id for item_id in ids if item_id not in costs.of]
    for start in range(0, len(missing), CHUNK):
        some = missing[start : start + CHUNK]
        values: dict[str, object] = {"chosen": some, "fetch": len(some)}
        gathered, buyer = await _gather(platform, caller, CHOSEN, values)
        made: dict[UUID, Decimal | None] = dict.fromkeys(some)
        for row, offers in gathered:
            priced = (_priced(each, buyer, currency, explain=False) for each in offers)
            known = [one.cost()[2] for one in priced if isinstance(one.answer, Price)]
            made[row[ITEM_AT]] = min(known, default=None)
        costs.add(made, _next_boundary(gathered))
    return costs


async def _gather(
    platform: Platform, caller: Caller, statement: HotRead, values: dict[str, object]
) -> tuple[list[tuple[Any, list["_OfferPrices"]]], Buyer]:
    """Find items, their offers and all prices these might have for the caller."""
    values |= {"scopes": scopes_of(caller.path), "company_id": caller.organization_id}
    read = await hot_rows(platform, caller, statement, values)
    kept = platform.get(KeptPrices)
    heads = kept.read_heads(read, HEADS_AT)
    rows = sorted((row for row in read if row[HEADS_AT] is None), key=_place)
    if not rows:
        return [], heads.buyer(caller.path)
    offers = [read_offer(row[ITEM_END], row[ITEM_END + 1], row[OFFER_AT:OFFER_END]) for row in rows]
    found = kept.candidates_of(offers, heads, own_read=True)
    if found is None:
        seen = {
            "offer_ids": [offer.id for offer in offers],
            "supplier_ids": [offer.supplier_id for offer in offers],
            "skus": [offer.sku for offer in offers],
        }
        candidates = await hot_rows(platform, caller, CANDIDATES, values | seen)
        listed: Listed = {}
        found, _ = candidates_by_place(candidates, len(rows), listed)
        heads = kept.read_heads(candidates, 1, candidates=False)
        kept.learn(caller.path, offers, listed, heads, own=False)
    return _gathered(rows, offers, found, heads), heads.buyer(caller.path)


def _place(row: Any) -> int:
    place: int = row[0]
    return place


class _OfferPrices(msgspec.Struct, gc=False):
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
    rows: Sequence[Any],
    offers: Sequence[Offer],
    found: Sequence[list[Candidate]],
    heads: Heads,
) -> list[tuple[Any, list[_OfferPrices]]]:
    """Gather rows to items (each as its first row) and their offers, in the order of the page."""
    items: dict[UUID, tuple[Any, list[_OfferPrices]]] = {}
    for row, offer, own in zip(rows, offers, found, strict=True):
        gathered = items.get(row[ITEM_AT])
        if gathered is None:
            gathered = items[row[ITEM_AT]] = (row, [])
        policy = heads.policy_of(offer.supplier_id)
        gathered[1].append(_OfferPrices(offer, row[OFFER_END], row[OFFER_END + 1], own, policy))
    return sorted(items.values(), key=_by_name)


def _by_name(gathered: tuple[Any, list[_OfferPrices]]) -> tuple[str, UUID]:
    return gathered[0][NAME_AT], gathered[0][ITEM_AT]


class _Priced(msgspec.Struct, gc=False):
    found: _OfferPrices
    answer: Price | Unpriced

    def cost(self) -> Cost:
        """Give what offers are sorted by."""
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


def _cheapest(
    row: Any,
    offers: Sequence[_OfferPrices],
    buyer: Buyer,
    currency: str | None,
    written: WrittenOffers,
) -> CatalogItem:
    """Do as `_shown` does for a page, with what is written already."""
    found = [_written(each, buyer, currency, written) for each in offers]
    best = found[0] if len(found) == 1 else min(found, key=_cost)
    # msgspec writes raw JSON as it is: to who reads the answer it is the offer.
    view = best.text if isinstance(best, WrittenOffer) else _offer_view(best, explain=False)
    return _item(row, len(found), [cast("CatalogOffer", view)], whole=False)


def _written(
    found: _OfferPrices, buyer: Buyer, currency: str | None, written: WrittenOffers
) -> WrittenOffer | _Priced:
    def make() -> tuple[Cost, CatalogOffer]:
        priced = _priced(found, buyer, currency, explain=False)
        return priced.cost(), _offer_view(priced, explain=False)

    known = written.find(
        found.offer, found.supplier_name, found.candidates, found.policy, currency, make
    )
    return known or _priced(found, buyer, currency, explain=False)


def _cost(found: WrittenOffer | _Priced) -> Cost:
    return found.cost if isinstance(found, WrittenOffer) else found.cost()


def _item(row: Any, offer_count: int, offers: list[CatalogOffer], whole: bool) -> CatalogItem:
    item_id, product_id, _, name, description, maker, maker_number, gtin = row[ITEM_AT:ITEM_END]
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
