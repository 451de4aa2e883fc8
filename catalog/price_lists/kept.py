"""Prices that a process keeps read: ladders of published versions, and offers at a version.

A published version of a list never changes. So what it holds for an offer, be it nothing, is true
for as long as anybody is shown that version; the same holds of an offer at its version. Nothing
here is believed by itself, though: each request asks Postgres, under row security, which lists
count for this buyer, at which versions and with which validity, whether he sees the offers at the
versions that are known, and all that may change at any time: contracts, what is left of their
commitments, policies. Only what that answer names is taken from here.

A list's ladders stand under its face (`catalog.price_lists.heads`). Where it has percentages off
others, the faces of the supplier's lists for everybody belong to the key.

Lists for everybody are asked for by all, so their ladders are nearly always here. Those of a
buyer's own lists often are not; then the statement looks these up and the others are taken.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from catalog.price_lists.candidates import (
    FACE,
    HAS_CONTRACTS,
    KNOWN,
    NAME,
    POLICY,
    SEES_MORE,
)
from catalog.price_lists.heads import (
    Heads,
    Ladders,
    List,
    Told,
    key_of,
    list_of,
    supplier_id_of,
)
from catalog.price_lists.price_book import Found, Offer, read_candidate
from catalog.pricing.terms import Candidate, Level
from catalog.recent import Recent
from marketplace.kernel.limits import KEPT_OFFERS_MAX, KEPT_PRICES_MAX

_CANDIDATE_WEIGHT: Final = 10
"""A candidate takes so many times the memory of an entry that says there is none."""
_BEGINS, _UNIT, _MARK, _FACE_END = 1, 3, 6, 8
"""Where the columns of a candidate have what rows of lists, names and numbers say."""


class KeptPrices:
    """What this process keeps of lists and offers; the longest unused lists go first."""

    def __init__(
        self, prices_max: int = KEPT_PRICES_MAX, offers_max: int = KEPT_OFFERS_MAX
    ) -> None:
        self._prices_max = prices_max
        self._prices = 0
        self._lists: OrderedDict[Hashable, Ladders] = OrderedDict()
        self._offers = Recent[tuple[Any, ...], Offer](offers_max)
        self._seen = Recent[tuple[tuple[UUID, ...], int], tuple[tuple[Hashable, bool], ...]](
            offers_max
        )

    # What is expected

    def offers_of(self, keys: Iterable[tuple[UUID, str]]) -> list[Offer] | None:
        """Give the offers that everybody sees under these keys; None where one is not kept."""
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
        lists: dict[int, list[tuple[bool, Ladders]]] = {}
        for supplier_id, sku in keys:
            number = supplier_id.int  # hashing a UUID takes longer than all else here
            # Of others' offers nothing is expected: an SKU that is hidden would take another round
            # trip than one that is none, and so be told by the time it takes.
            offer = self._offers.get((number, sku)) or self._offers.get((path, number, sku))
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
        heads = Heads(defaultdict(list), {}, Told(), {}, set())
        for row in rows:
            place, described = row[0], row[at]
            if described is None:
                continue
            if place == FACE:
                one = list_of(row[at : at + _FACE_END])
                heads.lists[one.supplier_id].append(one)
            elif place == NAME:
                heads.names[supplier_id_of(row[at + _UNIT])] = described
            elif place == POLICY:
                heads.best_price.add(supplier_id_of(described))
            elif place == KNOWN:
                heads.counted, heads.clock = int(described), row[at + _BEGINS]
                beside = row[at + _UNIT]
                if beside is not None:
                    heads.has_contracts = HAS_CONTRACTS in beside
                    heads.sees_more = SEES_MORE in beside
                mark = row[at + _MARK]
                heads.changes = None if mark is None else int(mark)
            elif candidates and (candidate := read_candidate(row[at:])) is not None:
                heads.told.add(place, candidate)
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
            if number is not None:
                now.told.add_row(place, lists[number - 1], row[3:])
            elif (candidate := read_candidate(row[2:])) is not None:
                now.told.add(place, candidate)
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
                now.told.add(place, candidate)
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
        return found + heads.told.of(place)

    def found(self, offers: Sequence[Offer], heads: Heads, *, own_read: bool) -> list[Found] | None:
        """Put offers and what is kept of their prices together; see `candidates_of`.

        The first offer has place 1.
        """
        found: list[Found] = []
        told, places = heads.told, heads.told.places()
        for place, offer in enumerate(offers, 1):
            offer_id, supplier_id = offer.id, offer.supplier_id
            parts: list[tuple[Candidate, ...]] = []
            for ladders in self._held(supplier_id, heads, own_read=own_read):
                known = ladders.get(offer_id)
                if known is None:
                    return None
                if known:
                    parts.append(known)
            beside = told.of(place) if place in places else []
            found.append(Found(offer, beside, "", heads.policy_of(supplier_id), tuple(parts)))
        return found

    def _held(self, supplier_id: UUID, heads: Heads, *, own_read: bool) -> Sequence[Ladders]:
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
                self._put(path, offer)
                lists = heads.lists[offer.supplier_id]
                self._keep(lists if own else [e for e in lists if not e.own], offer, place, heads)
        self._note_seen(path, offers, heads)
        self._forget()

    def drop(self, key: tuple[UUID, str]) -> None:
        """Forget an offer under whose key somebody sees none: it is not everybody's any more."""
        self._offers.drop((key[0].int, key[1]))

    def _put(self, path: tuple[UUID, ...], offer: Offer) -> None:
        key = (offer.supplier_id.int, offer.sku)
        if not offer.is_open:
            self._offers.drop(key)
        self._offers.put(key if offer.is_open else (path, *key), offer)

    def _note_seen(
        self, path: tuple[UUID, ...], offers: Iterable[Offer | None], heads: Heads
    ) -> None:
        """Remember which lists of these suppliers the buyer has, and which everybody has."""
        for supplier_id in {offer.supplier_id for offer in offers if offer is not None}:
            lists, number = heads.lists[supplier_id], supplier_id.int
            his = tuple([(key_of(each, lists), each.own) for each in lists])
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
            key = key_of(each, heads.lists[offer.supplier_id])
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
