"""Who is excluded and what the panel gave, as values for the ranking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from marketplace.platform.database import Transaction
from rfq.evaluation.offers import Evaluated, evaluate
from rfq.evaluation.opened import aside
from rfq.evaluation.tables import ALL_LOTS, AgreedScoreRow, EvaluatorRow, ScoreRow
from rfq.procedures.reading import Loaded
from rfq.qualification.reading import exclusions
from rfq.rules import panel as rules
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.evaluation import Mark, Place, Standing, judged, ordered
from rfq.rules.panel import EvaluatorStatus


@dataclass(frozen=True, slots=True)
class Compared:
    """The opened bids of a procedure, ranked lot by lot among those that can win.

    `excluded` are the others of each lot, with why; `marks` is what the panel gave.
    """

    evaluated: Evaluated
    standings: Mapping[UUID, tuple[Standing, ...]]
    excluded: Mapping[UUID, tuple[tuple[Standing, str], ...]]
    marks: Mapping[Place, Mark]


async def compare(tx: Transaction, loaded: Loaded) -> Compared:
    """Rank the opened bids for the buyer, as the terms say."""
    evaluated = await evaluate(tx, loaded)
    barred = await exclusions(tx, loaded)
    marks = await read_marks(tx, loaded)
    out = {
        row.id: why
        for row in evaluated.bids
        if (why := barred.get(row.bidder_id) or aside(row)) is not None
    }
    standings, excluded = {}, {}
    for lot_id, offered in evaluated.standings.items():
        standings[lot_id], excluded[lot_id] = _ranked(loaded, lot_id, offered, out, marks)
    return Compared(evaluated, standings, excluded, marks)


def _ranked(
    loaded: Loaded,
    lot_id: UUID,
    offered: Sequence[Standing],
    barred: Mapping[UUID, str],
    marks: Mapping[Place, Mark],
) -> tuple[tuple[Standing, ...], tuple[tuple[Standing, str], ...]]:
    """Rank a lot's offers; give apart those that cannot win, with why.

    `barred` says it by bid, of who is excluded and of variants that were set aside. What the panel
    did not judge, a lot that had failed before, stands by its price.
    """
    judging = loaded.procedure.judging
    asked = [each for each in judging.of_lot(lot_id) if each.kind is not CriterionKind.PRICE]

    def is_judged(standing: Standing) -> bool:
        bid_id = standing.offer.bid_id
        return all((bid_id, each.judged_in(lot_id), each.id) in marks for each in asked)

    able = [each for each in offered if each.offer.bid_id not in barred]
    out = [(each, barred[each.offer.bid_id]) for each in offered if each.offer.bid_id in barred]
    if not all(is_judged(each) for each in able):
        return ordered(Method.LOWEST_PRICE, able), tuple(out)
    every = [judged(judging, lot_id, each.offer, marks) for each in able]
    out += [(each, " ".join(each.failures)) for each in every if each.failures]
    left = ordered(judging.method, (each for each in every if not each.failures))
    return left, tuple(out)


async def read_marks(tx: Transaction, loaded: Loaded) -> dict[Place, Mark]:
    """Read what the panel gave, once its scores are locked; nothing before."""
    judging = loaded.procedure.judging
    if not judging.needs_panel or loaded.row.scores_locked_at is None:
        return {}
    rows = await tx.all(
        select(
            ScoreRow.bid_id,
            ScoreRow.lot_id,
            ScoreRow.criterion_id,
            ScoreRow.evaluator_id,
            ScoreRow.score,
        )
        .join(
            EvaluatorRow,
            (EvaluatorRow.procedure_id == ScoreRow.procedure_id)
            & (EvaluatorRow.member_id == ScoreRow.evaluator_id),
        )
        .where(
            ScoreRow.procedure_id == loaded.procedure.id,
            EvaluatorRow.status == EvaluatorStatus.HANDED_IN.value,
        )
        .order_by(ScoreRow.evaluator_id)
    )
    given = (
        (place_of(row.bid_id, row.lot_id, row.criterion_id), row.evaluator_id, row.score)
        for row in rows
    )
    agreed = await tx.all(
        select(
            AgreedScoreRow.bid_id,
            AgreedScoreRow.lot_id,
            AgreedScoreRow.criterion_id,
            AgreedScoreRow.score,
        ).where(AgreedScoreRow.procedure_id == loaded.procedure.id)
    )
    return rules.marks(
        judging,
        given,
        {place_of(row.bid_id, row.lot_id, row.criterion_id): row.score for row in agreed},
    )


def place_of(bid_id: UUID, lot_id: UUID, criterion_id: UUID) -> Place:
    """Give the place of a stored score."""
    return bid_id, None if lot_id == ALL_LOTS else lot_id, criterion_id
