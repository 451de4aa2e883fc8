"""Items as a page writes them, for all who have nothing of their own for them.

Most items of a page are priced for their reader by lists for everybody, with no end in sight. Which
of an item's offers is the cheapest, and what `resolve` says of it, is then the same for every such
reader and at every instant, so it is decided and written once. Who sees the same of a supplier has
the same `View` of him: a publication makes another.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, NamedTuple, cast
from uuid import UUID

import msgspec

from catalog.price_lists.forms import PriceForms, cut, encode, raw_slot
from catalog.price_lists.price_book import UNBOUNDED
from catalog.price_lists.schemas import PriceView
from catalog.pricing.terms import Candidate
from catalog.recent import Recent
from catalog.search.found import Cost, Priced
from catalog.search.own_forms import Kind, OwnForms
from catalog.search.schemas import CatalogItem
from marketplace.kernel.limits import WRITTEN_OFFERS_MAX, WRITTEN_SHEETS_MAX

_NAME: Final = b'"name":'


class WrittenItem(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An item as JSON."""

    id: UUID
    name: str
    text: bytes

    def named(self, name: str, language: str) -> "WrittenItem":
        """Give the item as it is called in a language, '' where it is in none."""
        if name == self.name and not language:
            return self
        begin = self.text.index(_NAME) + len(_NAME)
        after = self.text[begin + len(encode(self.name)) : -1]
        told = b"," + encode({"language": language})[1:] if language else b"}"
        text = self.text[:begin] + encode(name) + after + told
        return WrittenItem(self.id, name, text)


class Slot(NamedTuple):
    """An item as JSON, and where in it the price stands."""

    text: bytes
    begin: int
    end: int

    def at_price(self, price: bytes) -> bytes:
        """Write the item at another price."""
        return b"%b%b%b" % (self.text[: self.begin], price, self.text[self.end :])


class Everybodys(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An item as it is for all who have nothing of their own for it.

    `priced` are all its offers, `kinds` and `costs` theirs, and the `shown` one is the cheapest of
    them. There are `slots` for offers that were shown at some price.
    """

    item: WrittenItem
    priced: tuple[Priced, ...]
    shown: int
    kinds: tuple[Kind | None, ...]
    costs: tuple[Cost, ...]
    slots: dict[int, Slot] = {}

    def at_price(self, shown: int, price: bytes) -> WrittenItem | None:
        """Give the item with an offer at a price; None where it was never shown with that."""
        slot = self.slots.get(shown)
        if slot is None:
            return None
        return WrittenItem(self.item.id, self.item.name, slot.at_price(price))

    def keep_slot(self, shown: int, item: CatalogItem) -> WrittenItem:
        """Write the item as it is shown with an offer, and remember where the price stands."""
        made = written(item)
        slot = _slot(item, made.text)
        if slot is not None:
            self.slots[shown] = slot
        return made


def written(item: CatalogItem) -> WrittenItem:
    """Write an item of a page."""
    return WrittenItem(item.id, item.name, encode(item))


def _slot(item: CatalogItem, text: bytes) -> Slot | None:
    """Find where in an item as it is written the price of its offer stands."""
    (offer,) = item.offers
    if not isinstance(offer.price, PriceView):
        return None
    slotted = msgspec.structs.replace(offer, price=cast("PriceView", raw_slot("price")))
    pieces = cut(msgspec.structs.replace(item, offers=[slotted]), ("price",))
    if pieces is None:
        return None
    return Slot(text, len(pieces[0].encode()), len(text) - len(pieces[1].encode()))


class Sheet:
    """A page, with what is written of it for all who see the same of its suppliers."""

    def __init__(self, count: int) -> None:
        self.items: list[WrittenItem | None] = [None] * count
        self.missing = set(range(count))

    def put(self, at: int, item: WrittenItem) -> None:
        """Keep what is written of an item for everybody."""
        self.items[at] = item
        self.missing.discard(at)


class WrittenItems:
    """Items and pages of this process that have been written before; what was used last stays.

    A key is made of the item or page and the views themselves, which are equal to nothing but
    themselves.
    """

    def __init__(
        self, items_max: int = WRITTEN_OFFERS_MAX, sheets_max: int = WRITTEN_SHEETS_MAX
    ) -> None:
        self.prices = PriceForms()
        self.own = OwnForms(self.prices)
        self._items_max = items_max
        self._known: OrderedDict[Hashable, Everybodys] = OrderedDict()
        self._sheets = Recent[Hashable, Sheet](sheets_max)

    def find(self, key: Hashable) -> Everybodys | None:
        """Give an item as it is for who has no other prices; None if it is not written."""
        item = self._known.get(key)
        if item is not None:
            self._known.move_to_end(key)
        return item

    def keep(
        self, key: Hashable, item: CatalogItem, priced: Sequence[Priced], shown: int
    ) -> WrittenItem:
        """Write an item as it is for everybody who has this key for it; see `Everybodys`."""
        made = written(item)
        slot = _slot(item, made.text)
        self._known[key] = Everybodys(
            made,
            tuple(priced),
            shown,
            tuple([self.own.kind_of(each.found) for each in priced]),
            tuple([each.cost() for each in priced]),
            {} if slot is None else {shown: slot},
        )
        if len(self._known) > self._items_max:
            self._known.popitem(last=False)
        return made

    def sheet(self, key: Hashable, count: int) -> Sheet:
        """Give what is written of a page of so many items."""
        sheet = self._sheets.get(key)
        if sheet is None:
            sheet = Sheet(count)
            self._sheets.put(key, sheet)
        return sheet


def for_everybody(candidates: Iterable[Candidate]) -> bool:
    """Tell whether these prices are the same for all and at every instant."""
    for each in candidates:
        if each.assigned_to or each.commitment is not None or each.validity is not UNBOUNDED:
            return False
    return True
