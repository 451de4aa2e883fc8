"""Award: from a lot's final total to unit prices that an order can be placed at.

Unit prices are the bidder's opening unit prices × final ÷ opening, to six places, half up; or his
own breakdown, if it comes to the same total.

**The rounding remainder.** Unit prices with six places can miss the total by some cents. Nothing is
left over: the remainder goes into the unit price of one line, the one with the largest amount that
can take it (there the price changes least), so that ordering exactly the asked quantities costs
exactly the final total. Where quantities are so large that a step in the sixth place is more than
the smallest coin, the price of the largest line gets a larger basis (per 1,000 instead of per 1)
and thereby the places it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.money import (
    UNIT_PRICE_PLACES,
    Money,
    currency_digits,
    total,
)
from marketplace.kernel.units import places
from rfq.rules.evaluation import PricedLine

SMALLEST_STEP: Final = Decimal(1).scaleb(-UNIT_PRICE_PLACES)
PRECISION: Final = 60
"""Digits of intermediate results: 24-digit amounts times 24-digit quantities are exact."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The lines of an award with their final unit prices; their amounts sum to `total` exactly."""

    lines: tuple[PricedLine, ...]
    total: Money


def scaled(lines: Sequence[PricedLine], final: Money, *, never_above: bool = False) -> Breakdown:
    """Break a final total down by the opening unit prices of `lines` (not empty, all positive).

    With `never_above` no line gets dearer than it was, the one with the remainder neither. Raises
    InvalidInput for a final total that is not positive or finer than the currency, or then above
    the opening one.
    """
    _check_total(final, lines[0].currency)
    opening = total([line.amount for line in lines], final.currency)
    if final == opening:
        return Breakdown(tuple(lines), final)
    if never_above and final.amount > opening.amount:
        detail = f"{final.amount} is above {opening.amount}, which every line is bound by."
        raise InvalidInput(detail)
    most = tuple(lines) if never_above else None
    return Breakdown(
        tuple(_settled([_scale(ln, final, opening) for ln in lines], final, most)), final
    )


def _check_total(final: Money, currency: str) -> None:
    if final.currency != currency:
        raise InvalidInput(f"The offer is in {currency}; {final.currency} cannot be awarded.")
    if final.amount <= 0 or places(final.amount) > currency_digits(currency):
        raise InvalidInput(f"{final.amount} {currency} is no total that could be paid.")


def _scale(line: PricedLine, final: Money, opening: Money) -> PricedLine:
    # An opening total of zero exists: 0.004 rounds to nothing. Then the prices stay.
    if opening.amount == 0:
        return line
    with localcontext(prec=PRECISION, rounding=ROUND_HALF_UP):
        exact = line.unit_amount * final.amount / opening.amount
        # A price never vanishes: what rounds to nothing is the smallest price there is.
        return replace(line, unit_amount=max(exact.quantize(SMALLEST_STEP), SMALLEST_STEP))


def _settled(
    lines: list[PricedLine], final: Money, most: Sequence[PricedLine] | None
) -> list[PricedLine]:
    """Put what `final` has beyond the lines into their unit prices, into a single one if able.

    None becomes dearer than it is in `most`.
    """
    remainder = (final - total([line.amount for line in lines], final.currency)).amount
    if remainder == 0:
        return lines
    largest_first = sorted(range(len(lines)), key=lambda i: (-lines[i].amount.amount, i))
    for i in largest_first:
        changed = _costing(lines[i], lines[i].amount.amount + remainder)
        if changed is not None and (most is None or not _dearer(changed, most[i])):
            return [*lines[:i], changed, *lines[i + 1 :]]
    if most is not None and remainder > 0:
        return _raised(lines, remainder, most, largest_first)
    for i in largest_first:
        # A line gives at most all it costs; what is missing then comes from the next.
        taken = max(remainder, -lines[i].amount.amount)
        lines[i] = _costing_at_any_basis(lines[i], lines[i].amount.amount + taken)
        remainder -= taken
    return lines


def _raised(
    lines: list[PricedLine],
    remainder: Decimal,
    most: Sequence[PricedLine],
    order: Sequence[int],
) -> list[PricedLine]:
    """Spread what is missing: each line up to what it was, until nothing is. All were enough."""
    for i in order:
        room = most[i].amount.amount - lines[i].amount.amount
        if remainder >= room > 0:
            lines[i] = most[i]
        elif remainder > 0 and room > 0:
            lines[i] = _costing_at_any_basis(lines[i], lines[i].amount.amount + remainder)
        remainder -= max(min(room, remainder), Decimal(0))
    return lines


def _dearer(line: PricedLine, than: PricedLine) -> bool:
    return line.unit_amount * than.basis > than.unit_amount * line.basis


def _costing(line: PricedLine, amount: Decimal) -> PricedLine | None:
    """Give the line at the unit price nearest to costing `amount`; None if that misses it."""
    with localcontext(prec=PRECISION, rounding=ROUND_HALF_UP):
        exact = amount * line.basis / line.line.quantity
        changed = replace(line, unit_amount=max(exact.quantize(SMALLEST_STEP), SMALLEST_STEP))
    return changed if amount >= 0 and changed.amount.amount == amount else None


def _costing_at_any_basis(line: PricedLine, amount: Decimal) -> PricedLine:
    """Give the line costing exactly `amount` (zero or more), its basis raised until it can.

    Ends: each step makes the price ten times finer, and below half a coin it cannot miss.
    """
    while (changed := _costing(line, amount)) is None:
        line = replace(line, basis=line.basis * 10, unit_amount=line.unit_amount * 10)
    return changed


def own_breakdown(
    lines: Sequence[PricedLine], unit_amounts: Mapping[UUID, Decimal], final: Money
) -> Breakdown:
    """Take the bidder's own unit prices per line instead, if they come to the same total.

    Raises InvalidInput with a pointer for a missing or unknown line, a price that is not positive
    or too fine, and a sum that is not `final`.
    """
    _check_total(final, lines[0].currency)
    errors = [*_foreign_lines(lines, unit_amounts), *_bad_prices(unit_amounts)]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    own = [replace(line, unit_amount=unit_amounts[line.line.id]) for line in lines]
    found = total([line.amount for line in own], final.currency)
    if found != final:
        detail = (
            f"These unit prices come to {found.amount} {found.currency}; "
            f"the total won is {final.amount}."
        )
        raise invalid("/lines", "other_total", detail)
    return Breakdown(tuple(own), final)


def _foreign_lines(
    lines: Sequence[PricedLine], unit_amounts: Mapping[UUID, Decimal]
) -> list[FieldError]:
    wanted = {line.line.id for line in lines}
    missing = [id_ for id_ in wanted if id_ not in unit_amounts]
    unknown = [id_ for id_ in unit_amounts if id_ not in wanted]
    return [
        *(FieldError("/lines", "line_missing", f"Line {id_} has no price.") for id_ in missing),
        *(FieldError("/lines", "unknown_line", f"The lot has no line {id_}.") for id_ in unknown),
    ]


def _bad_prices(unit_amounts: Mapping[UUID, Decimal]) -> list[FieldError]:
    errors = []
    for number, amount in enumerate(unit_amounts.values()):
        pointer = f"/lines/{number}/unit_amount"
        if not amount.is_finite() or amount <= 0:
            detail = "A unit price is greater than zero."
            errors.append(FieldError(pointer, "not_positive", detail))
        elif places(amount) > UNIT_PRICE_PLACES:
            detail = f"A unit price has at most {UNIT_PRICE_PLACES} decimals."
            errors.append(FieldError(pointer, "too_many_decimals", detail))
    return errors
