"""Scores: each evaluator gives his own alone, hands in, and then they are locked for all.

Nothing here tells an evaluator what another gave before all have handed in: row security shows him
his own rows, audit and events name no score, and no answer counts another's.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from rfq.evaluation.comparing import compare, place_of
from rfq.evaluation.judged_bids import judged_bids, judged_variants, offered_lots
from rfq.evaluation.moving import move, settle_empty_lots
from rfq.evaluation.panel import (
    SCOPE,
    agreed,
    find_evaluator,
    move_evaluator,
    own_part,
    statuses,
)
from rfq.evaluation.panel_schemas import (
    EvaluatorView,
    JudgedBidView,
    ScoresInput,
    ScoreView,
    SheetView,
)
from rfq.evaluation.tables import ALL_LOTS, AgreedScoreRow, EvaluatorRow, ScoreRow
from rfq.ocds.steps import tell_progress
from rfq.opening.prices import open_prices, write_result
from rfq.procedures.judging import judging_view
from rfq.procedures.publishing import check_version, load_own
from rfq.procedures.reading import Loaded, buyer_view, load
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules import panel as rules
from rfq.rules.criteria import Criterion
from rfq.rules.evaluation import Place
from rfq.rules.panel import EvaluatorAction, EvaluatorStatus
from rfq.rules.procedure import Status
from rfq.rules.progress import status_after_scores
from rfq.rules.variant_decisions import check_all_decided


async def read_sheet(platform: Platform, caller: Caller, procedure_id: UUID) -> SheetView:
    """Show an evaluator what he judges and what he gave.

    Raises NotFound, WrongState before the panel's time, NotPermitted for who is not on the panel,
    has not declared his interests, or has a conflict.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        return await _sheet(tx, caller, loaded)


async def _evaluator(
    tx: Transaction, caller: Caller, loaded: Loaded, *states: Status
) -> EvaluatorStatus:
    """Let in who judges, in these states of the procedure."""
    own = await find_evaluator(tx, loaded.procedure.id, caller.member_id)
    status = None if own is None else EvaluatorStatus(own.status)
    rules.check_access(status)
    if status is None or loaded.procedure.status not in states:
        now = loaded.procedure.status.value
        raise WrongState(f"This procedure is {now}: the panel does not do this now.", state=now)
    return status


async def _sheet(tx: Transaction, caller: Caller, loaded: Loaded) -> SheetView:
    shown_in = (Status.EVALUATION, Status.CONSENSUS, Status.LOCKED, Status.EVALUATED)
    own_status = await _evaluator(tx, caller, loaded, *shown_in)
    asked, given = await _asked(tx, loaded), await _given(tx, loaded)
    own = {_place(row) for row in given if row.evaluator_id == caller.member_id}
    return SheetView(
        procedure_id=loaded.procedure.id,
        status=loaded.procedure.status,
        judging=judging_view(loaded.procedure.judging),
        own_status=own_status,
        bids=[
            msgspec.convert(row._asdict(), JudgedBidView)
            for row in await judged_bids(tx, loaded)
            if any(place[0] == row.bid_id for place in asked)
        ],
        missing=len(asked.keys() - own),
        scores=[_score_view(row, row.evaluator_id) for row in given],
        agreed=[_score_view(row, row.proposed_by) for row in await _agreed(tx, loaded)],
    )


async def _asked(tx: Transaction, loaded: Loaded) -> dict[Place, Criterion]:
    return rules.places_to_judge(loaded.procedure.judging, await offered_lots(tx, loaded))


async def _given(tx: Transaction, loaded: Loaded) -> Sequence[Row[Any]]:
    """Read the scores this evaluator may see: his own, and all once they are locked."""
    return await tx.all(
        select(
            ScoreRow.evaluator_id,
            ScoreRow.bid_id,
            ScoreRow.lot_id,
            ScoreRow.criterion_id,
            ScoreRow.score,
            ScoreRow.comment,
        )
        .where(ScoreRow.procedure_id == loaded.procedure.id)
        .order_by(ScoreRow.evaluator_id, ScoreRow.bid_id, ScoreRow.lot_id, ScoreRow.criterion_id)
    )


