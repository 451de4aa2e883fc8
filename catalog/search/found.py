"""What was found for a page: its items, and what their prices follow from."""

from collections.abc import Hashable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import msgspec

from catalog.price_lists.heads import Heads, View
from catalog.price_lists.kept import KeptPrices
from catalog.price_lists.mark import Mark
from catalog.price_lists.price_book import UNBOUNDED, Offer
from catalog.price_lists.rules import Unpriced, price_offer
from catalog.pricing.terms import Buyer, Candidate, Price
from catalog.search.known_items import Item, Placed
from catalog.search.shelf import ShownItems

Cost = tuple[bool, str, Decimal]
"""What offers are sorted by: unpriced or not, currency, cost of one content unit."""


def cost_of(currency: str, amount: Decimal, basis: Decimal, content: Fraction) -> Cost:
    """Give what an offer of this content is sorted by, at an amount for so many of its units."""
    return False, currency, amount / (basis * content.numerator / content.denominator)


class NotKnownError(Exception):
    """What a list for everybody has for an offer is not known to this process."""


class Offered(msgspec.Struct, gc=False):
    """An offer, what the buyer sees of its supplier, and every price he might have for it."""

    offer: Offer
    view: View
    candidates: list[Candidate]


class Priced(msgspec.Struct, gc=False):
    """An offer with its price, or with the reason why there is none."""

    found: Offered
    answer: Price | Unpriced

    def cost(self) -> Cost:
        """Give what offers are sorted by."""
        if isinstance(self.answer, Unpriced):
            return True, "", Decimal(0)
        winner, content = self.answer.winner, self.found.offer.terms.content
        return cost_of(winner.currency, self.answer.tier.amount, winner.ladder.basis, content)


class FoundPage:
    """The items that were found, and what their prices follow from.

    Ladders that are for everybody are taken from `kept`, unless all were read. `shown` is the page
    as it was known before it was asked for, if it was.
    """

    def __init__(
        self,
        placed: list[Placed],
        heads: Heads,
        buyer: Buyer,
        kept: KeptPrices | None,
        shown: ShownItems | None = None,
    ) -> None:
        if heads.clock is None:
            msg = "a statement of pages tells the clock"
            raise ValueError(msg)
        self.placed = placed
        self.heads = heads
        self.buyer = buyer
        self.mark = Mark(heads.counted, heads.clock)
        self.kept = kept
        self.shown = shown
        self.boundaries: list[datetime] = []

    @property
    def items(self) -> list[Item]:
        """The items that were found, in their order."""
        return [each.item for each in self.placed]

    def written_key(self, item: Item, currency: str | None) -> Hashable:
        """Give what an item's cheapest offer follows from where only kept ladders count."""
        view_of = self.heads.view_of
        return (item, currency, *[view_of(offer.supplier_id) for offer in item.offers])

    def with_told(self) -> set[int]:
        """Give the places of items on the page of whose offers candidates were told."""
        if self.kept is None:
            return set(range(len(self.placed)))
        told = self.heads.told.places()
        if self.shown is not None:
            return {self.shown.item_of[place] for place in told}
        return {at for at, each in enumerate(self.placed) if not told.isdisjoint(each.places)}

    def offered(self, placed: Placed) -> list[Offered]:
        """Give an item's offers with their candidates; those of a supplier not seen are left out.

        Where a candidate begins or ends later is noted. Raises NotKnownError.
        """
        found = []
        for offer, place in zip(placed.item.offers, placed.places, strict=True):
            view = self.heads.view_of(offer.supplier_id)
            if view.name is None:
                continue
            candidates = self._candidates(offer, place)
            self._note_ends(candidates)
            found.append(Offered(offer, view, candidates))
        return found

    def with_own(
        self, places: Sequence[int], everybodys: Sequence[Priced], currency: str | None
    ) -> list[Priced]:
        """Price the offers at these places, of which only what was told is not everybody's."""
        priced = list(everybodys)
        for at, place in enumerate(places):
            told = self.heads.told.of(place)
            if told:
                found = priced[at].found
                self._note_ends(told)
                own = Offered(found.offer, found.view, [*found.candidates, *told])
                priced[at] = self.priced(own, currency)
        return priced

    def _candidates(self, offer: Offer, place: int) -> list[Candidate]:
        if self.kept is None:
            return self.heads.told.of(place)
        found = self.kept.candidates_of(offer, place, self.heads, own_read=True)
        if found is None:
            raise NotKnownError
        return found

    def _note_ends(self, candidates: Sequence[Candidate]) -> None:
        for each in candidates:
            if each.validity is not UNBOUNDED:
                ends = each.validity.from_, each.validity.until
                self.boundaries += [at for at in ends if at is not None and at > self.mark.at]

    def priced(self, found: Offered, currency: str | None, *, explain: bool = False) -> Priced:
        """Price an offer as a catalog shows it."""
        answer = price_offer(
            found.offer.terms,
            found.candidates,
            self.buyer,
            currency,
            self.mark.at,
            policy=found.view.policy,
            explain=explain,
        )
        return Priced(found, answer)
