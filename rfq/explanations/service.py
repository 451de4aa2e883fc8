"""Explanations of abnormally low offers: asked for, given, accepted or rejected."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from marketplace.kernel.errors import NotFound, StaleVersion, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.bids.receiving import hold_own
from rfq.evaluation.rankings import rank_lot
from rfq.explanations.schemas import (
    ExplanationDecisionInput,
    ExplanationInput,
    ExplanationRequestInput,
    ExplanationView,
)
from rfq.procedures.reading import load, reads_as_buyer
from rfq.rules.abnormal import (
    EXPLANATION,
    ExplanationAction,
    ExplanationStatus,
    check_request,
)
from rfq.rules.procedure import LOT, LotAction, check_bids_readable, check_words
from rfq.tables import ExplanationRow

_COLUMNS: Final = (
    ExplanationRow.id,
    ExplanationRow.version,
    ExplanationRow.procedure_id,
    ExplanationRow.lot_id,
    ExplanationRow.bid_id,
    ExplanationRow.buyer_id,
    ExplanationRow.bidder_id,
    ExplanationRow.status,
    ExplanationRow.flag,
    ExplanationRow.question,
    ExplanationRow.explanation,
    ExplanationRow.decision_reason,
    ExplanationRow.requested_at,
    ExplanationRow.explained_at,
    ExplanationRow.decided_at,
)


@retries_conflicts
async def request_explanation(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    lot_id: UUID,
    data: ExplanationRequestInput,
    key: IdempotencyKey,
) -> ExplanationView:
    """Ask the bidder of an abnormally low offer how he comes to his price.

    Raises NotFound, WrongState, Conflict for an offer that is not flagged, InvalidInput for a bid
    that is none of the lot's.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ExplanationView)) is not None:
            return earlier
        loaded = await hold_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        LOT.after(loaded.lot_statuses[lot_id], LotAction.PROPOSE)
        ranking = await rank_lot(tx, loaded, lot_id)
        bidder_id = next(
            (
                final.offer.bidder_id
                for final in ranking.finals
                if final.offer.bid_id == data.bid_id
            ),
            None,
        )
        if bidder_id is None:
            raise invalid("/bid_id", "unknown_bid", "No valid bid for this lot has this id.")
        flag = ranking.flags.get(data.bid_id)
        check_request(flag, ranking.explanations.get(data.bid_id))
        check_words(data.question, "/question")
        made = {
            "id": new_id(),
            "procedure_id": procedure_id,
            "lot_id": lot_id,
            "bid_id": data.bid_id,
            "buyer_id": loaded.procedure.buyer_id,
            "bidder_id": bidder_id,
            "status": ExplanationStatus.REQUESTED.value,
            "flag": "" if flag is None else flag.reason,
            "question": data.question,
            "requested_at": await tx.clock(),
        }
        await tx.execute(insert(ExplanationRow).values(made))
        row = await _read(tx, made["id"])
        _tell(tx, row, "explanation.requested", bidder_id)
        return await keep(tx, key, _view(row))


@retries_conflicts
async def explain_offer(
    platform: Platform, caller: Caller, explanation_id: UUID, data: ExplanationInput, version: int
) -> ExplanationView:
    """Explain the own low offer to the buyer, once.

    Raises NotFound, StaleVersion, WrongState, InvalidInput without words.
    """
    caller.require("bids:write")
    check_words(data.explanation, "/explanation")
    async with transaction(platform, caller) as tx:
        row = await _held(tx, explanation_id, version)
        if row.bidder_id != caller.organization_id:
            raise NotFound("Nobody asked your company for this explanation.")
        status = EXPLANATION.after(ExplanationStatus(row.status), ExplanationAction.EXPLAIN)
        at = await tx.clock()
        after = await _settle(tx, row, status, explanation=data.explanation, explained_at=at)
        _tell(tx, after, "explanation.given", row.buyer_id)
        return _view(after)


@retries_conflicts
async def decide_explanation(
    platform: Platform,
    caller: Caller,
    explanation_id: UUID,
    data: ExplanationDecisionInput,
    version: int,
) -> ExplanationView:
    """Accept an explanation, or reject the offer with a reason: it then cannot win the lot.

    Raises NotFound, StaleVersion, WrongState for what was decided or not explained yet,
    InvalidInput for a rejection without a reason.
    """
    caller.require("rfq:write")
    if not data.accepted:
        check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        asked = await _read(tx, explanation_id)
        # An award of the lot waits for this decision, or this for it.
        loaded = await hold_own(tx, caller, asked.procedure_id)
        row = await _held(tx, explanation_id, version)
        LOT.after(loaded.lot_statuses[row.lot_id], LotAction.PROPOSE)
        action = ExplanationAction.ACCEPT if data.accepted else ExplanationAction.REJECT
        status = EXPLANATION.after(ExplanationStatus(row.status), action)
        at = await tx.clock()
        after = await _settle(tx, row, status, decision_reason=data.reason, decided_at=at)
        _tell(tx, after, "explanation.decided", row.bidder_id)
        return _view(after)


async def _read(tx: Transaction, explanation_id: object) -> Row[Any]:
    row = await tx.maybe(select(*_COLUMNS).where(ExplanationRow.id == explanation_id))
    if row is None:
        raise NotFound("There is no such explanation.")
    return row


async def _held(tx: Transaction, explanation_id: UUID, version: int) -> Row[Any]:
    row = await _read(tx, explanation_id)
    if row.version != version:
        raise StaleVersion(f"The explanation is at version {row.version}, not {version}.")
    return row


async def _settle(
    tx: Transaction, row: Row[Any], status: ExplanationStatus, **values: str | datetime
) -> Row[Any]:
    changed = await tx.maybe(
        update(ExplanationRow)
        .where(ExplanationRow.id == row.id, ExplanationRow.version == row.version)
        .values(status=status.value, version=row.version + 1, **values)
        .returning(ExplanationRow.id)
    )
    if changed is None:
        raise StaleVersion("The explanation was changed meanwhile; read it again.")
    return await _read(tx, row.id)


def _tell(tx: Transaction, row: Row[Any], kind: str, reader: UUID) -> None:
    facts: dict[str, object] = {
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "status": row.status,
    }
    tx.emit(Event(kind, "explanation", row.id, row.version, frozenset([reader]), facts))
    tx.record(kind, "explanation", row.id, after=facts)


async def list_explanations(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[ExplanationView]:
    """List the explanations of a procedure: all to its buyer, his own to a bidder."""
    statement = select(*_COLUMNS).where(ExplanationRow.procedure_id == procedure_id)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ExplanationRow.id > after)
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        rows = await tx.all(statement.order_by(ExplanationRow.id).limit(asked.fetch))
    return page(asked, [_view(row) for row in rows], lambda item: item.id)


def _view(row: Row[Any]) -> ExplanationView:
    return ExplanationView(
        id=row.id,
        version=row.version,
        procedure_id=row.procedure_id,
        lot_id=row.lot_id,
        bid_id=row.bid_id,
        bidder_id=row.bidder_id,
        status=ExplanationStatus(row.status),
        flag=row.flag,
        question=row.question,
        explanation=row.explanation,
        decision_reason=row.decision_reason,
        requested_at=row.requested_at,
        explained_at=row.explained_at,
        decided_at=row.decided_at,
    )
