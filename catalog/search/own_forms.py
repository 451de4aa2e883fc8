"""Prices of a buyer's own that are written without deciding again what others like them decided.

Of most items that a buyer has a price of his own for, that is one ladder of one list of his, beside
prices that everybody has. Who wins then follows from all but the amounts, as does what is written
around these: so `resolve` is asked for the first of those that are alike, as it is for a price file
(decision 0497), and the form in which its price was written holds for the others, of any list.
"""

from collections.abc import Hashable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from catalog.price_lists.forms import PriceForm, PriceForms, filled
from catalog.price_lists.heads import OwnLadder
from catalog.pricing.alike import likeness
from catalog.pricing.terms import Ladder, Price, Tier
from catalog.products.rules import smallest_order
from catalog.recent import Recent
from catalog.search.found import Cost, Offered, cost_of
from marketplace.kernel.limits import OWN_FORMS_MAX


class Kind(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What an offer's price follows from beside a ladder of one's own: one object for all alike."""

    quantity: Decimal
    unit: str
    content: Fraction


class OwnLine(NamedTuple):
    """A ladder of one's own for an offer of a kind, and the currency that is asked for."""

    kind: Kind
    own: OwnLadder
    currency: str | None

    def like(self) -> Hashable:
        """Give what is equal for lines that are alike."""
        kind, own, currency = self
        least = own.tiers[0].minimum_quantity
        return kind, own.list.rank, own.unit, own.basis, own.volume_mode, least, currency


class OwnPrice(NamedTuple):
    """What a line comes to, and the form it is written in."""

    line: OwnLine
    tier: Tier
    form: PriceForm
    currency: str

    def cost(self) -> Cost:
        """Give what offers are sorted by."""
        kind, own, _ = self.line
        return cost_of(self.currency, self.tier.amount, own.basis, kind.content)

    def written(self) -> bytes:
        """Write it as its view says it."""
        (kind, own, _), tier = self.line, self.tier
        ladder = Ladder(own.tiers, own.basis)
        amount = ladder.amount_at(tier, kind.quantity, kind.unit, self.currency)
        return filled(self.form, tier, kind.quantity, amount, own.list.source, own.tiers)


class OwnForms:
    """The forms in which this process wrote own prices last."""

    def __init__(self, prices: PriceForms, forms_max: int = OWN_FORMS_MAX) -> None:
        self._prices = prices
        self._kinds = Recent[Hashable, Kind](forms_max)
        self._forms = Recent[Hashable, tuple[PriceForm, str]](forms_max)

    def kind_of(self, offered: Offered) -> Kind | None:
        """Give the kind of an offer whose candidates are everybody's."""
        alike = likeness(offered.candidates, offered.view.policy)
        if alike is None:
            return None
        terms = offered.offer.terms
        key = (alike, quantity := smallest_order(terms), terms.unit, terms.content)
        kind = self._kinds.get(key)
        if kind is None:
            kind = Kind(quantity, terms.unit, terms.content)
            self._kinds.put(key, kind)
        return kind

    def price(self, line: OwnLine) -> OwnPrice | None:
        """Price a line; None where none that is like it is known."""
        known = self._forms.get(line.like())
        if known is None:
            return None
        tier = Ladder(line.own.tiers).tier_at(line.kind.quantity)
        return None if tier is None else OwnPrice(line, tier, *known)

    def learn(self, line: OwnLine, price: Price) -> None:
        """Remember in which form a price was written that the own ladder came to."""
        form, winner = self._prices.of(price), price.winner
        if form is not None and winner.assigned_to:
            self._forms.put(line.like(), (form, winner.currency))
