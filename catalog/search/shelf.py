"""What everybody sees, and what is known of a buyer, under one mark of the catalog.

While the mark stands, nothing that decides what is on a page has changed: not products and offers,
not who sees them, not which lists count for whom. So a page that any buyer was shown who sees only
what is open holds the same items for every other such buyer. Of each it asks for what is his alone,
and for the mark: if that has moved, the page is asked for as if nothing were known.

What is known here is what statements under row security told, of buyers of whom the same statements
said that they see no more than everybody.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast
from uuid import UUID

import msgspec

from catalog.price_lists.arrays import array
from catalog.price_lists.heads import Heads
from catalog.price_lists.standings import Path, Standing, Standings
from catalog.recent import Recent
from catalog.search.known_items import Item, Placed
from marketplace.kernel.limits import SHELF_ITEMS_MAX, SHELF_PAGES_MAX


class ShownItems(msgspec.Struct, frozen=True, eq=False):
    """Items in their order, with the places of their offers, and what is asked for these.

    Each offer is of one of the `suppliers`; `offer_ids` and `sellers` are arrays as Postgres reads
    them, of its id and of the number of its supplier. `item_of` gives, by the place of an offer,
    which of the items it is of.
    """

    placed: list[Placed]
    suppliers: tuple[UUID, ...]
    offer_ids: str
    sellers: str
    item_of: list[int]


class Held(NamedTuple):
    """The items of a page as they are known, what is known of their buyer, and the mark of it."""

    items: ShownItems
    standing: Standing
    changes: int


class Shelf:
    """What this process has read under the newest mark it has seen; what was used last stays."""

    def __init__(self, items_max: int = SHELF_ITEMS_MAX, pages_max: int = SHELF_PAGES_MAX) -> None:
        self._sizes = items_max, pages_max
        self._standings = Standings()
        self._begin()

    def _begin(self) -> None:
        items_max, pages_max = self._sizes
        self._changes = self._standings.changes
        self._items = Recent[UUID, Item](items_max)
        self._pages = Recent[Hashable, ShownItems](pages_max)

    def held(self, path: Path, asked: Mapping[str, object]) -> Held | None:
        """Give what is known of a page for a buyer who sees what is open; None where not all is."""
        page = self._page(asked)
        standing = None if page is None else self._standings.of(path, page.suppliers)
        if page is None or standing is None:
            return None
        return Held(page, standing, self._changes)

    def standing(self, path: Path) -> tuple[Standing, int] | None:
        """Give what is known of a buyer who sees what is open, and under which mark."""
        standing = self._standings.of(path, ())
        return None if standing is None else (standing, self._standings.changes)

    def sees_what_is_open(self, path: Path, changes: int) -> bool:
        """Tell whether under this mark a buyer is known to see no more than everybody."""
        return self._standings.changes == changes and path in self._standings

    def _page(self, asked: Mapping[str, object]) -> ShownItems | None:
        chosen = asked.get("chosen")
        if chosen is None:
            return self._pages.get(_place(asked))
        items = [self._items.get(item_id) for item_id in cast("Sequence[UUID]", chosen)]
        if None in items:
            return None
        return _shown(cast("list[Item]", items))

    def learn(
        self, path: Path, asked: Mapping[str, object], items: Sequence[Item], heads: Heads
    ) -> None:
        """Take in what a statement told of a page, its mark among it."""
        offers = [offer for item in items for offer in item.offers]
        everybodys = self._standings.note(path, heads.counted, offers, heads)
        if self._standings.changes != self._changes:
            self._begin()
        if not everybodys:
            return
        if "chosen" not in asked:
            self._pages.put(_place(asked), _shown(items))
        for item in items:
            self._items.put(item.id, item)


def _place(asked: Mapping[str, object]) -> Hashable:
    return asked["after_name"], asked["after_id"], asked["fetch"]


def _shown(items: Iterable[Item]) -> ShownItems:
    placed: list[Placed] = []
    numbers: dict[UUID, int] = {}
    offer_ids: list[str] = []
    sellers: list[str] = []
    item_of = [-1]  # places begin with 1
    for number, item in enumerate(items):
        first = len(offer_ids) + 1
        for offer in item.offers:
            offer_ids.append(str(offer.id))
            sellers.append(str(numbers.setdefault(offer.supplier_id, len(numbers))))
        placed.append(Placed(item, range(first, len(offer_ids) + 1)))
        item_of += [number] * len(item.offers)
    return ShownItems(placed, tuple(numbers), array(offer_ids), array(sellers), item_of)
