"""What goes over the wire about criteria and requirements, and how it is stored."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import CRITERIA_MAX, EVALUATORS_MAX, LINES_MAX, REQUIREMENTS_MAX
from marketplace.platform.http.schemas import AmountText, Code, Input, Name, Output
from rfq.rules.criteria import (
    LOWEST_PRICE,
    Aggregation,
    Criterion,
    CriterionKind,
    Judging,
    Method,
)
from rfq.rules.qualification import Requirement, RequirementKind

LotNumber = Annotated[int, Meta(ge=1, le=LINES_MAX)]
LotNumbers = Annotated[list[LotNumber], Meta(max_length=LINES_MAX)]


class CriterionInput(Input):
    """One thing bids are judged by. `lots` are numbers of lots, the first is 1; none means all.

    A price gets no points from `reference` on (in the procedure's currency), the full ones at
    `full_points_at` or below. Scores go from 0 to `max_score`; who gets less than `minimum` cannot
    win. A criterion that is passed or failed has no weight.
    """

    kind: CriterionKind
    title: Name
    weight: AmountText = "0"
    lots: Annotated[list[LotNumber], Meta(max_length=LINES_MAX)] = msgspec.field(
        default_factory=list
    )
    reference: AmountText | None = None
    full_points_at: AmountText = "0"
    max_score: AmountText = "10"
    minimum: AmountText | None = None


Criteria = Annotated[list[CriterionInput], Meta(max_length=CRITERIA_MAX)]


class JudgedBy(Input):
    """How bids are judged by criteria; the weights for each lot sum to 100.

    `points` ranks by weighted points, `coefficient` by price / (1 + Σv / (1 - Σvmax)), where v is
    what the scores are worth.
    """

    method: Method = Method.LOWEST_PRICE
    aggregation: Aggregation = Aggregation.MEAN
    minimum_evaluators: Annotated[int, Meta(ge=1, le=EVALUATORS_MAX)] = 1

    def by(
        self, criteria: Sequence[CriterionInput], ids: Sequence[UUID], lots: Sequence[UUID]
    ) -> Judging:
        """Give the value, its criteria known by `ids`, with the ids of its lots.

        Raises InvalidInput for a lot there is not.
        """
        return Judging(
            method=self.method,
            aggregation=self.aggregation,
            minimum_evaluators=self.minimum_evaluators,
            criteria=tuple(
                _criterion(each, number, lots, id_)
                for number, (each, id_) in enumerate(zip(criteria, ids, strict=True))
            ),
        )


class JudgingInput(JudgedBy):
    """How bids are judged."""

    criteria: Criteria = msgspec.field(default_factory=list)


def _criterion(data: CriterionInput, number: int, lots: Sequence[UUID], id_: UUID) -> Criterion:
    for place, lot in enumerate(data.lots):
        if lot > len(lots):
            detail = f"There is no lot {lot}: the procedure has {len(lots)}."
            pointer = f"/judging/criteria/{number}/lots/{place}"
            raise InvalidInput(detail, errors=[FieldError(pointer, "unknown_lot", detail)])
    return Criterion(
        id=id_,
        kind=data.kind,
        title=data.title,
        weight=Decimal(data.weight),
        lot_ids=tuple(dict.fromkeys(lots[lot - 1] for lot in data.lots)),
        reference=_decimal(data.reference),
        full_points_at=Decimal(data.full_points_at),
        max_score=Decimal(data.max_score),
        minimum=_decimal(data.minimum),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class RequirementInput(Input):
    """One thing required of each bidder; `code` names a qualification, and nothing else has one."""

    kind: RequirementKind
    title: Name
    code: Code | None = None

    def requirement(self, id_: UUID) -> Requirement:
        """Give the value, known by this id."""
        return Requirement(id=id_, kind=self.kind, title=self.title, code=self.code)


Requirements = Annotated[list[RequirementInput], Meta(max_length=REQUIREMENTS_MAX)]


class CriterionView(Output):
    """A criterion as all in the procedure see it; no `lot_ids` means all lots."""

    id: UUID
    kind: CriterionKind
    title: str
    weight: str
    lot_ids: list[UUID]
    reference: str | None
    full_points_at: str
    max_score: str
    minimum: str | None


class JudgingView(Output):
    """How bids are judged."""

    method: Method
    aggregation: Aggregation
    minimum_evaluators: int
    criteria: list[CriterionView]


class RequirementView(Output):
    """One thing required of each bidder."""

    id: UUID
    kind: RequirementKind
    title: str
    code: str | None


def judging_view(judging: Judging) -> JudgingView:
    """Show how bids are judged."""
    return JudgingView(
        method=judging.method,
        aggregation=judging.aggregation,
        minimum_evaluators=judging.minimum_evaluators,
        criteria=[_criterion_view(each) for each in judging.criteria],
    )


def _criterion_view(criterion: Criterion) -> CriterionView:
    return CriterionView(
        id=criterion.id,
        kind=criterion.kind,
        title=criterion.title,
        weight=plain_decimal(criterion.weight),
        lot_ids=list(criterion.lot_ids),
        reference=_text(criterion.reference),
        full_points_at=plain_decimal(criterion.full_points_at),
        max_score=plain_decimal(criterion.max_score),
        minimum=_text(criterion.minimum),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain_decimal(value)


def requirement_views(requirements: Sequence[Requirement]) -> list[RequirementView]:
    """Show what is required."""
    return [
        RequirementView(id=each.id, kind=each.kind, title=each.title, code=each.code)
        for each in requirements
    ]


def stored_judging(judging: Judging) -> dict[str, Any] | None:
    """Give what is stored of the criteria; None where the price alone counts."""
    return None if judging == LOWEST_PRICE else msgspec.to_builtins(judging)


def read_judging(document: dict[str, Any] | None) -> Judging:
    """Read stored criteria."""
    return LOWEST_PRICE if document is None else msgspec.convert(document, Judging)


def stored_requirements(requirements: Sequence[Requirement]) -> list[dict[str, Any]] | None:
    """Give what is stored of the requirements; None where there are none."""
    return msgspec.to_builtins(requirements) if requirements else None


def read_requirements(document: list[dict[str, Any]] | None) -> tuple[Requirement, ...]:
    """Read stored requirements."""
    return () if document is None else msgspec.convert(document, tuple[Requirement, ...])
