"""Prices written as JSON once: what a kept ladder comes to at one of its tiers.

Of a line priced by it only the quantity and the line's amount are its own. What all prices of one
list have in common is written by the ordinary view, once, and cut where these, the SKU, and amount,
minimum and ladder of a tier stand; of each line the last four are kept written. Only objects are
remembered that `catalog.price_lists.kept` holds too: another of equal value is another one here.
"""

import re
from typing import Final, cast

import msgspec
from msgspec import structs

from catalog.price_lists.candidates import PRICE_LIST
from catalog.price_lists.price_book import Offer
from catalog.price_lists.schemas import LadderStepView, PricedLineView
from catalog.price_lists.views import follows_from_winner, price_view
from catalog.pricing.terms import Candidate, Price, Tier, VolumeMode
from catalog.recent import Recent
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import WRITTEN_FORMS_MAX, WRITTEN_PRICES_MAX
from marketplace.platform.http.schemas import MoneyView

_SLOTS: Final = ("sku", "quantity", "amount", "quantity", "minimum", "line_amount", "ladder")
"""What is cut out, in the order in which it stands."""
_CUT: Final = re.compile(rb"\\u0000([a-z_]+);")
_encode: Final = msgspec.json.Encoder().encode

_Form = tuple[bytes, ...]
"""The pieces around the slots; empty where a price cannot be cut in the expected way."""


class _Written(msgspec.Struct, frozen=True, gc=False):
    """A line at one tier of a candidate: the form of its list, and what stands in the slots."""

    offer: Offer
    winner: Candidate
    tier: Tier
    form: _Form
    sku: bytes
    amount: bytes
    minimum: bytes
    ladder: bytes


class WrittenPrices:
    """Lines of this process that have been written before; what was used last is remembered."""

    def __init__(self, prices_max: int = WRITTEN_PRICES_MAX) -> None:
        self._known = Recent[tuple[int, int], _Written](prices_max)
        self._forms = Recent[tuple[object, ...], _Form](WRITTEN_FORMS_MAX)

    def add(self, to: list[bytes], offer: Offer | None, price: Price) -> bool:
        """Write a line of an offer to a list of pieces; False where that takes the whole view."""
        winner, tier = price.winner, price.tier
        if offer is None or winner.source.kind != PRICE_LIST or not follows_from_winner(price):
            return False
        known = self._known.get((id(winner), id(tier)))
        # What is remembered is alive, so nothing else has its number.
        if known is None or known.offer is not offer:
            known = self._written(offer, price)
            self._known.put((id(winner), id(tier)), known)
        form = known.form
        if not form:
            return False
        quantity = plain_decimal(price.quantity).encode()
        to += (
            *(form[0], known.sku, form[1], quantity, form[2], known.amount, form[3], quantity),
            *(form[4], known.minimum, form[5], str(price.line_amount).encode()),
            *(form[6], known.ladder, form[7]),
        )
        return True

    def _written(self, offer: Offer, price: Price) -> _Written:
        winner, tier = price.winner, price.tier
        key = (
            *(offer.supplier_id, winner.source.id, winner.source.version, winner.source.title),
            *(winner.level, winner.unit, winner.currency, winner.ladder.basis),
            *(winner.ladder.volume_mode, winner.validity.until),
        )
        plain = winner.discount is None and winner.ladder.volume_mode is VolumeMode.VOLUME
        form = self._forms.get(key) if plain else ()
        if form is None:
            form = _cut(offer, price)
            self._forms.put(key, form)
        return _Written(
            offer,
            winner,
            tier,
            form,
            _encode(offer.sku)[1:-1],
            plain_decimal(tier.amount).encode(),
            plain_decimal(tier.minimum_quantity).encode(),
            _encode(winner.ladder.tiers),
        )


def _cut(offer: Offer, price: Price) -> _Form:
    """Write a line of no SKU, quantity and amounts, and cut it where these belong."""
    currency = price.winner.currency
    view = structs.replace(
        price_view(price, explain=False),
        amount=_slot("amount"),
        quantity=_slot("quantity"),
        tier_minimum_quantity=_slot("minimum"),
        line_amount=MoneyView(_slot("line_amount"), currency),
        ladder=cast("list[LadderStepView]", msgspec.Raw(_encode(_slot("ladder"))[1:-1])),
    )
    line = PricedLineView(offer.supplier_id, _slot("sku"), _slot("quantity"), price=view)
    pieces = _CUT.split(_encode(line))
    return tuple(pieces[::2]) if tuple(each.decode() for each in pieces[1::2]) == _SLOTS else ()


def _slot(name: str) -> str:
    """Give what no text can hold: Postgres takes no NUL."""
    return f"\0{name};"
