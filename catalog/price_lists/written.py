"""Prices written as JSON once: what a kept ladder comes to at one of its tiers.

Of a line priced by it only the quantity and the line's amount are its own. So the rest is written
by the ordinary view, once, and cut where these two stand. Only objects are remembered that
`catalog.price_lists.kept` holds too: another one of equal value is another one here.
"""

from typing import Final

import msgspec
from msgspec import structs

from catalog.price_lists.candidates import PRICE_LIST
from catalog.price_lists.price_book import Offer
from catalog.price_lists.schemas import PricedLineView
from catalog.price_lists.views import follows_from_winner, price_view
from catalog.pricing.terms import Candidate, Price, Tier
from catalog.recent import Recent
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import WRITTEN_PRICES_MAX
from marketplace.platform.http.schemas import MoneyView

# Neither is in any text: Postgres takes no NUL.
_QUANTITY: Final = "\0q"
_AMOUNT: Final = "\0a"
_PIECES: Final = 4
_encode: Final = msgspec.json.Encoder().encode
_CUTS: Final = (b"\\u0000q", b"\\u0000a")


class _Written(msgspec.Struct, frozen=True, gc=False):
    """A line at one tier of a candidate, in the pieces around quantity, quantity and amount.

    `pieces` is empty where it cannot be cut.
    """

    offer: Offer
    winner: Candidate
    tier: Tier
    pieces: tuple[bytes, ...]


class WrittenPrices:
    """Lines of this process that have been written before; what was used last is remembered."""

    def __init__(self, prices_max: int = WRITTEN_PRICES_MAX) -> None:
        self._known = Recent[tuple[int, int], _Written](prices_max)

    def add(self, to: list[bytes], offer: Offer | None, price: Price) -> bool:
        """Write a line of an offer to a list of pieces; False where that takes the whole view."""
        winner, tier = price.winner, price.tier
        if offer is None or winner.source.kind != PRICE_LIST or not follows_from_winner(price):
            return False
        known = self._known.get((id(winner), id(tier)))
        # What is remembered is alive, so nothing else has its number.
        if known is None or known.offer is not offer:
            known = _Written(offer, winner, tier, _cut(offer, price))
            self._known.put((id(winner), id(tier)), known)
        if not known.pieces:
            return False
        first, second, third, last = known.pieces
        quantity = plain_decimal(price.quantity).encode()
        to += (first, quantity, second, quantity, third, str(price.line_amount).encode(), last)
        return True


def _cut(offer: Offer, price: Price) -> tuple[bytes, ...]:
    """Write a line and cut it; empty where it cannot be cut in the expected way."""
    amount = MoneyView(_AMOUNT, price.winner.currency)
    view = structs.replace(price_view(price, explain=False), quantity=_QUANTITY, line_amount=amount)
    text = _encode(PricedLineView(offer.supplier_id, offer.sku, _QUANTITY, price=view))
    head, *rest = text.split(_CUTS[0])
    pieces = (head, *rest[:-1], *rest[-1].split(_CUTS[1])) if rest else ()
    return pieces if len(pieces) == _PIECES else ()
