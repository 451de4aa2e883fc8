"""The evaluation alone: judging and ranking the offers of a large tender in memory."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from statistics import median
from typing import Final
from uuid import UUID

from benchmarks.report import Row, Target
from rfq.rules.criteria import Criterion, CriterionKind, Judging, Method
from rfq.rules.evaluation import Mark, Offer, Place, PricedLine, judged, ordered
from rfq.rules.procedure import Line

CRITERIA: Final = 10
SECONDS_MOST: Final = 2
NAME: Final = "evaluation alone, 200 lots × 20 bids, 10 criteria"
_AT: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often, and how many lots and bids for each."""

    rounds: int
    lots: int
    bids: int


FULL: Final = Rounds(7, 200, 20)
QUICK: Final = Rounds(1, 5, 4)


def evaluation_rows(pace: Rounds) -> list[Row]:
    """Measure the processor time of ranking all lots by points."""
    judging = _judging()
    offers, marks = _offers(pace, judging)
    seconds = [_round(judging, offers, marks) for _ in range(pace.rounds)]
    middle = median(seconds)
    return [
        Row(
            NAME,
            value=f"{middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})",
            target=Target(SECONDS_MOST, f"< {SECONDS_MOST} s"),
            hit=middle < SECONDS_MOST,
        )
    ]


def _judging() -> Judging:
    price = Criterion(
        id=UUID(int=1),
        kind=CriterionKind.PRICE,
        title="Price",
        weight=Decimal(10),
        reference=Decimal(100_000),
    )
    scored = (
        Criterion(
            id=UUID(int=n), kind=CriterionKind.SCORED, title=f"Quality {n}", weight=Decimal(10)
        )
        for n in range(2, CRITERIA + 1)
    )
    return Judging(method=Method.POINTS, criteria=(price, *scored))


def _offers(pace: Rounds, judging: Judging) -> tuple[dict[UUID, list[Offer]], dict[Place, Mark]]:
    chance = Random(1)  # noqa: S311 - made-up bids
    line = Line(UUID(int=9), Decimal(10), "C62", "A part")
    offers: dict[UUID, list[Offer]] = {}
    marks: dict[Place, Mark] = {}
    for bid in range(1, pace.bids + 1):
        bid_id = UUID(int=1_000 + bid)
        for criterion in judging.criteria[1:]:
            marks[bid_id, None, criterion.id] = Mark(Fraction(chance.randrange(31), 3))
        for lot in range(pace.lots):
            priced = PricedLine(line, Decimal(chance.randrange(1, 10_000)), Decimal(1), "EUR")
            at = _AT + timedelta(seconds=chance.randrange(1_000))
            made = Offer(bid_id, UUID(int=bid), at, bid.to_bytes(32, "big"), (priced,) * 5)
            offers.setdefault(UUID(int=5_000 + lot), []).append(made)
    return offers, marks


def _round(judging: Judging, offers: dict[UUID, list[Offer]], marks: dict[Place, Mark]) -> float:
    began = time.process_time()
    for lot_id, of_lot in offers.items():
        ordered(judging.method, (judged(judging, lot_id, each, marks) for each in of_lot))
    return time.process_time() - began