async def _agreed(tx: Transaction, loaded: Loaded) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            AgreedScoreRow.proposed_by,
            AgreedScoreRow.bid_id,
            AgreedScoreRow.lot_id,
            AgreedScoreRow.criterion_id,
            AgreedScoreRow.score,
            AgreedScoreRow.comment,
        )
        .where(AgreedScoreRow.procedure_id == loaded.procedure.id)
        .order_by(AgreedScoreRow.bid_id, AgreedScoreRow.lot_id, AgreedScoreRow.criterion_id)
    )


def _place(row: Row[Any]) -> Place:
    return place_of(row.bid_id, row.lot_id, row.criterion_id)


def _score_view(row: Row[Any], evaluator_id: UUID) -> ScoreView:
    return ScoreView(
        evaluator_id=evaluator_id,
        bid_id=row.bid_id,
        criterion_id=row.criterion_id,
        lot_id=None if row.lot_id == ALL_LOTS else row.lot_id,
        score=plain_decimal(row.score),
        comment=row.comment,
    )


@retries_conflicts
async def put_scores(
    platform: Platform, caller: Caller, procedure_id: UUID, data: ScoresInput
) -> SheetView:
    """Write own scores, or others in their place, until they are handed in.

    Raises NotFound, NotPermitted, WrongState, InvalidInput with every pointer at once.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        status = await _evaluator(tx, caller, loaded, Status.EVALUATION)
        if status is not EvaluatorStatus.JUDGING:
            raise WrongState("You have handed in: your scores are locked.", state=status)
        rows = await _checked(tx, loaded, data)
        at = await tx.clock()
        owner = {"evaluator_id": caller.member_id, "given_at": at}
        statement = upsert(ScoreRow)
        await tx.execute(
            statement.on_conflict_do_update(
                constraint="pk_bid_scores",
                set_={
                    "score": statement.excluded.score,
                    "comment": statement.excluded.comment,
                    "given_at": statement.excluded.given_at,
                },
            ),
            [{**row, **owner} for row in rows],
        )
        return await _sheet(tx, caller, loaded)


async def _checked(tx: Transaction, loaded: Loaded, data: ScoresInput) -> list[dict[str, Any]]:
    """Give the scores as rows; raises InvalidInput."""
    given: list[tuple[Place, Decimal]] = [
        ((each.bid_id, each.lot_id, each.criterion_id), Decimal(each.score)) for each in data.scores
    ]
    rules.check_scores(await _asked(tx, loaded), given)
    return [
        {
            "procedure_id": loaded.procedure.id,
            "buyer_id": loaded.procedure.buyer_id,
            "bid_id": each.bid_id,
            "lot_id": each.lot_id or ALL_LOTS,
            "criterion_id": each.criterion_id,
            "score": Decimal(each.score),
            "comment": each.comment,
        }
        for each in data.scores
    ]


@retries_conflicts
async def hand_in(platform: Platform, caller: Caller, procedure_id: UUID) -> EvaluatorView:
    """Lock the own scores: from now on nobody changes them.

    Raises NotFound, NotPermitted, WrongState, Conflict where something is not judged yet.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        await _evaluator(tx, caller, loaded, Status.EVALUATION)
        own = [_place(r) for r in await _given(tx, loaded) if r.evaluator_id == caller.member_id]
        rules.check_complete(await _asked(tx, loaded), own)
        at = await tx.clock()
        return await move_evaluator(
            tx, procedure_id, caller.member_id, EvaluatorAction.HAND_IN, handed_in_at=at
        )


async def lock_scores(
    platform: Platform, caller: Caller, procedure_id: UUID, version: int
) -> BuyerProcedureView:
    """Lock what all evaluators gave: then, or after their consensus, prices are shown.

    With two envelopes those of who passed are opened then. Raises NotFound, StaleVersion,
    WrongState, Conflict while somebody judges or has not agreed, NotPermitted for who has a
    conflict of interest.
    """
    caller.require("rfq:write")
    await _lock(platform, caller, procedure_id, version)
    await open_prices(platform, procedure_id)
    async with transaction(platform, caller) as tx:
        return await buyer_view(tx, await load(tx, procedure_id))


