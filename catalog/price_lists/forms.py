"""How the prices of one list are written: what all have in common, and where their own stands.

A form is cut from what the ordinary view says, once for each list: it is no second view.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import structs

from catalog.price_lists.candidates import PRICE_LIST
from catalog.price_lists.schemas import LadderStepView
from catalog.price_lists.views import follows_from_winner, price_view
from catalog.pricing.terms import Price, Source, Tier, VolumeMode
from catalog.recent import Recent
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import WRITTEN_FORMS_MAX
from marketplace.platform.http.schemas import MoneyView

encode: Final = msgspec.json.Encoder().encode
_SLOTS: Final = ("amount", "quantity", "minimum", "line_amount", "ladder")
"""What is cut out of a price, in the order in which it stands."""
_CUT: Final = re.compile(r"\\u0000([a-z_]+);")

PriceForm = tuple[str, str, str, str, str, str]
"""The pieces around the slots."""


class _Known(NamedTuple):
    source: Source
    """Kept alive, so that nothing else has its number."""
    form: PriceForm | None


class PriceForms:
    """Forms of the lists whose prices this process wrote last."""

    def __init__(self) -> None:
        self._known = Recent[tuple[object, ...], _Known](WRITTEN_FORMS_MAX)

    def of(self, price: Price) -> PriceForm | None:
        """Give the form a price is written in; None where it takes the whole view."""
        if not is_plain(price):
            return None
        winner = price.winner
        source, ladder = winner.source, winner.ladder
        key = (
            *(id(source), winner.level, winner.unit, winner.currency),
            *(ladder.basis, winner.validity.until),
        )
        known = self._known.get(key)
        if known is None:
            known = _Known(source, _cut(price))
            self._known.put(key, known)
        return known.form

    def write(self, price: Price) -> bytes:
        """Write a price as its view says it."""
        form = self.of(price)
        if form is None:
            return encode(price_view(price, explain=False))
        tiers = price.winner.ladder.tiers
        return filled(form, price.tier, price.quantity, price.line_amount, tiers)


def filled(
    form: PriceForm, tier: Tier, quantity: Decimal, line_amount: Decimal, tiers: Sequence[Tier]
) -> bytes:
    """Write a price in the form of its list."""
    begin, after_amount, after_quantity, after_minimum, after_line, end = form
    return (
        f"{begin}{plain_decimal(tier.amount)}{after_amount}{plain_decimal(quantity)}{after_quantity}"
        f"{plain_decimal(tier.minimum_quantity)}{after_minimum}{line_amount}{after_line}"
    ).encode() + b"%b%b" % (encode(tiers), end.encode())


def is_plain(price: Price) -> bool:
    """Tell whether a price is written in the form of its list."""
    winner = price.winner
    return (
        winner.source.kind == PRICE_LIST
        and winner.discount is None
        and winner.ladder.volume_mode is VolumeMode.VOLUME
        and follows_from_winner(price)
    )


def slot(name: str) -> str:
    """Give what no text can hold: Postgres takes no NUL."""
    return f"\0{name};"


def raw_slot(name: str) -> msgspec.Raw:
    """Give a slot for what is no text; msgspec writes raw JSON as it is."""
    return msgspec.Raw(encode(slot(name))[1:-1])


def cut(view: Any, slots: Sequence[str]) -> list[str] | None:
    """Write a view with slots, and cut it where they stand; None where it is in another order."""
    pieces = _CUT.split(encode(view).decode())
    return pieces[::2] if pieces[1::2] == [*slots] else None


def _cut(price: Price) -> PriceForm | None:
    view = structs.replace(
        price_view(price, explain=False),
        amount=slot("amount"),
        quantity=slot("quantity"),
        tier_minimum_quantity=slot("minimum"),
        line_amount=MoneyView(slot("line_amount"), price.winner.currency),
        ladder=cast("list[LadderStepView]", raw_slot("ladder")),
    )
    pieces = cut(view, _SLOTS)
    return None if pieces is None else cast("PriceForm", tuple(pieces))
