"""Offers as a page writes them, for all who have nothing of their own for them.

Most offers on a page are priced for their reader by lists for everybody, with no end in sight. What
`resolve` says of the same candidates is then the same for every such reader and at every instant,
so it is decided and written once. The candidates are objects that `catalog.price_lists.kept` holds:
a publication makes others.
"""

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from catalog.price_lists.price_book import UNBOUNDED, Offer
from catalog.pricing.terms import Candidate, Policy
from catalog.recent import Recent
from marketplace.kernel.limits import WRITTEN_OFFERS_MAX

Cost = tuple[bool, str, Decimal]
"""What offers are sorted by: unpriced or not, currency, cost of one content unit."""


class WrittenOffer(msgspec.Struct, frozen=True, gc=False):
    """An offer with its price as JSON, and what it costs."""

    cost: Cost
    text: msgspec.Raw
    candidates: tuple[Candidate, ...]


class WrittenOffers:
    """Offers of this process that have been written before; what was used last is remembered."""

    def __init__(self, offers_max: int = WRITTEN_OFFERS_MAX) -> None:
        self._known = Recent[Hashable, WrittenOffer](offers_max)

    def find(
        self,
        offer: Offer,
        supplier_name: str,
        candidates: Sequence[Candidate],
        policy: Policy,
        currency: str | None,
        make: Callable[[], tuple[Cost, Any]],
    ) -> WrittenOffer | None:
        """Give an offer as it is written, made if it has not been; None where that is one's own."""
        for each in candidates:
            if each.assigned_to or each.commitment is not None or each.validity is not UNBOUNDED:
                return None
        # What is remembered holds its candidates, so nothing else has their numbers.
        key = (offer.id, offer.version, supplier_name, policy, currency, *map(id, candidates))
        known = self._known.get(key)
        if known is None:
            cost, view = make()
            text = msgspec.Raw(msgspec.json.encode(view))
            known = WrittenOffer(cost, text, tuple(candidates))
            self._known.put(key, known)
        return known
