"""Products in the order of their buyer's own prices.

What a product costs its buyer is the cheapest of its offers at his price, for one content unit. The
resolver makes these costs, for so many products at most, and they are kept for the buyer's path and
currency as whole answers are: by the mark of the catalog and until one of the prices ends. They
decide the order and what lies in a range. The prices a page shows are resolved again.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

import msgspec

from catalog.price_lists.mark import Mark
from catalog.search.finding import Found, Hit, Query
from catalog.search.matching import Rank, Stage
from catalog.search.rules import price_steps
from catalog.search.schemas import PriceRange
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import PRICE_RANGES_SHOWN, PRICES_SORTED_KEPT_MAX

CHUNK: Final = 200
"""Products priced at once; between two chunks other requests have their turn."""


class CostPlace(msgspec.Struct, array_like=True, frozen=True):
    """Where a page in the order of costs begins: after this hit; no cost comes last."""

    unpriced: bool
    cost: Annotated[
        str, msgspec.Meta(pattern=r"^[0-9]{1,40}(\.[0-9]{1,60})?(E[-+]?[0-9]{1,3})?(?!\n)$")
    ]
    rank: Rank
    name: str
    id: UUID
    stage: Stage = 0

    def order(self, *, falling: bool) -> tuple[bool, Decimal, int, str, UUID]:
        """Give what hits are sorted by."""
        cost = Decimal(self.cost)
        return self.unpriced, -cost if falling else cost, self.rank, self.name, self.id


class Costs(msgspec.Struct):
    """What products cost one buyer, None where they have no price for him."""

    mark: Mark
    of: dict[UUID, Decimal | None]
    true_until: datetime | None = None

    def add(self, costs: dict[UUID, Decimal | None], true_until: datetime | None) -> None:
        """Take more costs in."""
        self.of |= costs
        ends = [at for at in (self.true_until, true_until) if at is not None]
        self.true_until = min(ends, default=None)


class OwnCosts:
    """The costs this process knows, by who asked; the longest unused go first."""

    def __init__(self, costs_max: int = PRICES_SORTED_KEPT_MAX) -> None:
        self._costs_max = costs_max
        self._kept: OrderedDict[Hashable, Costs] = OrderedDict()

    def of(self, key: Hashable, now: Mark) -> Costs:
        """Give what is known and still true; at first that is nothing."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            over = kept.true_until is not None and now.at >= kept.true_until
            if kept.mark.changes != now.changes or now.at < kept.mark.at or over:
                kept = None
        costs = self._kept[key] = kept or Costs(now, {})
        while len(self._kept) > 1 and sum(len(each.of) for each in self._kept.values()) > (
            self._costs_max
        ):
            self._kept.popitem(last=False)
        return costs


def ordered(hits: Iterable[Hit], costs: Costs, query: Query, *, limited: bool) -> list[CostPlace]:
    """Put hits into the order of their costs, those out of the range asked for left out."""
    low = None if query.price_from is None else Decimal(query.price_from)
    high = None if query.price_to is None else Decimal(query.price_to)
    falling = query.sort == "-price"
    places = []
    for hit in hits:
        cost = costs.of[hit.id]
        if limited and (
            cost is None or (low is not None and cost < low) or (high is not None and cost > high)
        ):
            continue
        written = "0" if cost is None else str(cost)
        where = hit.place
        places.append(CostPlace(cost is None, written, where.rank, where.name, hit.id, where.stage))
    if query.sort in {"price", "-price"}:
        places.sort(key=lambda place: place.order(falling=falling))
    return places


def following(places: Sequence[CostPlace], after: CostPlace, query: Query) -> list[CostPlace]:
    """Give what comes after a place, be it still there or not."""
    if query.sort in {"price", "-price"}:
        falling = query.sort == "-price"
        at = bisect_right(
            places, after.order(falling=falling), key=lambda place: place.order(falling=falling)
        )
    else:
        key = after.rank, after.name, after.id
        at = bisect_right(places, key, key=lambda place: (place.rank, place.name, place.id))
    return list(places[at:])


def ranges_of(found: Found, costs: Costs) -> list[PriceRange]:
    """Part the costs of all hits into a few ranges that hold about as many each."""
    known = sorted(cost for hit in found.hits if (cost := costs.of[hit.id]) is not None)
    return [
        PriceRange(
            low=plain_decimal(known[first]), high=plain_decimal(known[last - 1]), count=last - first
        )
        for first, last in price_steps(len(known), PRICE_RANGES_SHOWN)
    ]
