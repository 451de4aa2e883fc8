"""The panel: who judges bids, and when what he gives counts.

Whoever is on a panel declares first whether he has a conflict of interest: before that he sees
nothing, and with one he never does. Each judges alone and hands in once; nobody sees another's
scores before all who judge have handed in.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, NotPermitted, WrongState
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.criteria import Aggregation, Criterion, CriterionKind, Judging
from rfq.rules.evaluation import Mark, Place

PASSED: Final = Decimal(1)
FAILED: Final = Decimal(0)


class EvaluatorStatus(StrEnum):
    """Where one member of a panel stands."""

    NAMED = "named"
    JUDGING = "judging"
    HANDED_IN = "handed_in"
    CONFLICTED = "conflicted"
    LEFT = "left"


class EvaluatorAction(StrEnum):
    """What moves a member of a panel."""

    DECLARE_NONE = "declare no conflict"
    DECLARE_CONFLICT = "declare a conflict"
    HAND_IN = "hand in"
    LEAVE = "leave"


EVALUATOR: Final = StateMachine[EvaluatorStatus, EvaluatorAction](
    "evaluator",
    [
        transition(EvaluatorAction.DECLARE_NONE, EvaluatorStatus.NAMED, EvaluatorStatus.JUDGING),
        # A conflict can come to light late; what he gave counts no more.
        transition(
            EvaluatorAction.DECLARE_CONFLICT,
            [EvaluatorStatus.NAMED, EvaluatorStatus.JUDGING, EvaluatorStatus.HANDED_IN],
            EvaluatorStatus.CONFLICTED,
        ),
        transition(EvaluatorAction.HAND_IN, EvaluatorStatus.JUDGING, EvaluatorStatus.HANDED_IN),
        # Whoever has handed in may go: his scores are given, and count.
        transition(
            EvaluatorAction.LEAVE,
            [EvaluatorStatus.NAMED, EvaluatorStatus.JUDGING],
            EvaluatorStatus.LEFT,
        ),
    ],
)

SEES_BIDS: Final = frozenset([EvaluatorStatus.JUDGING, EvaluatorStatus.HANDED_IN])
"""The states in which an evaluator sees the bids he judges."""


def check_access(status: EvaluatorStatus | None) -> None:
    """Refuse bids to who is not on the panel, has not declared, or may not judge.

    Raises NotPermitted.
    """
    if status is None:
        raise NotPermitted("You are not on the panel of this procedure.")
    if status is EvaluatorStatus.NAMED:
        raise NotPermitted("Declare first whether you have a conflict of interest.")
    if status not in SEES_BIDS:
        raise NotPermitted(f"You are {status.value}: you judge no bids of this procedure.")


def places_to_judge(
    judging: Judging, offered: Mapping[UUID, Sequence[UUID]]
) -> dict[Place, Criterion]:
    """Give all that has to be judged; `offered` are the lots each bid is for, by bid."""
    asked = [each for each in judging.criteria if each.kind is not CriterionKind.PRICE]
    return {
        (bid_id, criterion.judged_in(lot_id), criterion.id): criterion
        for bid_id, lots in offered.items()
        for lot_id in lots
        for criterion in asked
        if criterion.is_for(lot_id)
    }


def check_scores(asked: Mapping[Place, Criterion], given: Sequence[tuple[Place, Decimal]]) -> None:
    """Refuse scores for what is not judged, off the scale, or twice; all pointers at once."""
    errors: list[FieldError] = []
    seen: set[Place] = set()
    for number, (place, score) in enumerate(given):
        pointer = f"/scores/{number}"
        criterion = asked.get(place)
        if criterion is None:
            detail = "There is no such bid, lot and criterion to judge together."
            errors.append(FieldError(f"{pointer}/criterion_id", "unknown", detail))
            continue
        if place in seen:
            errors.append(FieldError(pointer, "twice", "This is scored twice; say it once."))
        seen.add(place)
        if criterion.kind is CriterionKind.GATE and score not in (PASSED, FAILED):
            detail = f"{criterion.title} is passed (1) or failed (0)."
            errors.append(FieldError(f"{pointer}/score", "not_pass_or_fail", detail))
        elif criterion.kind is CriterionKind.SCORED and not 0 <= score <= criterion.max_score:
            detail = f"{criterion.title} is scored from 0 to {criterion.max_score}."
            errors.append(FieldError(f"{pointer}/score", "out_of_range", detail))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def check_complete(asked: Collection[Place], given: Collection[Place]) -> None:
    """Guard of handing in and of agreeing: everything is judged; raises Conflict."""
    missing = len(set(asked) - set(given))
    if missing:
        raise Conflict(f"{missing} of {len(asked)} judgements are missing; give them first.")


def check_lock(judging: Judging, statuses: Sequence[EvaluatorStatus]) -> None:
    """Guard of locking: nobody is still judging, and enough have handed in; raises Conflict."""
    waiting = [s for s in statuses if s in {EvaluatorStatus.NAMED, EvaluatorStatus.JUDGING}]
    if waiting:
        raise Conflict(
            f"{len(waiting)} evaluators have not handed in yet. Wait for them, or let them leave "
            "the panel."
        )
    handed_in = sum(status is EvaluatorStatus.HANDED_IN for status in statuses)
    if handed_in < judging.minimum_evaluators:
        raise Conflict(
            f"{handed_in} evaluators have handed in; the procedure asks for "
            f"{judging.minimum_evaluators}. Name another."
        )


def check_agreed(statuses: Mapping[UUID, EvaluatorStatus], agreed: Collection[UUID]) -> None:
    """Guard of ending a consensus: all who judged agree to it; raises Conflict."""
    left = [
        who
        for who, status in statuses.items()
        if status is EvaluatorStatus.HANDED_IN and who not in agreed
    ]
    if left:
        raise Conflict(f"{len(left)} evaluators have not agreed to the scores yet.")


def check_still_named(status: str, states: Collection[str]) -> None:
    """Refuse changes of a panel whose scores are locked; raises WrongState."""
    if status not in states:
        raise WrongState(f"This procedure is {status}: its panel changes no more.", state=status)


def marks(
    judging: Judging,
    given: Iterable[tuple[Place, UUID, Decimal]],
    agreed: Mapping[Place, Decimal],
) -> dict[Place, Mark]:
    """Make one mark of the scores for each place: their mean, or what was agreed on.

    `given` are the scores of those who handed in: place, evaluator and score.
    """
    by_place: dict[Place, list[tuple[UUID, Decimal]]] = {}
    for place, evaluator, score in given:
        by_place.setdefault(place, []).append((evaluator, score))
    if judging.aggregation is Aggregation.CONSENSUS:
        return {
            place: Mark(Fraction(score), tuple(by_place.get(place, ())), agreed=True)
            for place, score in agreed.items()
        }
    return {
        place: Mark(sum((Fraction(s) for _, s in scores), Fraction(0)) / len(scores), tuple(scores))
        for place, scores in by_place.items()
    }
