"""Prices that a process keeps read: ladders of published versions, and offers at a version.

A published version of a list never changes. So what it holds for an offer, be it nothing, is true
for as long as anybody is shown that version; the same holds of an offer at its version. Nothing
here is believed by itself, though: each request asks Postgres, under row security, which lists
count for this buyer, at which versions and with which validity, whether he sees the offers at the
versions that are known, and all that may change at any time: contracts, what is left of their
commitments, policies. Only what that answer names is taken from here.

What a list says of itself and the validity of it, as one text and two instants, is its *face*: the
key under which its ladders stand. A publication makes another face. Where a list has percentages
off others, the faces of the supplier's lists for everybody belong to the key.

Lists for everybody are asked for by all, so their ladders are nearly always here. Those of a
buyer's own lists often are not; then the statement looks these up and the others are taken.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from catalog.price_lists.candidates import (
    FACE,
    HAS_CONTRACTS,
    KNOWN,
    NAME,
    POLICY,
    SEES_MORE,
)
from catalog.price_lists.price_book import (
    Found,
    Listed,
    Offer,
    one_object,
    read_candidate,
    read_face,
)
from catalog.pricing.terms import Buyer, Candidate, Level, Policy
from catalog.recent import Recent
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import KEPT_OFFERS_MAX, KEPT_PRICES_MAX

_CANDIDATE_WEIGHT: Final = 10
"""A candidate takes so many times the memory of an entry that says there is none."""
_BEGINS, _DISCOUNTS, _UNIT, _OWN, _MARK, _SUPPLIER, _FACE_END = 1, 3, 3, 6, 6, 7, 8
"""Where the columns of a candidate have what rows of lists, names and numbers say."""
_READ_MAX: Final = 5_000
"""Faces of lists, and views, a process keeps read: what they say never changes; some 3 MB."""

_Ladders = dict[UUID, tuple[Candidate, ...]]
"""By offer: what a list has for it; an empty tuple says that it has nothing."""


class List(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A list by its face, of which there is one object for as long as it is remembered.

    It is a buyer's `own` if it is not for everybody, and has no percentages. `written` are its id,
    version and validity, as they stand in an array.
    """

    face: tuple[Any, ...]
    described: str
    written: tuple[str, ...]
    supplier_id: UUID
    discounts: bool
    own: bool
    public: bool
    segment: UUID | None


@lru_cache(_READ_MAX)
def _list_of(face: tuple[Any, ...]) -> List:
    described = face[0]
    read = read_face(described)
    return List(
        face,
        described,
        (str(read.source_id), str(read.version), *map(_literal, face[_BEGINS : _BEGINS + 2])),
        _supplier_id(face[_SUPPLIER]),
        discounts=face[_DISCOUNTS] is not None,
        own=face[_OWN] is not None,
        public=read.scope_id == PUBLIC,
        segment=read.scope_id if read.level is Level.SEGMENT else None,
    )


def _literal(at: datetime | None) -> str:
    return "null" if at is None else f'"{at.isoformat()}"'


_supplier_id: Final = lru_cache(_READ_MAX)(lambda text: one_object(pgproto.UUID(text)))


