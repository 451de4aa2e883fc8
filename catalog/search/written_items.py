"""Offers as a page writes them, for all who have nothing of their own for them.

Most items of a page are priced for their reader by lists for everybody, with no end in sight. Which
of an item's offers is the cheapest, and what `resolve` says of it, is then the same for every such
reader and at every instant, so it is decided and written once. Who sees the same of a supplier has
the same `View` of him: a publication makes another.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

import msgspec

from catalog.price_lists.price_book import UNBOUNDED
from catalog.pricing.terms import Candidate
from marketplace.kernel.limits import WRITTEN_OFFERS_MAX


class WrittenItems:
    """Items of this process that have been written before; what was used last is remembered.

    A key is made of the item and the views themselves, which are equal to nothing but themselves.
    """

    def __init__(self, items_max: int = WRITTEN_OFFERS_MAX) -> None:
        self._items_max = items_max
        self._known: OrderedDict[Hashable, msgspec.Raw] = OrderedDict()

    def find(self, key: Hashable) -> msgspec.Raw | None:
        """Give an item's cheapest offer for who has no other prices; None if it is not written."""
        text = self._known.get(key)
        if text is not None:
            self._known.move_to_end(key)
        return text

    def keep(self, key: Hashable, offer: Any) -> msgspec.Raw:
        """Write an item's cheapest offer, as it is for everybody who has this key for it."""
        text = msgspec.Raw(msgspec.json.encode(offer))
        self._known[key] = text
        if len(self._known) > self._items_max:
            self._known.popitem(last=False)
        return text


def for_everybody(candidates: Iterable[Candidate]) -> bool:
    """Tell whether these prices are the same for all and at every instant."""
    return all(
        not each.assigned_to and each.commitment is None and each.validity is UNBOUNDED
        for each in candidates
    )
