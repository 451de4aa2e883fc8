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
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from catalog.price_lists.candidates import FACE, KNOWN, POLICY
from catalog.price_lists.price_book import Listed, Offer, read_candidate, read_face
from catalog.pricing.terms import Buyer, Candidate, Level, Policy
from catalog.recent import Recent
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import KEPT_OFFERS_MAX, KEPT_PRICES_MAX

_CANDIDATE_WEIGHT: Final = 10
"""A candidate takes so many times the memory of an entry that says there is none."""
_DESCRIBED, _BEGINS, _ENDS, _DISCOUNTS, _OWN, _SUPPLIER = 0, 1, 2, 3, 6, 7
"""Where the columns of a candidate have what a row of a list says."""

_Ladders = dict[UUID, tuple[Candidate, ...]]
"""By offer: what a list has for it; an empty tuple says that it has nothing."""


class _List(msgspec.Struct):
    """A list as one buyer has it.

    It is his `own` if it is not for everybody, and has no percentages.
    """

    key: Hashable
    ladders: _Ladders
    described: str
    own: bool
    segment: UUID | None


class Heads(msgspec.Struct):
    """What prices follow from, as it is now; ladders of own lists only where they were looked up.

    `lists` are by supplier, `agreed` are candidates of contracts by the place of the offer.
    """

    lists: Mapping[str, Sequence[_List]]
    listed: Listed
    agreed: Mapping[int, Sequence[Candidate]]
    best_price: frozenset[str]
    known: int = 0
    clock: datetime | None = None

    def policy_of(self, supplier_id: UUID) -> Policy:
        """Give how the supplier's prices are weighed for the buyer."""
        if not self.best_price:
            return Policy.PRIORITY
        return Policy.BEST_PRICE if str(supplier_id) in self.best_price else Policy.PRIORITY

    def buyer(self, path: tuple[UUID, ...]) -> Buyer:
        """Give the buyer of a path, in the segments whose lists he was told."""
        segments = (each.segment for lists in self.lists.values() for each in lists)
        return Buyer(path, frozenset(segment for segment in segments if segment is not None))


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
        told: list[Sequence[Any]] = []
        listed: Listed = {}
        agreed: defaultdict[int, list[Candidate]] = defaultdict(list)
        best: set[str] = set()
        heads = Heads({}, listed, agreed, frozenset())
        for row in rows:
            place, described = row[0], row[at]
            if described is None:
                continue
            if place == FACE:
                told.append(row[at:])
            elif place == POLICY:
                best.add(described)
            elif place == KNOWN:
                heads.known, heads.clock = int(described), row[at + _BEGINS]
            elif candidates and (candidate := read_candidate(row[at:])) is not None:
                if candidate.level is Level.CONTRACT:
                    agreed[place].append(candidate)
                else:
                    listed.setdefault((described, place), []).append(candidate)
        heads.lists, heads.best_price = self._lists_of(told), frozenset(best)
        return heads

    def _lists_of(self, told: Sequence[Sequence[Any]]) -> Mapping[str, Sequence[_List]]:
        base: defaultdict[str, list[Hashable]] = defaultdict(list)
        for row in told:
            if read_face(row[_DESCRIBED]).scope_id == PUBLIC:
                base[row[_SUPPLIER]].append(row[: _ENDS + 1])
        lists: defaultdict[str, list[_List]] = defaultdict(list)
        for row in told:
            described, supplier_id = row[_DESCRIBED], row[_SUPPLIER]
            key: Hashable = row[: _ENDS + 1]
            if row[_DISCOUNTS] is not None:
                key = (key, *sorted(base[supplier_id], key=str))
            ladders = self._lists.get(key)
            if ladders is None:
                ladders = {}
            else:
                self._lists.move_to_end(key)
            face = read_face(described)
            segment = face.scope_id if face.level is Level.SEGMENT else None
            own = row[_OWN] is not None
            lists[supplier_id].append(_List(key, ladders, described, own, segment))
        return lists

    def candidates_of(
        self, offers: Sequence[Offer], heads: Heads, *, own_read: bool
    ) -> list[list[Candidate]] | None:
        """Give the candidates of offers; None where those of one are not known.

        `own_read` says that ladders of the buyer's own lists were looked up.
        """
        lists: dict[UUID, list[_Ladders]] = {}
        found: list[list[Candidate]] = []
        for offer in offers:
            offer_id, supplier_id = offer.id, offer.supplier_id
            held = lists.get(supplier_id)
            if held is None:
                theirs = heads.lists.get(str(supplier_id), ())
                held = [each.ladders for each in theirs if not (own_read and each.own)]
                lists[supplier_id] = held
            candidates: list[Candidate] = []
            for ladders in held:
                known = ladders.get(offer_id)
                if known is None:
                    return None
                candidates += known
            found.append(candidates)
        for (_, place), listed in heads.listed.items():
            found[place - 1] += listed
        for place, agreed in heads.agreed.items():
            found[place - 1] += agreed
        return found

    # What was learned

    def learn(
        self,
        path: tuple[UUID, ...],
        offers: Sequence[Offer | None],
        listed: Listed,
        heads: Heads,
        *,
        own: bool,
    ) -> None:
        """Keep offers, and what each of the buyer's lists has for them.

        All was read by one statement. `listed` holds candidates by the description of their list
        and the place of the offer, from 1. What `own` lists have is kept only if that is said.
        """
        for place, offer in enumerate(offers, 1):
            if offer is not None:
                self._offers.put((offer.supplier_id.int, offer.sku), offer)
                lists = heads.lists.get(str(offer.supplier_id), ())
                self._keep(lists if own else [e for e in lists if not e.own], offer, place, listed)
        for supplier_id in {offer.supplier_id for offer in offers if offer is not None}:
            seen = heads.lists.get(str(supplier_id), ())
            self._seen.put((path, supplier_id.int), tuple((each.key, each.own) for each in seen))
        self._forget()

    def learn_own(self, offers: Sequence[Offer], heads: Heads) -> None:
        """Keep what the buyer's own lists have for offers, as they were looked up."""
        for place, offer in enumerate(offers, 1):
            lists = [each for each in heads.lists.get(str(offer.supplier_id), ()) if each.own]
            self._keep(lists, offer, place, heads.listed)
        self._forget()

    def _keep(self, lists: Iterable[_List], offer: Offer, place: int, listed: Listed) -> None:
        for each in lists:
            ladders = self._lists.setdefault(each.key, {})
            if offer.id not in ladders:
                candidates = tuple(listed.get((each.described, place), ()))
                ladders[offer.id] = candidates
                self._prices += _weight(candidates)

    def _forget(self) -> None:
        while self._prices > self._prices_max:
            _, ladders = self._lists.popitem(last=False)
            self._prices -= sum(map(_weight, ladders.values()))


def _weight(candidates: tuple[Candidate, ...]) -> int:
    return 1 + _CANDIDATE_WEIGHT * len(candidates)