@retries_conflicts
async def _lock(platform: Platform, caller: Caller, procedure_id: UUID, version: int) -> None:
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        check_version(loaded, version)
        await own_part(tx, caller, loaded)
        after = status_after_scores(loaded.procedure)
        panel = await statuses(tx, loaded)
        rules.check_lock(loaded.procedure.judging, list(panel.values()))
        # Once prices are known it is too late: nobody decides by them.
        check_all_decided(await judged_variants(tx, loaded))
        if loaded.procedure.status is Status.CONSENSUS:
            agreed_on = {_place(row) for row in await _agreed(tx, loaded)}
            rules.check_complete(await _asked(tx, loaded), agreed_on)
            rules.check_agreed(panel, await agreed(tx, loaded))
        at = loaded.row.scores_locked_at or await tx.clock()
        await move(tx, loaded, after, "procedure.scores_locked", scores_locked_at=at)
        if after is Status.EVALUATED:
            await _settle(tx, procedure_id)
        elif after is Status.LOCKED:
            await write_result(tx, procedure_id)


async def _settle(tx: Transaction, procedure_id: UUID) -> None:
    """Fail the lots in which nobody can win by the scores."""
    loaded = await load(tx, procedure_id)
    compared = await compare(tx, loaded)
    left = [lot_id for lot_id, standings in compared.standings.items() if standings]
    status = await settle_empty_lots(tx, loaded, left, loaded.procedure.status)
    if status is not loaded.procedure.status:
        await move(tx, loaded, status, "procedure.unsuccessful")
    await tell_progress(tx, loaded)


@retries_conflicts
async def put_agreed_scores(
    platform: Platform, caller: Caller, procedure_id: UUID, data: ScoresInput
) -> SheetView:
    """Write what the panel agrees on; whoever agreed to other scores has to agree anew.

    Raises NotFound, NotPermitted, WrongState outside of the consensus, InvalidInput.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        await _evaluator(tx, caller, loaded, Status.CONSENSUS)
        rows = await _checked(tx, loaded, data)
        at = await tx.clock()
        statement = upsert(AgreedScoreRow)
        await tx.execute(
            statement.on_conflict_do_update(
                constraint="pk_agreed_scores",
                set_={
                    "score": statement.excluded.score,
                    "comment": statement.excluded.comment,
                    "proposed_by": statement.excluded.proposed_by,
                    "proposed_at": statement.excluded.proposed_at,
                },
            ),
            [{**row, "proposed_by": caller.member_id, "proposed_at": at} for row in rows],
        )
        await tx.execute(
            update(EvaluatorRow)
            .where(EvaluatorRow.procedure_id == procedure_id)
            .values(agreed_at=None)
        )
        tx.record("consensus.proposed", "procedure", procedure_id, after={"scores": len(rows)})
        return await _sheet(tx, caller, loaded)


@retries_conflicts
async def agree(platform: Platform, caller: Caller, procedure_id: UUID) -> SheetView:
    """Agree to the panel's scores as they stand.

    Raises NotFound, NotPermitted, WrongState, Conflict where something is not agreed on yet.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        await _evaluator(tx, caller, loaded, Status.CONSENSUS)
        agreed_on = {_place(row) for row in await _agreed(tx, loaded)}
        rules.check_complete(await _asked(tx, loaded), agreed_on)
        at = await tx.clock()
        await tx.execute(
            update(EvaluatorRow)
            .where(
                EvaluatorRow.procedure_id == procedure_id,
                EvaluatorRow.member_id == caller.member_id,
            )
            .values(agreed_at=at)
        )
        tx.record("consensus.agreed", "procedure", procedure_id, after={"at": at})
        return await _sheet(tx, caller, loaded)
