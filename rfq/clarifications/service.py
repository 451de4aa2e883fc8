"""Questions of suppliers and the buyer's answers to all.

Who asked stands in a row that only the asker can read; events and the audit trail of the buyer do
not name him either.
"""

from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, func, insert, select, update

from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.bids.receiving import bids_lock, hold_own, load_for_bidder
from rfq.clarifications.schemas import (
    AnswerInput,
    QuestionDeclineInput,
    QuestionInput,
    QuestionView,
)
from rfq.ocds.facts import Answered
from rfq.ocds.steps import tell_answered
from rfq.procedures.deadlines import extend
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.clarification import (
    QUESTION,
    QuestionAction,
    QuestionStatus,
    check_asking,
    deadline_after_answer,
)
from rfq.rules.procedure import check_receiving, check_words
from rfq.tables import QuestionAskerRow, QuestionRow

_QUESTION: Final = (
    QuestionRow.id,
    QuestionRow.procedure_id,
    QuestionRow.status,
    QuestionRow.version,
    QuestionRow.question,
    QuestionRow.published_question,
    QuestionRow.answer,
    QuestionRow.asked_at,
    QuestionRow.answered_at,
)


@retries_conflicts
async def ask_question(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: QuestionInput,
    key: IdempotencyKey,
) -> QuestionView:
    """Ask the buyer; he reads the question without the asker's name.

    Raises NotFound, NotPermitted for who may not bid, WrongState after the time to ask.
    """
    caller.require("bids:write")
    check_words(data.question, "/question")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, QuestionView)) is not None:
            return earlier
        # Shared with bids, alone for the closing: no question gets in behind it.
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
        loaded = await load_for_bidder(tx, caller, procedure_id)
        at = await tx.clock()
        check_asking(loaded.procedure, await _asked_before(tx, caller, procedure_id), at)
        question_id = new_id()
        buyer_id = loaded.procedure.buyer_id
        asked = {"id": question_id, "procedure_id": procedure_id, "buyer_id": buyer_id}
        status = QuestionStatus.ASKED.value
        await tx.execute(
            insert(QuestionRow).values(**asked, status=status, question=data.question, asked_at=at)
        )
        await tx.execute(
            insert(QuestionAskerRow).values(
                question_id=question_id,
                asker_id=caller.organization_id,
                procedure_id=procedure_id,
            )
        )
        facts: dict[str, object] = {"procedure_id": procedure_id}
        tx.emit(Event("question.asked", "question", question_id, 1, frozenset([buyer_id]), facts))
        tx.record("question.asked", "question", question_id, after=facts)
        return await keep(tx, key, _view(await _question(tx, question_id), original=True))


async def _asked_before(tx: Transaction, caller: Caller, procedure_id: UUID) -> int:
    count: int = await tx.scalar(
        select(func.count()).where(
            QuestionAskerRow.procedure_id == procedure_id,
            QuestionAskerRow.asker_id == caller.organization_id,
        )
    )
    return count


async def _question(tx: Transaction, question_id: UUID) -> Row[Any]:
    row = await tx.maybe(select(*_QUESTION).where(QuestionRow.id == question_id))
    if row is None:
        raise NotFound("There is no such question.")
    return row


@retries_conflicts
async def answer_question(
    platform: Platform,
    caller: Caller,
    question_id: UUID,
    data: AnswerInput,
    version: int,
) -> QuestionView:
    """Answer to all, in the buyer's wording of the question.

    Where the procedure has an answer time the deadline moves so that bidders have it. Raises
    NotFound, StaleVersion, WrongState for what was answered, and after the deadline.
    """
    check_words(data.question, "/question")
    check_words(data.answer, "/answer")
    async with transaction(platform, caller) as tx:
        row, loaded = await _held(tx, caller, question_id, version)
        at = await tx.clock()
        check_receiving(loaded.procedure, at)
        status = QUESTION.after(QuestionStatus(row.status), QuestionAction.ANSWER)
        texts = {"published_question": data.question, "answer": data.answer}
        await _settle(tx, row, status, at, **texts)
        facts: dict[str, object] = {"procedure_id": loaded.procedure.id, **texts}
        audience = loaded.may_be_seen_by()
        tx.emit(Event("question.answered", "question", row.id, version + 1, audience, facts))
        tx.record("question.answered", "question", row.id, after=facts)
        told = Answered(row.id, data.question, data.answer, row.asked_at, at)
        await tell_answered(tx, loaded, told)
        deadline_at = deadline_after_answer(loaded.procedure, at)
        if deadline_at > loaded.procedure.deadline_at:
            await extend(platform, tx, loaded, deadline_at, "A question was answered.")
        return _view(await _question(tx, question_id), original=True)


@retries_conflicts
async def decline_question(
    platform: Platform, caller: Caller, question_id: UUID, data: QuestionDeclineInput, version: int
) -> QuestionView:
    """Leave a question unanswered, with a reason that its asker reads.

    Raises NotFound, StaleVersion, WrongState, InvalidInput without a reason.
    """
    async with transaction(platform, caller) as tx:
        row, loaded = await _held(tx, caller, question_id, version)
        check_words(data.reason, "/reason")
        status = QUESTION.after(QuestionStatus(row.status), QuestionAction.DECLINE)
        await _settle(tx, row, status, await tx.clock(), answer=data.reason)
        facts: dict[str, object] = {"procedure_id": loaded.procedure.id, "reason": data.reason}
        tx.record("question.declined", "question", row.id, after=facts)
        return _view(await _question(tx, question_id), original=True)


async def _held(
    tx: Transaction, caller: Caller, question_id: UUID, version: int
) -> tuple[Row[Any], Loaded]:
    """Hold a question's procedure, its bids and then itself for its buyer."""
    caller.require("rfq:write")
    asked = await _question(tx, question_id)
    loaded = await hold_own(tx, caller, asked.procedure_id)
    row = await _question(tx, question_id)
    if row.version != version:
        raise StaleVersion(f"The question is at version {row.version}, not {version}.")
    return row, loaded


async def _settle(
    tx: Transaction, row: Row[Any], status: QuestionStatus, at: object, **texts: str
) -> None:
    await tx.execute(
        update(QuestionRow)
        .where(QuestionRow.id == row.id)
        .values(status=status.value, version=row.version + 1, answered_at=at, **texts)
    )


async def list_questions(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[QuestionView]:
    """List questions, the first first: all of them to the buyer, to others the answered and own.

    Raises NotFound where the procedure is not to be seen.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        buys = reads_as_buyer(caller, loaded)
        # What others may not see is not in the rows: row-level security leaves it out.
        statement = (
            select(*_QUESTION, QuestionAskerRow.asker_id)
            .outerjoin(QuestionAskerRow, QuestionAskerRow.question_id == QuestionRow.id)
            .where(QuestionRow.procedure_id == procedure_id)
            .order_by(QuestionRow.id)
            .limit(asked.fetch)
        )
        if (after := asked.key(UUID)) is not None:
            statement = statement.where(QuestionRow.id > after)
        rows = await tx.all(statement)
    views = [_view(row, original=buys or row.asker_id is not None) for row in rows]
    return page(asked, views, lambda view: view.id)


def _view(row: Row[Any], *, original: bool) -> QuestionView:
    return QuestionView(
        id=row.id,
        procedure_id=row.procedure_id,
        version=row.version,
        status=QuestionStatus(row.status),
        question=row.published_question,
        answer=row.answer,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        original=row.question if original else UNSET,
    )
