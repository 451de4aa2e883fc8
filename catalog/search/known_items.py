"""What a page shows of items beside their prices, kept read by a process.

A product at its version and an offer at its version always say the same. So a page asks for
versions, and what is known under these is shown; nothing here is believed without that answer,
which is given under row security for each request.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from catalog.price_lists.price_book import Offer, read_offer
from catalog.recent import Recent
from catalog.search.page_statements import ITEM_AT, OFFER_AT, OFFER_END
from marketplace.kernel.limits import KEPT_OFFERS_MAX

_KEY_AT, _OFFER_KEY_AT = 1, 2
_IDENTITY_BYTES = 16


class Item(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A product with the offers a buyer sees of it, or an offer made for him alone."""

    id: UUID
    private: bool
    name: str
    description: str | None
    maker: str | None
    maker_number: str | None
    gtin: str | None
    offers: tuple[Offer, ...]


class Placed(NamedTuple):
    """An item of a page, and the places of its offers in what the statement found."""

    item: Item
    places: Sequence[int]


class KnownItems:
    """Items this process has read, by the versions of product and offers."""

    def __init__(self, items_max: int = KEPT_OFFERS_MAX) -> None:
        self._known = Recent[tuple[bytes, ...], Item](items_max)
        self._seen = Recent[UUID, Item](items_max)

    def expected(self, ids: Sequence[UUID]) -> bool:
        """Guess whether these items are known: it decides what is asked, never what is answered."""
        return all(self._seen.get(item_id) is not None for item_id in ids)

    def find(self, rows: Sequence[Any]) -> tuple[list[Placed], list[UUID]]:
        """Give the items of rows that tell versions, and the identifiers of those not known."""
        found: list[Placed] = []
        missing: list[UUID] = []
        for key, theirs in _grouped(rows).items():
            item = self._known.get((key, *[row[_OFFER_KEY_AT] for row in theirs]))
            if item is None:
                missing.append(UUID(bytes=key[:_IDENTITY_BYTES]))
            else:
                found.append(Placed(item, [row[0] for row in theirs]))
        return found, missing

    def learn(self, rows: Sequence[Any], *, keep: bool = True) -> list[Placed]:
        """Give the items of rows that tell all that is shown, and keep them."""
        found: list[Placed] = []
        for key, theirs in _grouped(rows).items():
            item = _read(theirs)
            if keep:
                self._known.put((key, *[row[_OFFER_KEY_AT] for row in theirs]), item)
                self._seen.put(item.id, item)
            found.append(Placed(item, [row[0] for row in theirs]))
        return found


def _grouped(rows: Sequence[Any]) -> dict[bytes, list[Any]]:
    """Gather the rows of each product; an offer of none stands by itself."""
    items: dict[bytes, list[Any]] = {}
    for row in rows:
        key = row[_KEY_AT] or row[_OFFER_KEY_AT]
        theirs = items.get(key)
        if theirs is None:
            items[key] = [row]
        else:
            theirs.append(row)
    return items


def _read(rows: Sequence[Any]) -> Item:
    item_id, name, description, maker, maker_number, gtin = rows[0][ITEM_AT:OFFER_AT]
    return Item(
        id=item_id,
        private=rows[0][_KEY_AT] is None,
        name=name,
        description=description,
        maker=maker,
        maker_number=maker_number,
        gtin=gtin,
        offers=tuple([_read_offer(row) for row in rows]),
    )


def _read_offer(row: Any) -> Offer:
    return read_offer(row[OFFER_AT], row[OFFER_AT + 1], row[OFFER_AT + 2 : OFFER_END])
