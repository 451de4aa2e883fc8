from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import select

from marketplace.kernel.errors import NotFound, NotPermitted, StaleVersion, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from rfq.clarifications.schemas import (
    AnswerInput,
    QuestionDeclineInput,
    QuestionInput,
    QuestionView,
)
from rfq.clarifications.service import (
    answer_question,
    ask_question,
    decline_question,
    list_questions,
)
from rfq.procedures.reading import read_procedure
from rfq.rules.clarification import QuestionStatus
from rfq.rules.procedure import Openness, Status
from rfq.tables import QuestionAskerRow, QuestionRow
from tests.rfq.parties import HOUR, MoveClock, Parties, key

OWN_WORDS = "Acme asks: does our recycled grade 7731 count as 80 g paper?"
ANSWER = AnswerInput(question="Is recycled paper accepted?", answer="Yes, from 75 g.")


async def ask(parties: Parties, who: Caller, procedure_id: Any, text: str = "?") -> QuestionView:
    return await ask_question(
        parties.platform, who, procedure_id, QuestionInput(question=text), key()
    )


async def read(parties: Parties, who: Caller, procedure_id: Any) -> list[QuestionView]:
    asked = PageRequest(50, None)
    return (await list_questions(parties.platform, who, procedure_id, asked)).items


async def test_an_answer_goes_to_all_and_nobody_reads_who_asked(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    asked = await ask(parties, parties.acme, made.id, OWN_WORDS)
    await answer_question(platform, parties.buyer, asked.id, ANSWER, asked.version)
    rivals = [await read(parties, who, made.id) for who in (parties.bolt, parties.coil)]
    assert [(q.question, q.answer) for q in rivals[0]] == [(ANSWER.question, ANSWER.answer)]
    for seen in rivals:
        text = msgspec.json.encode(seen).decode()
        assert "grade 7731" not in text
        assert str(parties.acme.organization_id) not in text
    (own,) = await read(parties, parties.acme, made.id)
    assert own.original == OWN_WORDS


async def test_the_buyer_reads_a_question_and_not_whose_it_is(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    await ask(parties, parties.acme, made.id, "How is it packed?")
    (seen,) = await read(parties, parties.buyer, made.id)
    assert seen.original == "How is it packed?"
    async with transaction(platform, parties.buyer) as tx:
        assert await tx.all(select(QuestionAskerRow.asker_id)) == []


async def test_what_is_not_answered_yet_is_read_by_its_asker_alone(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    before = msgspec.json.encode(await read(parties, parties.bolt, made.id))
    asked = await ask(parties, parties.acme, made.id)
    assert msgspec.json.encode(await read(parties, parties.bolt, made.id)) == before
    assert [q.id for q in await read(parties, parties.acme, made.id)] == [asked.id]
    reason = QuestionDeclineInput(reason="The description says it.")
    await decline_question(platform, parties.buyer, asked.id, reason, asked.version)
    assert msgspec.json.encode(await read(parties, parties.bolt, made.id)) == before
    (own,) = await read(parties, parties.acme, made.id)
    assert (own.status, own.answer) == (QuestionStatus.DECLINED, reason.reason)
    async with transaction(platform, parties.bolt) as tx:
        assert await tx.all(select(QuestionRow.question)) == []


async def test_the_event_of_a_question_tells_the_buyer_no_company(
    parties: Parties, owner: Any
) -> None:
    made = await parties.published()
    await ask(parties, parties.acme, made.id)
    rows = await owner.fetch("select * from outbox where kind = 'question.asked'")
    assert [row["audience"] for row in rows] == [[parties.buyer.organization_id]]
    assert str(parties.acme.organization_id) not in str([dict(row) for row in rows])


async def test_questions_are_for_who_may_bid(parties: Parties) -> None:
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    with pytest.raises(NotPermitted):
        await ask(parties, structs.replace(parties.buyer, scopes=parties.acme.scopes), made.id)
    draft = await parties.drafted()
    with pytest.raises(NotFound):
        await ask(parties, parties.acme, draft.id)


async def test_another_company_answers_no_question(platform: Platform, parties: Parties) -> None:
    made = await parties.published()
    asked = await ask(parties, parties.acme, made.id)
    stranger = structs.replace(parties.bolt, scopes=parties.buyer.scopes)
    with pytest.raises(NotFound):
        await answer_question(platform, stranger, asked.id, ANSWER, asked.version)


async def test_of_two_answers_the_second_is_told_that_it_is_late(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    asked = await ask(parties, parties.acme, made.id)
    done = await answer_question(platform, parties.buyer, asked.id, ANSWER, asked.version)
    with pytest.raises(StaleVersion):
        await answer_question(platform, parties.buyer, asked.id, ANSWER, asked.version)
    with pytest.raises(WrongState):
        await answer_question(platform, parties.buyer, asked.id, ANSWER, done.version)


async def test_receiving_does_not_end_while_a_question_is_unanswered(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await parties.published(msgspec.structs.replace(await parties.terms(), answer_hours=2))
    asked = await ask(parties, parties.acme, made.id)
    await parties.submit(made, parties.bolt, "3", "90")
    await move_clock(HOUR)
    await worker.run_until_idle()
    waiting = await read_procedure(platform, parties.buyer, made.id)
    assert waiting.status is Status.PUBLISHED
    assert waiting.deadline_at >= made.deadline_at + 2 * HOUR
    await parties.submit(made, parties.coil, "4", "90")
    await move_clock(HOUR)
    await answer_question(platform, parties.buyer, asked.id, ANSWER, asked.version)
    answered = await read_procedure(platform, parties.bolt, made.id)
    assert answered.deadline_at - waiting.deadline_at > timedelta(minutes=30)
    await move_clock(2 * HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.OPENED


async def test_without_an_answer_time_the_deadline_stands(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await parties.published()
    asked = await ask(parties, parties.acme, made.id)
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.UNSUCCESSFUL
    with pytest.raises(WrongState):
        await answer_question(platform, parties.buyer, asked.id, ANSWER, asked.version)
