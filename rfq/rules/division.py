"""Which quantities of a lot each winner is awarded.

What is divided is the quantity of each line, never its price: each winner delivers at his own. The
parts of a line always come to what was asked, in steps the unit can be counted in, so nothing is
left over and nothing is bought twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from uuid import UUID

from marketplace.kernel.errors import invalid
from marketplace.kernel.money import EXACT, total
from marketplace.kernel.units import decimals_allowed
from rfq.rules.award import Breakdown
from rfq.rules.evaluation import PricedLine


def split_quantity(quantity: Decimal, unit: str, shares: Sequence[int]) -> tuple[Decimal, ...]:
    """Split a quantity by shares into what the unit can be counted in; the parts come to it.

    By largest remainder, equal ones to the better rank: each part is less than one step from its
    exact share. Three pieces at 60/40 are two and one.
    """
    step = Decimal(1).scaleb(-decimals_allowed(unit))
    with localcontext(EXACT):
        steps, weight = int(quantity / step), sum(shares)
        exact = [divmod(steps * share, weight) for share in shares]
        parts = [whole for whole, _ in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: (-exact[i][1], i))
        for i in by_remainder[: steps - sum(parts)]:
            parts[i] += 1
        return tuple(part * step for part in parts)


def left_open(
    lines: Mapping[UUID, Decimal], awarded: Sequence[Mapping[UUID, Decimal]]
) -> dict[UUID, Decimal]:
    """Give the quantities of a lot's lines that no standing award covers; lines of none left out.

    `lines` are the quantities asked for, `awarded` those of each award that stands.
    """
    left = {
        line: quantity - sum((each.get(line, Decimal(0)) for each in awarded), Decimal(0))
        for line, quantity in lines.items()
    }
    return {line: quantity for line, quantity in left.items() if quantity > 0}


def whole(offer: Breakdown, left: Mapping[UUID, Decimal]) -> Breakdown:
    """Give one offer all that is left of a lot, or of a share of it."""
    return _part(offer, left)


def by_shares(
    offers: Sequence[Breakdown], left: Mapping[UUID, Decimal], shares: Sequence[int]
) -> list[Breakdown | None]:
    """Divide what is left of a lot among the first offers, in their order.

    Where there are fewer offers than shares, theirs grow in proportion; an offer whose every part
    is nothing gets None.
    """
    winners = offers[: len(shares)]
    units = {line.line.id: line.line.unit for offer in winners[:1] for line in offer.lines}
    parts = share_quantities(left, units, shares[: len(winners)])
    return [
        whole(offer, part) if any(part.values()) else None
        for offer, part in zip(winners, parts, strict=True)
    ]


def share_quantities(
    left: Mapping[UUID, Decimal], units: Mapping[UUID, str], shares: Sequence[int]
) -> list[dict[UUID, Decimal]]:
    """Divide what is left of each line by shares: the quantities of each share, in their order."""
    parts: list[dict[UUID, Decimal]] = [{} for _ in shares]
    for line_id, quantity in left.items():
        split = split_quantity(quantity, units[line_id], shares)
        for part, amount in zip(parts, split, strict=True):
            part[line_id] = amount
    return parts


@dataclass(frozen=True, slots=True)
class LineOffer:
    """What an offer's price for one line compares at: per unit, divided by what else it is worth.

    `divisor` is 1 where the price alone counts (`evaluation.line_divisor`).
    """

    price: PricedLine
    divisor: Fraction

    @property
    def compared(self) -> Fraction:
        """The figure of which the least wins the line."""
        return Fraction(self.price.unit_amount) / Fraction(self.price.basis) / self.divisor


def line_offers(
    offers: Sequence[Breakdown], divisors: Sequence[Fraction], line_id: UUID
) -> dict[int, LineOffer]:
    """Give what each offer's price for a line compares at, by its place among the offers.

    Those that leave the line out are not among them.
    """
    return {
        place: LineOffer(line, divisor)
        for place, (offer, divisor) in enumerate(zip(offers, divisors, strict=True))
        for line in offer.lines
        if line.line.id == line_id
    }


def best_in(offers: Mapping[int, LineOffer]) -> int:
    """Give the place of the best offer for a line (at least one); the first of equals."""
    return min(offers, key=lambda place: (offers[place].compared, place))


def by_lines(
    offers: Sequence[Breakdown],
    left: Mapping[UUID, Decimal],
    places: Mapping[UUID, int],
) -> list[Breakdown | None]:
    """Give each line that is left to the offer of its place; None to who gets no line.

    A line without a place is offered by nobody, and stays unbought.
    """
    parts: list[dict[UUID, Decimal]] = [{} for _ in offers]
    for line_id, place in places.items():
        parts[place][line_id] = left[line_id]
    return [_part(offer, part) if part else None for offer, part in zip(offers, parts, strict=True)]


def _part(offer: Breakdown, quantities: Mapping[UUID, Decimal]) -> Breakdown:
    """Give an offer with these quantities instead of all; at the full ones it is as it was."""
    lines = tuple(
        _with_quantity(line, quantities[line.line.id])
        for line in offer.lines
        if quantities.get(line.line.id)
    )
    if lines == offer.lines:
        return offer
    return Breakdown(lines, total([line.amount for line in lines], offer.total.currency))


def _with_quantity(line: PricedLine, quantity: Decimal) -> PricedLine:
    if quantity == line.line.quantity:
        return line
    return replace(line, line=replace(line.line, quantity=quantity))


def check_order(chosen: Sequence[object], ranked: Sequence[object], reason: str) -> None:
    """Let the buyer choose others than the first only with a reason; raises InvalidInput."""
    if list(chosen) != list(ranked[: len(chosen)]) and not reason.strip():
        detail = "Whoever awards to another than the first says why: losers are told the reason."
        raise invalid("/reason", "reason_missing", detail)