class View(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a buyer sees of a supplier, his own lists aside: one object for all who see the same.

    `keys` are of the lists whose ladders pages keep.
    """

    name: str | None
    policy: Policy
    keys: tuple[Hashable, ...]


@lru_cache(_READ_MAX)
def _view_of(name: str | None, policy: Policy, lists: tuple[List, ...]) -> View:
    return View(name, policy, tuple([_key_of(each, lists) for each in lists]))


def _key_of(one: List, lists: Iterable[List]) -> Hashable:
    """Give under what a list's ladders are kept: with the lists it may have percentages off."""
    if not one.discounts:
        return one.face
    return (one.face, *sorted((each.face for each in lists if each.public), key=str))


class Heads(msgspec.Struct):
    """What prices follow from, as it is now.

    `lists` and `names` are by supplier; `told` are the candidates that were found, by the place of
    their offer, and `listed` those of lists among them. `counted` is what the statement counts.
    `changes` is the catalog's mark where it is told beside that.
    `has_contracts` and `sees_more` are so unless a statement says that they are not.
    """

    lists: defaultdict[UUID, list[List]]
    names: dict[UUID, str]
    told: defaultdict[int, list[Candidate]]
    listed: Listed
    best_price: set[UUID]
    counted: int = 0
    changes: int | None = None
    clock: datetime | None = None
    has_contracts: bool = True
    sees_more: bool = True
    views: dict[UUID, View] = {}
    held: dict[UUID, list[_Ladders]] = {}

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
            defaultdict(list),
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


class KeptPrices:
    """What this process keeps of lists and offers; the longest unused lists go first."""

    def __init__(
        self, prices_max: int = KEPT_PRICES_MAX, offers_max: int = KEPT_OFFERS_MAX
    ) -> None:
        self._prices_max = prices_max
        self._prices = 0
        self._lists: OrderedDict[Hashable, _Ladders] = OrderedDict()
        self._offers = Recent[tuple[int, str], Offer](offers_max)
        self._seen = Recent[tuple[tuple[UUID, ...], int], tuple[tuple[Hashable, bool], ...]](
            offers_max
        )

    # What is expected

    def offers_of(self, keys: Iterable[tuple[UUID, str]]) -> list[Offer] | None:
        """Give the offers under these keys; None where one is not kept."""
        get = self._offers.get
        offers: list[Offer] = []
        for supplier_id, sku in keys:
            offer = get((supplier_id.int, sku))  # hashing a UUID takes longer than all else here
            if offer is None:
                return None
            offers.append(offer)
        return offers

    def expected(
        self, path: tuple[UUID, ...], keys: Iterable[tuple[UUID, str]]
    ) -> tuple[list[Offer], bool] | None:
        """Give the offers of these lines where what everybody has for them seems to be known.

        Beside them, whether the buyer's own ladders are known too. A guess, by what he had last: it
        decides what is asked, and never what is answered.
        """
        offers: list[Offer] = []
        own_known = True
        lists: dict[int, list[tuple[bool, _Ladders]]] = {}
        for supplier_id, sku in keys:
            number = supplier_id.int  # hashing a UUID takes longer than all else here
            offer = self._offers.get((number, sku))
            if offer is None:
                return None
            held = lists.get(number)
            if held is None:
                seen = self._seen.get((path, number))
                if seen is None:
                    # Who never asked has the lists for everybody, and perhaps his own.
                    seen, own_known = self._seen.get(((), number)), False
                    if seen is None:
                        return None
                held = lists[number] = [(own, self._lists.get(key, {})) for key, own in seen]
            for own, ladders in held:
                if offer.id not in ladders:
                    if not own:
                        return None
                    own_known = False
            offers.append(offer)
        return offers, own_known

    # What is so

    def read_heads(self, rows: Iterable[Any], at: int, *, candidates: bool = True) -> Heads:
        """Read what prices follow from; without `candidates` only what is of no offer.

        `at` is where the columns of candidates begin.
        """
        heads = Heads(defaultdict(list), {}, defaultdict(list), {}, set())
        for row in rows:
            place, described = row[0], row[at]
            if described is None:
                continue
            if place == FACE:
                one = _list_of(row[at : at + _FACE_END])
                heads.lists[one.supplier_id].append(one)
            elif place == NAME:
                heads.names[_supplier_id(row[at + _UNIT])] = described
            elif place == POLICY:
                heads.best_price.add(_supplier_id(described))
            elif place == KNOWN:
                heads.counted, heads.clock = int(described), row[at + _BEGINS]
                beside = row[at + _UNIT]
                if beside is not None:
                    heads.has_contracts = HAS_CONTRACTS in beside
                    heads.sees_more = SEES_MORE in beside
                mark = row[at + _MARK]
                heads.changes = None if mark is None else int(mark)
            elif candidates and (candidate := read_candidate(row[at:])) is not None:
                heads.told[place].append(candidate)
                if candidate.level is not Level.CONTRACT:
                    heads.listed.setdefault((described, place), []).append(candidate)
        return heads

    def read_own(self, rows: Iterable[Any], lists: Sequence[List], heads: Heads) -> Heads:
        """Read what was looked up where the rest of `heads` is known; see `own_of_known`.

        `lists` are those that ladders are of, by their number from 1.
        """
        now = heads.anew()
        for row in rows:
            place, number = row[0], row[1]
            if place == KNOWN:
                now.counted, now.clock = int(row[2]), row[2 + _BEGINS]
                continue
            described = row[2] if number is None else lists[number - 1].described
            candidate = read_candidate((described, *row[3:]))
            if candidate is not None:
                now.told[place].append(candidate)
        return now

    def read_listed(
        self, rows: Iterable[Any], at: int, lists: Sequence[List], heads: Heads
    ) -> Heads:
        """Read offers' prices in `lists` where the rest of `heads` is known; see `with_listed`."""
        now = heads.anew()
        for row in rows:
            place, said = row[0], row[at]
            if said is None:
                continue
            if place == KNOWN:
                now.counted, now.clock = int(said), row[at + _BEGINS]
                continue
            one = lists[int(said) - 1] if said.isdigit() else None
            described = said if one is None else one.described
            candidate = read_candidate((described, *row[at + 1 :]))
            if candidate is not None:
                now.told[place].append(candidate)
                if one is not None:
                    now.listed.setdefault((described, place), []).append(candidate)
        return now

    def candidates_of(
        self, offer: Offer, place: int, heads: Heads, *, own_read: bool
    ) -> list[Candidate] | None:
        """Give the candidates of the offer at a place; None where they are not all known.

        `own_read` says that ladders of the buyer's own lists were looked up.
        """
        found: list[Candidate] = []
        for ladders in self._held(offer.supplier_id, heads, own_read=own_read):
            known = ladders.get(offer.id)
            if known is None:
                return None
            found += known
        told = heads.told.get(place)
        if told is not None:
            found += told
        return found

    def found(self, offers: Sequence[Offer], heads: Heads, *, own_read: bool) -> list[Found] | None:
        """Put offers and what is kept of their prices together; see `candidates_of`.

        The first offer has place 1.
        """
        found: list[Found] = []
        told, none = heads.told, list[Candidate]()
        for place, offer in enumerate(offers, 1):
            offer_id, supplier_id = offer.id, offer.supplier_id
            parts: list[tuple[Candidate, ...]] = []
            for ladders in self._held(supplier_id, heads, own_read=own_read):
                known = ladders.get(offer_id)
                if known is None:
                    return None
                if known:
                    parts.append(known)
            beside = told.get(place, none)
            found.append(Found(offer, beside, "", heads.policy_of(supplier_id), tuple(parts)))
        return found

    def _held(self, supplier_id: UUID, heads: Heads, *, own_read: bool) -> Sequence[_Ladders]:
        """Give the ladders of the buyer's lists that are kept; those used last stay longest."""
        held = heads.held.get(supplier_id)
        if held is None:
            keys = list(heads.view_of(supplier_id).keys)
            if not own_read:
                keys += [each.face for each in heads.lists[supplier_id] if each.own]
            for key in keys:
                if key in self._lists:
                    self._lists.move_to_end(key)
            held = heads.held[supplier_id] = [self._lists.get(key, {}) for key in keys]
        return held

    # What was learned

    def learn(
        self,
        path: tuple[UUID, ...],
        offers: Sequence[Offer | None],
        heads: Heads,
        *,
        own: bool,
    ) -> None:
        """Keep offers, and what each of the buyer's lists has for them.

        All was read by one statement; the first offer has place 1. What `own` lists have is kept
        only if that is said.
        """
        for place, offer in enumerate(offers, 1):
            if offer is not None:
                self._offers.put((offer.supplier_id.int, offer.sku), offer)
                lists = heads.lists[offer.supplier_id]
                self._keep(lists if own else [e for e in lists if not e.own], offer, place, heads)
        self._note_seen(path, offers, heads)
        self._forget()

    def _note_seen(
        self, path: tuple[UUID, ...], offers: Iterable[Offer | None], heads: Heads
    ) -> None:
        """Remember which lists of these suppliers the buyer has, and which everybody has."""
        for supplier_id in {offer.supplier_id for offer in offers if offer is not None}:
            lists, number = heads.lists[supplier_id], supplier_id.int
            his = tuple([(_key_of(each, lists), each.own) for each in lists])
            self._seen.put((path, number), his)
            self._seen.put(((), number), tuple([(e.face, False) for e in lists if e.public]))

    def learn_own(self, path: tuple[UUID, ...], offers: Sequence[Offer], heads: Heads) -> None:
        """Keep what the buyer's own lists have for offers, as they were looked up."""
        for place, offer in enumerate(offers, 1):
            lists = [each for each in heads.lists[offer.supplier_id] if each.own]
            self._keep(lists, offer, place, heads)
        self._note_seen(path, offers, heads)
        self._forget()

    def _keep(self, lists: Iterable[List], offer: Offer, place: int, heads: Heads) -> None:
        for each in lists:
            key = _key_of(each, heads.lists[offer.supplier_id])
            ladders = self._lists.setdefault(key, {})
            if offer.id not in ladders:
                candidates = tuple(heads.listed.get((each.described, place), ()))
                ladders[offer.id] = candidates
                self._prices += _weight(candidates)

    def _forget(self) -> None:
        while self._prices > self._prices_max:
            _, ladders = self._lists.popitem(last=False)
            self._prices -= sum(map(_weight, ladders.values()))


def _weight(candidates: tuple[Candidate, ...]) -> int:
    return 1 + _CANDIDATE_WEIGHT * len(candidates)
