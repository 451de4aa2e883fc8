"""What holds of lists and of lines that ask for a price; pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from catalog.pricing.resolve import in_force, is_in_force, resolve
from catalog.pricing.terms import (
    ONE,
    Buyer,
    Candidate,
    Loser,
    Measure,
    Policy,
    Price,
    Reason,
    VolumeMode,
)
from catalog.products.rules import OfferTerms, quantity_error, smallest_order
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import PRIORITY_MAX
from marketplace.kernel.money import CURRENCIES

UNKNOWN_SKU: Final = "unknown_sku"


ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The ends of an unbounded validity, as they are written: the driver makes ±infinity of them."""


def bounded(at: datetime) -> datetime | None:
    """Read one end of a stored validity; the driver gives ±infinity as naive extremes."""
    return None if at.tzinfo is None else at


def span(begins: datetime, ends: datetime) -> str:
    """Say when something is valid."""
    first, last = bounded(begins), bounded(ends)
    since = "always" if first in (None, ALWAYS) else f"from {rfc3339(first)}"
    return since if last in (None, FOREVER) else f"{since} until {rfc3339(last)}"


class PriceRecord(msgspec.Struct, frozen=True):
    """One tier of one ladder as a supplier gives it; `line` is its place in what he sent.

    The tiers of one ladder need not be neighbours.
    """

    line: int
    sku: str
    unit: str
    minimum_quantity: Decimal
    amount: Decimal
    basis: Decimal = ONE
    valid_from: datetime = ALWAYS
    valid_until: datetime = FOREVER
    tier: int = 0
    volume_mode: str = VolumeMode.VOLUME.value


class Unpriced(msgspec.Struct, frozen=True, gc=False):
    """Why a line has no price: a reason, the line's field to blame, and a sentence."""

    reason: str
    field: str
    detail: str
    minimum_quantity: Decimal | None = None
    losers: tuple[Loser, ...] = ()


_FIELD: Final = {
    Reason.COMMITMENT_EXHAUSTED: "quantity",
    Reason.BELOW_MINIMUM_QUANTITY: "quantity",
    Reason.WRONG_UNIT: "unit",
}


def price_line(
    terms: OfferTerms | None,
    candidates: Sequence[Candidate],
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    as_of: datetime,
    *,
    policy: Policy = Policy.PRIORITY,
    explain: bool = False,
) -> Price | Unpriced:
    """Price a line as it would be ordered: the price, and whether the offer takes the quantity.

    Without an offer (`terms` is None) only a contract can price it. The check, the catalog and the
    order all ask here, so what one tells the others do.
    """
    if terms is None and not candidates:
        return Unpriced(UNKNOWN_SKU, "sku", "There is no such SKU of this supplier for you.")
    if terms is not None:
        wrong = quantity_error(quantity, unit, terms)
        if wrong is not None:
            return Unpriced(wrong.code, "quantity", wrong.detail, terms.minimum_quantity)
    priced = resolve(
        candidates, buyer, quantity, unit, currency, as_of, policy=policy, explain=explain
    )
    if isinstance(priced, Price):
        return priced
    own = [candidate for candidate in candidates if buyer.depth(candidate) is not None]
    return Unpriced(
        priced.reason.value,
        _FIELD.get(priced.reason, "sku"),
        _detail(priced.reason, own, unit, currency, as_of, priced.minimum_quantity),
        priced.minimum_quantity,
        priced.losers,
    )


