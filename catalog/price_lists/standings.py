"""What is known of buyers under one mark of the catalog: their lists, contracts, and what they see.

While the mark stands, nothing has changed that decides which lists count for whom and who sees
which offer. What a statement under row security told is then told again without asking.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from catalog.price_lists.heads import Heads, Told
from catalog.price_lists.price_book import Offer
from catalog.pricing.terms import Buyer
from catalog.recent import Recent
from marketplace.kernel.limits import KEPT_OFFERS_MAX, STANDINGS_MAX

Path = tuple[UUID, ...]


class Standing(msgspec.Struct):
    """What a buyer has of the `suppliers` he was told of, his own ladders and contracts aside."""

    heads: Heads
    buyer: Buyer
    suppliers: set[UUID]


class Standings:
    """Buyers who see no more than everybody, under the newest mark this process has seen.

    Those who asked last stay; so many pairs of buyer and supplier are known. What one of these
    buyers sees the others see too.
    """

    def __init__(
        self, suppliers_max: int = STANDINGS_MAX, offers_max: int = KEPT_OFFERS_MAX
    ) -> None:
        self._suppliers_max, self._offers_max = suppliers_max, offers_max
        self._begin(-1)

    def _begin(self, changes: int) -> None:
        self.changes = changes
        self._known: OrderedDict[Path, Standing] = OrderedDict()
        self._suppliers = 0
        self._seen = Recent[UUID, int](self._offers_max)

    def __contains__(self, path: Path) -> bool:
        """Tell whether anything is known of a buyer."""
        return path in self._known

    def of(self, path: Path, suppliers: Iterable[UUID]) -> Standing | None:
        """Give what is known of a buyer; None where he was not told of all these suppliers."""
        standing = self._known.get(path)
        if standing is None or not standing.suppliers.issuperset(suppliers):
            return None
        self._known.move_to_end(path)
        return standing

    def sees(self, offers: Iterable[Offer]) -> bool:
        """Tell whether everybody sees these offers, at their versions."""
        seen = self._seen.get
        return all(seen(offer.id) == offer.version for offer in offers)

    def note(self, path: Path, changes: int, offers: Sequence[Offer], heads: Heads) -> bool:
        """Take in what a statement told of offers a buyer sees, and of their suppliers.

        False where it was told under an older mark, or of a buyer who sees more than everybody.
        """
        if changes > self.changes:
            self._begin(changes)
        if changes < self.changes or heads.sees_more:
            return False
        for offer in offers:
            self._seen.put(offer.id, offer.version)
        self._note_standing(path, {offer.supplier_id for offer in offers}, heads)
        return True

    def _note_standing(self, path: Path, suppliers: Iterable[UUID], heads: Heads) -> None:
        standing = self._known.pop(path, None)
        if standing is None:
            none = Heads(defaultdict(list), {}, Told(), {}, set())
            none.has_contracts, none.sees_more = heads.has_contracts, False
            standing = Standing(none, Buyer(path), set())
        self._known[path] = standing
        for supplier_id in suppliers:
            if supplier_id not in standing.suppliers:
                standing.heads.take(supplier_id, heads)
                standing.suppliers.add(supplier_id)
                self._suppliers += 1
        standing.buyer = standing.heads.buyer(path)
        while self._suppliers > self._suppliers_max and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._suppliers -= len(oldest.suppliers)
