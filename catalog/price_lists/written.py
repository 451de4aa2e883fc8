"""Prices written as JSON once: what kept ladders come to, whatever quantity of an offer is asked.

Of a line priced by them only the quantity, the tier it reaches and the line's amount are its own,
as long as what `resolve` said lasts (`catalog.pricing.lasting`). What all prices of a kind have in
common is written by the ordinary view, once, and cut where these, the SKU, the list and the ladder
stand; of each offer the last three are kept written. Only objects are remembered that
`catalog.price_lists.kept` holds too: another of equal value is another one here.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, cast
from uuid import UUID

import msgspec

from catalog.price_lists.forms import (
    PriceForm,
    PriceForms,
    encode,
    form_of,
    raw_slot,
    slot,
    written_source,
)
from catalog.price_lists.price_book import Found, Offer, Parts
from catalog.price_lists.schemas import PricedLineView, PriceView
from catalog.pricing.lasting import Lasting, lasting
from catalog.pricing.terms import Buyer, Policy, Price, Tier
from catalog.products.rules import quantity_error
from catalog.recent import Recent
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import WRITTEN_FORMS_MAX, WRITTEN_PRICES_MAX

_SLOTS: Final = ("sku", "quantity", "price")
"""What is cut out of a line, in the order in which it stands."""

_Form = tuple[str, str, str, str, str, str, str, str, str]
"""The pieces around SKU, quantity, amount, quantity, minimum, the line's amount, list, ladder."""


class Asking(NamedTuple):
    """Who asks for lines, in which currency, and when."""

    buyer: Buyer
    currency: str
    as_of: datetime


class _Written(msgspec.Struct, gc=False):
    """Lines of an offer whose best candidate wins: the form of its kind, and what is theirs.

    `parts` are all the candidates, and `buyer` is whose they are, None where everybody's; amount
    and minimum are those of the `tier` that was reached last.
    """

    offer: Offer
    parts: Parts
    buyer: Buyer | None
    lasts: Lasting
    form: _Form
    sku: str
    source: str
    ladder: str
    tier: Tier | None = None
    amount: str = ""
    minimum: str = ""


class WrittenPrices:
    """Lines of this process that have been written before; what was used last is remembered."""

    def __init__(self, prices_max: int = WRITTEN_PRICES_MAX) -> None:
        self._prices_max = prices_max
        self._known: OrderedDict[Hashable, _Written] = OrderedDict()
        self._of_prices = PriceForms()
        self._forms = Recent[tuple[UUID, PriceForm], _Form](WRITTEN_FORMS_MAX)

    def add(
        self, to: list[str], found: Found, asking: Asking, quantity: Decimal, unit: str
    ) -> bool:
        """Write a line to a list of pieces by what is known of its offer; False where it is not."""
        parts, offer = found.parts, found.offer
        if not parts or found.told or found.policy is not Policy.PRIORITY:
            return False
        key = _key(parts)
        known = self._known.get(key)
        # What is remembered is alive, so nothing else has its number.
        if known is None or known.offer is not offer:
            return False
        lasts, buyer = known.lasts, known.buyer
        winner = lasts.winner
        if (
            winner.currency != asking.currency
            or winner.unit != unit
            or not (buyer is None or buyer is asking.buyer or buyer == asking.buyer)
            or not lasts.holds(asking.as_of)
            or quantity_error(quantity, unit, known.offer.terms) is not None
        ):
            return False
        tier = winner.ladder.tier_at(quantity)
        if tier is None:
            return False
        self._known.move_to_end(key)
        amount = winner.ladder.amount_at(tier, quantity, unit, winner.currency)
        _write(to, known, quantity, tier, amount)
        return True

    def learn(self, to: list[str], found: Found, asking: Asking, price: Price) -> bool:
        """Write a line as it was priced, and remember; False where it takes the whole view."""
        offer, parts = found.offer, found.parts
        if offer is None or not parts or found.told:
            return False
        candidates = found.candidates
        lasts = lasting(price, candidates, asking.as_of)
        form = self._form(offer, price)
        if lasts is None or form is None:
            return False
        known = _Written(
            offer,
            parts,
            asking.buyer if any(each.assigned_to for each in candidates) else None,
            lasts,
            form,
            encode(offer.sku)[1:-1].decode(),
            written_source(price.winner.source),
            encode(price.winner.ladder.tiers).decode(),
        )
        key = _key(parts)
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self._prices_max:
            self._known.popitem(last=False)
        _write(to, known, price.quantity, price.tier, price.line_amount)
        return True

    def _form(self, offer: Offer, price: Price) -> _Form | None:
        of_price = self._of_prices.of(price)
        if of_price is None:
            return None
        key = (offer.supplier_id, of_price)
        form = self._forms.get(key)
        if form is None:
            form = _line_form(offer, of_price)
            self._forms.put(key, form)
        return form


def _line_form(offer: Offer, of_price: PriceForm) -> _Form:
    """Put the form of a price into a line of no SKU and quantity."""
    price = cast("PriceView", raw_slot("price"))
    line = PricedLineView(offer.supplier_id, slot("sku"), slot("quantity"), price=price)
    before_sku, before_quantity, before_price, end = form_of(line, _SLOTS)
    begin, *middle, last = of_price
    whole = (before_sku, before_quantity, before_price + begin, *middle, last + end)
    return cast("_Form", whole)


def _write(to: list[str], known: _Written, quantity: Decimal, tier: Tier, amount: Decimal) -> None:
    if tier is not known.tier:
        known.tier, known.amount = tier, plain_decimal(tier.amount)
        known.minimum = plain_decimal(tier.minimum_quantity)
    asked = plain_decimal(quantity)
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = known.form
    to.extend((f0, known.sku, f1, asked, f2, known.amount, f3, asked, f4, known.minimum))
    to.extend((f5, str(amount), f6, known.source, f7, known.ladder, f8))


def _key(parts: Parts) -> Hashable:
    return id(parts[0]) if len(parts) == 1 else tuple([id(each) for each in parts])