def price_offer(
    terms: OfferTerms,
    candidates: Sequence[Candidate],
    buyer: Buyer,
    currency: str | None,
    as_of: datetime,
    *,
    policy: Policy = Policy.PRIORITY,
    explain: bool = False,
) -> Price | Unpriced:
    """Price an offer as a catalog shows it: at the smallest quantity that can be bought.

    Without a `currency` it is the one of the first candidate in force.
    """
    quantity, unit = smallest_order(terms), terms.unit
    asked = currency or _own_currency(candidates, buyer, as_of)
    if asked is None:
        return Unpriced(Reason.NO_PRICE.value, "sku", "Nobody has a price of this for you.")
    priced = resolve(
        candidates, buyer, quantity, unit, asked, as_of, policy=policy, explain=explain
    )
    if isinstance(priced, Price):
        return priced
    if priced.minimum_quantity is not None:
        least = msgspec.structs.replace(terms, minimum_quantity=priced.minimum_quantity)
        quantity = smallest_order(least)
    return price_line(
        terms, candidates, buyer, quantity, unit, asked, as_of, policy=policy, explain=explain
    )


def _own_currency(candidates: Sequence[Candidate], buyer: Buyer, as_of: datetime) -> str | None:
    """Give the currency in which the buyer's best candidate in force is."""
    if not candidates:
        return None
    first = candidates[0].currency
    if len(candidates) == 1:
        return first
    for each in candidates:
        if each.currency != first:
            return next((each.currency for each in in_force(candidates, buyer, as_of)), None)
    # Where all are in one, any in force will do: there is nothing to rank.
    for each in candidates:
        if is_in_force(each, buyer, as_of):
            return first
    return None


def _detail(
    reason: Reason,
    candidates: Sequence[Candidate],
    unit: str,
    currency: str,
    as_of: datetime,
    minimum: Decimal | None,
) -> str:
    """Say in words why there is no price, as far as the buyer's own candidates tell."""
    match reason:
        case Reason.BELOW_MINIMUM_QUANTITY:
            told = f"Prices begin at {plain_decimal(minimum or ONE)} {unit}."
        case Reason.WRONG_UNIT:
            told = f"It is priced per {_each(c.unit for c in candidates)}, not per {unit}."
        case Reason.WRONG_CURRENCY:
            told = f"It is priced in {_each(c.currency for c in candidates)}, not in {currency}."
        case Reason.NOT_YET_VALID:
            later = (c.validity for c in candidates if c.validity.starts_after(as_of))
            begins = [each.from_ for each in later if each.from_ is not None]
            told = f"Its prices begin later: {rfc3339(min(begins))}."
        case Reason.EXPIRED:
            ends = [c.validity.until for c in candidates if c.validity.until is not None]
            told = f"Its prices have ended: {rfc3339(max(ends))}."
        case Reason.COMMITMENT_EXHAUSTED:
            told = _left_of(candidates, unit, currency)
        case Reason.AMBIGUOUS:
            told = "Two prices of one rank contradict each other; the supplier must choose."
        case _:
            told = "Nobody has a price of this for you."
    return told


def _each(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def _left_of(candidates: Sequence[Candidate], unit: str, currency: str) -> str:
    """Say how much may still be drawn where a line asks for more."""
    left = {
        f"{plain_decimal(each.commitment.left)} {unit}"
        if each.commitment.measure is Measure.QUANTITY
        else f"{plain_decimal(each.commitment.left)} {currency}"
        for each in candidates
        if each.commitment is not None and (each.unit, each.currency) == (unit, currency)
    }
    return f"Left to draw at the price agreed: {', '.join(sorted(left))}; this line asks for more."


def check_list(currency: str, priority: int, valid: tuple[datetime, datetime]) -> None:
    """Refuse a list that could never price anything; raises InvalidInput."""
    if currency not in CURRENCIES:
        detail = f"{currency!r} is not a currency of ISO 4217 in use; for example EUR or USD."
        raise invalid("/currency", "unknown_currency", detail)
    if not 0 <= priority <= PRIORITY_MAX:
        raise invalid("/priority", "out_of_range", f"A priority is 0 to {PRIORITY_MAX}.")
    if valid[0] >= valid[1]:
        detail = "valid_until must be later than valid_from."
        raise invalid("/valid_until", "ends_before_it_begins", detail)
