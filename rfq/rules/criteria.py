"""Criteria: what bids are judged by, said before anybody bids.

Each lot is judged by the criteria for it and by those for all lots; their weights sum to 100.
Only absolute formulas: what a bid is worth follows from the bid and the terms, never from another
bid, so that nobody's place among others changes because a third one comes or goes.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import CRITERIA_MAX

HUNDRED: Final = Decimal(100)


class CriterionKind(StrEnum):
    """How a criterion is judged: by the price, by scores of the panel, or passed or failed."""

    PRICE = "price"
    SCORED = "scored"
    GATE = "pass_fail"


class Method(StrEnum):
    """What offers are ranked by."""

    LOWEST_PRICE = "lowest_price"
    """The price alone; criteria are passed or failed."""
    POINTS = "points"
    """The sum of weighted points, most first; those of the price against a fixed reference."""
    COEFFICIENT = "coefficient"
    """Price / (1 + Σv / (1 - Σvmax)), least first; v is what the scores are worth."""


class Aggregation(StrEnum):
    """How the scores of several evaluators become one."""

    MEAN = "mean"
    CONSENSUS = "consensus"


class Criterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing a bid is judged by. Without `lot_ids` it is for all lots and judged once for a bid.

    A price gets no points from `reference` on, the full ones at `full_points_at` or below, and
    between them in proportion. Scores go from 0 to `max_score`; who gets less than `minimum` cannot
    win. What is passed or failed has no weight.
    """

    id: UUID
    kind: CriterionKind
    title: str
    weight: Decimal = Decimal(0)
    lot_ids: tuple[UUID, ...] = ()
    reference: Decimal | None = None
    full_points_at: Decimal = Decimal(0)
    max_score: Decimal = Decimal(10)
    minimum: Decimal | None = None

    def is_for(self, lot_id: UUID) -> bool:
        """Tell whether a lot is judged by it."""
        return not self.lot_ids or lot_id in self.lot_ids

    def judged_in(self, lot_id: UUID) -> UUID | None:
        """Give the lot its scores are for, None where one score counts for all lots of a bid."""
        return lot_id if self.lot_ids else None


class Judging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How bids are judged. At least `minimum_evaluators` hand in their scores before a ranking."""

    method: Method = Method.LOWEST_PRICE
    aggregation: Aggregation = Aggregation.MEAN
    minimum_evaluators: int = 1
    criteria: tuple[Criterion, ...] = ()

    @property
    def needs_panel(self) -> bool:
        """Tell whether somebody has to look at the bids."""
        return any(each.kind is not CriterionKind.PRICE for each in self.criteria)

    def of_lot(self, lot_id: UUID) -> tuple[Criterion, ...]:
        """Give the criteria a lot is judged by, in their order."""
        return tuple(each for each in self.criteria if each.is_for(lot_id))

    def criterion(self, criterion_id: UUID) -> Criterion | None:
        """Find a criterion by its id."""
        return next((each for each in self.criteria if each.id == criterion_id), None)


LOWEST_PRICE: Final = Judging()
"""The price alone, and nobody has to look at anything else."""


def judging_errors(judging: Judging, lots: Sequence[UUID]) -> list[FieldError]:
    """List what is wrong with the criteria of a procedure with these lots."""
    errors: list[FieldError] = []
    if len(judging.criteria) > CRITERIA_MAX:
        detail = f"A procedure has at most {CRITERIA_MAX} criteria."
        errors.append(FieldError("/judging/criteria", "too_many", detail))
    for number, criterion in enumerate(judging.criteria):
        pointer = f"/judging/criteria/{number}"
        errors += _criterion_errors(judging.method, criterion, pointer)
        if not set(criterion.lot_ids) <= set(lots):
            detail = "The procedure has no such lot."
            errors.append(FieldError(f"{pointer}/lots", "unknown_lot", detail))
    if errors or judging.method is Method.LOWEST_PRICE:
        return errors
    return [error for lot in lots for error in _lot_errors(judging, lot, lots.index(lot))]


def _criterion_errors(method: Method, criterion: Criterion, pointer: str) -> Iterator[FieldError]:
    weight = criterion.weight
    if criterion.kind is CriterionKind.GATE:
        if weight != 0:
            detail = "What is passed or failed has no weight: who fails cannot win."
            yield FieldError(f"{pointer}/weight", "not_zero", detail)
        return
    if method is Method.LOWEST_PRICE:
        detail = "Weighted criteria need the method points or coefficient."
        yield FieldError(f"{pointer}/kind", "not_of_method", detail)
    if weight <= 0:
        # It would be read, scored and argued about, and count for nothing.
        detail = "A criterion with weight 0 counts for nothing: give it a weight, or leave it out."
        yield FieldError(f"{pointer}/weight", "not_positive", detail)
    if criterion.kind is CriterionKind.PRICE:
        yield from _price_errors(method, criterion, pointer)
    elif criterion.max_score <= 0:
        detail = "The highest score is greater than zero."
        yield FieldError(f"{pointer}/max_score", "not_positive", detail)
    elif criterion.minimum is not None and not 0 <= criterion.minimum <= criterion.max_score:
        detail = f"The least score lies between 0 and {criterion.max_score}."
        yield FieldError(f"{pointer}/minimum", "out_of_range", detail)


def _price_errors(method: Method, criterion: Criterion, pointer: str) -> Iterator[FieldError]:
    if method is Method.COEFFICIENT:
        if criterion.reference is not None:
            detail = "The coefficient method compares prices themselves; it needs no reference."
            yield FieldError(f"{pointer}/reference", "not_of_method", detail)
        return
    if criterion.reference is None:
        detail = (
            "Points for a price need a reference that is fixed before anybody bids, such as the "
            "budget: from it on a price gets none."
        )
        yield FieldError(f"{pointer}/reference", "missing", detail)
    elif not 0 <= criterion.full_points_at < criterion.reference:
        detail = "Full points are given at a price below the reference."
        yield FieldError(f"{pointer}/full_points_at", "out_of_range", detail)


def _lot_errors(judging: Judging, lot_id: UUID, number: int) -> Iterator[FieldError]:
    criteria = judging.of_lot(lot_id)
    found = sum((each.weight for each in criteria), Decimal(0))
    if found != HUNDRED:
        detail = f"The weights for lot {number + 1} sum to {found}, not to 100."
        yield FieldError("/judging/criteria", "weights_not_100", detail)
    prices = [each for each in criteria if each.kind is CriterionKind.PRICE]
    if len(prices) > 1:
        detail = f"Lot {number + 1} has {len(prices)} criteria for the price; one is enough."
        yield FieldError("/judging/criteria", "price_twice", detail)
    if not prices and judging.method is Method.COEFFICIENT:
        detail = f"Lot {number + 1} has no criterion for the price, which the coefficient divides."
        yield FieldError("/judging/criteria", "price_missing", detail)
