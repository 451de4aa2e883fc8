"""Criteria, offers and marks to vary in the tests of the rules."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from rfq.rules.criteria import Aggregation, Criterion, CriterionKind, Judging, Method
from rfq.rules.evaluation import Mark, Offer, PricedLine
from rfq.rules.procedure import Line
from tests.rfq.rules.cases import DEADLINE

LOT = UUID(int=500)
OTHER_LOT = UUID(int=501)
_WHOLE = Line(UUID(int=600), Decimal(1), "C62", "All of it")


def price(weight: str, reference: str | None = None, full: str = "0", number: int = 1) -> Criterion:
    return Criterion(
        id=UUID(int=number),
        kind=CriterionKind.PRICE,
        title="Price",
        weight=Decimal(weight),
        reference=None if reference is None else Decimal(reference),
        full_points_at=Decimal(full),
    )


def scored(
    weight: str,
    *,
    highest: str = "10",
    minimum: str | None = None,
    number: int = 2,
    lots: tuple[UUID, ...] = (),
) -> Criterion:
    return Criterion(
        id=UUID(int=number),
        kind=CriterionKind.SCORED,
        title=f"Quality {number}",
        weight=Decimal(weight),
        max_score=Decimal(highest),
        minimum=None if minimum is None else Decimal(minimum),
        lot_ids=lots,
    )


def gate(weight: str = "0", number: int = 3) -> Criterion:
    return Criterion(
        id=UUID(int=number), kind=CriterionKind.GATE, title="Fits", weight=Decimal(weight)
    )


def points(*criteria: Criterion, aggregation: Aggregation = Aggregation.MEAN) -> Judging:
    return Judging(method=Method.POINTS, criteria=criteria, aggregation=aggregation)


def coefficients(*criteria: Criterion) -> Judging:
    return Judging(method=Method.COEFFICIENT, criteria=criteria)


def offer(bidder: int, amount: str, *, minute: int = 0) -> Offer:
    line = PricedLine(_WHOLE, Decimal(amount), Decimal(1), "EUR")
    at = DEADLINE - timedelta(minutes=60 - minute)
    return Offer(UUID(int=1000 + bidder), UUID(int=bidder), at, bidder.to_bytes(32, "big"), (line,))


def mark(value: str | Fraction) -> Mark:
    return Mark(Fraction(value))
