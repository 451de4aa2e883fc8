"""How prices of lists are written: what all of a kind have in common, and where their own stands.

A form is cut from what the ordinary view says, once for each kind: it is no second view.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

import msgspec
from msgspec import structs

from catalog.price_lists.candidates import PRICE_LIST
from catalog.price_lists.schemas import LadderStepView, PriceSourceView
from catalog.price_lists.views import follows_from_winner, price_view, source_view
from catalog.pricing.terms import Price, Source, Tier, VolumeMode
from catalog.recent import Recent
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import FACES_KEPT_MAX, WRITTEN_FORMS_MAX
from marketplace.platform.http.schemas import MoneyView

encode: Final = msgspec.json.Encoder().encode
_SLOTS: Final = ("amount", "quantity", "minimum", "line_amount", "source", "ladder")
"""What is cut out of a price, in the order in which it stands."""
_CUT: Final = re.compile(r"\\u0000([a-z_]+);")

PriceForm = tuple[str, str, str, str, str, str, str]
"""The pieces around the slots."""


class PriceForms:
    """Forms of the kinds of prices that this process wrote last."""

    def __init__(self) -> None:
        self._known = Recent[tuple[object, ...], PriceForm](WRITTEN_FORMS_MAX)

    def of(self, price: Price) -> PriceForm | None:
        """Give the form a price is written in; None where it takes the whole view."""
        if not is_plain(price):
            return None
        winner = price.winner
        ends = winner.validity.until
        key = (winner.level, winner.unit, winner.currency, winner.ladder.basis, ends)
        form = self._known.get(key)
        if form is None:
            form = _form_of(price)
            self._known.put(key, form)
        return form

    def write(self, price: Price) -> bytes:
        """Write a price as its view says it."""
        form = self.of(price)
        if form is None:
            return encode(price_view(price, explain=False))
        source, tiers = written_source(price.winner.source), price.winner.ladder.tiers
        return filled(form, price.tier, price.quantity, price.line_amount, source, tiers)


@lru_cache(FACES_KEPT_MAX)
def written_source(source: Source) -> str:
    """Write which document a price comes from."""
    return encode(source_view(source)).decode()


def filled(
    form: PriceForm,
    tier: Tier,
    quantity: Decimal,
    line_amount: Decimal,
    source: str,
    tiers: Sequence[Tier],
) -> bytes:
    """Write a price in the form of its kind."""
    begin, after_amount, after_quantity, after_minimum, after_line, after_source, end = form
    return (
        f"{begin}{plain_decimal(tier.amount)}{after_amount}{plain_decimal(quantity)}{after_quantity}"
        f"{plain_decimal(tier.minimum_quantity)}{after_minimum}{line_amount}{after_line}"
        f"{source}{after_source}"
    ).encode() + b"%b%b" % (encode(tiers), end.encode())


def is_plain(price: Price) -> bool:
    """Tell whether a price is written in the form of its kind."""
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
    """Write a view with slots, and cut it where they stand; None where a text looks like one."""
    pieces = _CUT.split(encode(view).decode())
    return pieces[::2] if pieces[1::2] == [*slots] else None


def form_of(view: Any, slots: Sequence[str]) -> tuple[str, ...]:
    """Write a view without texts with slots in their order, and cut it where they stand."""
    pieces = cut(view, slots)
    if pieces is None:
        raise RuntimeError(f"{type(view).__name__} no longer has {', '.join(slots)} in this order.")
    return tuple(pieces)


def _form_of(price: Price) -> PriceForm:
    view = structs.replace(
        price_view(price, explain=False),
        amount=slot("amount"),
        quantity=slot("quantity"),
        tier_minimum_quantity=slot("minimum"),
        line_amount=MoneyView(slot("line_amount"), price.winner.currency),
        source=cast("PriceSourceView", raw_slot("source")),
        ladder=cast("list[LadderStepView]", raw_slot("ladder")),
    )
    return cast("PriceForm", form_of(view, _SLOTS))
