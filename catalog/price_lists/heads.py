"""What prices follow from, as a statement told it: lists, what a buyer sees, and candidates.

What a list says of itself and the validity of it, as one text and two instants, is its *face*. A
publication makes another one, and so does a change of what the list says of itself.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from catalog.price_lists.forms import written_source
from catalog.price_lists.price_book import (
    Listed,
    one_object,
    read_candidate,
    read_face,
    read_tiers,
)
from catalog.pricing.terms import ONE, Buyer, Candidate, Level, Policy, Tier
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import FACES_KEPT_MAX

_BEGINS, _DISCOUNTS, _OWN, _SUPPLIER = 1, 3, 6, 7
"""Where the columns of a candidate have what rows of lists say."""
Ladders = dict[UUID, tuple[Candidate, ...]]
"""By offer: what a list has for it; an empty tuple says that it has nothing."""


class List(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A list by its face, of which there is one object for as long as it is remembered.

    It is a buyer's `own` if it is not for everybody, and has no percentages. `written` are its id,
    version and validity, as they stand in an array; `source` is how a price names it. `rank` is
    what it says of itself that decides between prices: level, priority, mode, and currency.
    """

    face: tuple[Any, ...]
    described: str
    written: tuple[str, ...]
    source: str
    rank: tuple[Hashable, ...]
    supplier_id: UUID
    discounts: bool
    own: bool
    public: bool
    segment: UUID | None


@lru_cache(FACES_KEPT_MAX)
def list_of(face: tuple[Any, ...]) -> List:
    """Read the columns of a candidate that say what a list is."""
    described = face[0]
    read = read_face(described)
    return List(
        face,
        described,
        (str(read.source_id), str(read.version), *map(_literal, face[_BEGINS : _BEGINS + 2])),
        written_source(read.source),
        (read.level, read.priority, read.mode, read.currency),
        supplier_id_of(face[_SUPPLIER]),
        discounts=face[_DISCOUNTS] is not None,
        own=face[_OWN] is not None,
        public=read.scope_id == PUBLIC,
        segment=read.scope_id if read.level is Level.SEGMENT else None,
    )


def _literal(at: datetime | None) -> str:
    return "null" if at is None else f'"{at.isoformat()}"'


supplier_id_of: Final = lru_cache(FACES_KEPT_MAX)(lambda text: one_object(pgproto.UUID(text)))
"""Reads who a supplier is; there is one object for each."""


class View(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a buyer sees of a supplier, his own lists aside: one object for all who see the same.

    `keys` are of the lists whose ladders pages keep.
    """

    name: str | None
    policy: Policy
    keys: tuple[Hashable, ...]


@lru_cache(FACES_KEPT_MAX)
def _view_of(name: str | None, policy: Policy, lists: tuple[List, ...]) -> View:
    return View(name, policy, tuple([key_of(each, lists) for each in lists]))


def key_of(one: List, lists: Iterable[List]) -> Hashable:
    """Give under what a list's ladders are kept: with the lists it may have percentages off."""
    if not one.discounts:
        return one.face
    return (one.face, *sorted((each.face for each in lists if each.public), key=str))


class OwnLadder(msgspec.Struct, frozen=True, gc=False):
    """A ladder that one of a buyer's lists has for an offer, without an end."""

    list: List
    unit: str
    basis: Decimal
    volume_mode: str | None
    tiers: tuple[Tier, ...]


class Told:
    """Candidates that were found, by the place of their offer.

    A row of a list's ladder is not read before it is asked for.
    """

    def __init__(self) -> None:
        self._candidates: dict[int, list[Candidate]] = {}
        self._rows: dict[int, list[tuple[List, Sequence[Any]]]] = {}

    def add(self, place: int, candidate: Candidate) -> None:
        """Take in a candidate."""
        self._candidates.setdefault(place, []).append(candidate)

    def add_row(self, place: int, of_list: List, columns: Sequence[Any]) -> None:
        """Take in a candidate of a list by its columns, but for the first, which the list has."""
        self._rows.setdefault(place, []).append((of_list, columns))

    def places(self) -> set[int]:
        """Give the places for which anything was found."""
        return {*self._candidates, *self._rows}

    def __contains__(self, place: int) -> bool:
        """Tell whether anything was found for the offer at a place."""
        return place in self._rows or place in self._candidates

    def of(self, place: int) -> list[Candidate]:
        """Give the candidates of the offer at a place."""
        if place in self._rows:
            for of_list, columns in self._rows.pop(place):
                candidate = read_candidate((of_list.described, *columns))
                if candidate is not None:
                    self.add(place, candidate)
        return self._candidates.get(place) or []

    def alone(self, place: int) -> OwnLadder | None:
        """Give the one ladder found for an offer; None where it is not that simple."""
        rows = self._rows.get(place)
        if rows is None or len(rows) > 1 or place in self._candidates:
            return None
        of_list, (begins, ends, unit, basis, volume_mode, tiers, more, _) = rows[0]
        if begins is not None or ends is not None or more:
            return None
        return OwnLadder(of_list, unit, basis or ONE, volume_mode, read_tiers(tiers))


class Heads(msgspec.Struct):
    """What prices follow from, as it is now.

    `lists` and `names` are by supplier; `told` are the candidates that were found, and `listed`
    those of lists among them. `counted` is what the statement counts.
    `changes` is the catalog's mark where it is told beside that.
    `has_contracts` and `sees_more` are so unless a statement says that they are not.
    """

    lists: defaultdict[UUID, list[List]]
    names: dict[UUID, str]
    told: Told
    listed: Listed
    best_price: set[UUID]
    counted: int = 0
    changes: int | None = None
    clock: datetime | None = None
    has_contracts: bool = True
    sees_more: bool = True
    views: dict[UUID, View] = {}
    held: dict[UUID, list[Ladders]] = {}

    def policy_of(self, supplier_id: UUID) -> Policy:
        """Give how the supplier's prices are weighed for the buyer."""
        if not self.best_price:
            return Policy.PRIORITY
        return Policy.BEST_PRICE if supplier_id in self.best_price else Policy.PRIORITY

    def buyer(self, path: tuple[UUID, ...]) -> Buyer:
        """Give the buyer of a path, in the segments whose lists he was told."""
        segments = (each.segment for lists in self.lists.values() for each in lists)
        return Buyer(path, frozenset(segment for segment in segments if segment is not None))

    def anew(self) -> "Heads":
        """Give the same without what is of single offers, to be told of others."""
        return Heads(
            self.lists,
            self.names,
            Told(),
            {},
            self.best_price,
            has_contracts=self.has_contracts,
            sees_more=self.sees_more,
            views=self.views,
        )

    def take(self, supplier_id: UUID, other: "Heads") -> None:
        """Take over what another answer under the same mark says of a supplier."""
        self.lists[supplier_id] = other.lists.get(supplier_id, [])
        if supplier_id in other.names:
            self.names[supplier_id] = other.names[supplier_id]
        if supplier_id in other.best_price:
            self.best_price.add(supplier_id)

    def view_of(self, supplier_id: UUID) -> View:
        """Give what the buyer sees of a supplier."""
        view = self.views.get(supplier_id)
        if view is None:
            lists = tuple([each for each in self.lists[supplier_id] if not each.own])
            name, policy = self.names.get(supplier_id), self.policy_of(supplier_id)
            view = self.views[supplier_id] = _view_of(name, policy, lists)
        return view
