"""Offers as a page writes them, for all who have nothing of their own for them.

Most items of a page are priced for their reader by lists for everybody, with no end in sight. Which
of an item's offers is the cheapest, and what `resolve` says of it, is then the same for every such
reader and at every instant, so it is decided and written once. Who sees the same of a supplier has
the same `View` of him: a publication makes another.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec

from catalog.price_lists.kept import View
from catalog.price_lists.price_book import UNBOUNDED
from catalog.pricing.terms import Candidate
from catalog.recent import Recent
from catalog.search.known_items import Item
from marketplace.kernel.limits import WRITTEN_OFFERS_MAX


class WrittenItem(msgspec.Struct, frozen=True, gc=False):
    """An item's cheapest offer with its price as JSON; what it follows from is kept alive."""

    text: msgspec.Raw
    item: Item
    views: Sequence[View]


class WrittenItems:
    """Items of this process that have been written before; what was used last is remembered."""

    def __init__(self, items_max: int = WRITTEN_OFFERS_MAX) -> None:
        self._known = Recent[Hashable, WrittenItem](items_max)

    def find(self, item: Item, views: Sequence[View], currency: str | None) -> msgspec.Raw | None:
        """Give an item's cheapest offer for who has no other prices; None if it is not written."""
        known = self._known.get(_key(item, views, currency))
        return None if known is None else known.text

    def keep(
        self, item: Item, views: Sequence[View], currency: str | None, offer: Any
    ) -> msgspec.Raw:
        """Write an item's cheapest offer, as it is for everybody with these views."""
        text = msgspec.Raw(msgspec.json.encode(offer))
        self._known.put(_key(item, views, currency), WrittenItem(text, item, views))
        return text


def _key(item: Item, views: Sequence[View], currency: str | None) -> Hashable:
    # What is remembered holds these objects, so nothing else has their numbers.
    return (id(item), currency, *map(id, views))


def for_everybody(candidates: Iterable[Candidate]) -> bool:
    """Tell whether these prices are the same for all and at every instant."""
    return all(
        not each.assigned_to and each.commitment is None and each.validity is UNBOUNDED
        for each in candidates
    )
