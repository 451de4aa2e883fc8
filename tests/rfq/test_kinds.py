"""Requests for information, the public listing, budgets: what a procedure is, and who sees what."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import func, select

from marketplace.kernel.errors import InvalidInput, NotFound, WrongState
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.timers import fire_due
from rfq.amendments.schemas import AmendmentInput
from rfq.amendments.service import amend_procedure, list_amendments
from rfq.bids.schemas import AnsweredItemInput, SealedBidInput
from rfq.bids.service import list_receipts, submit_bid
from rfq.feature import FEATURE
from rfq.procedures.listing import list_open_procedures
from rfq.procedures.publishing import create_procedure, publish_procedure, update_draft
from rfq.procedures.reading import list_procedures, load, read_procedure
from rfq.procedures.schemas import BudgetInput, ProcedureInput, QuestionnaireItemInput
from rfq.questionnaires.service import list_answers
from rfq.rules.offering import AnswerForm
from rfq.rules.procedure import Kind, Openness
from rfq.tables import BudgetRow, ProcedureRow
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key

FIRST = PageRequest(50, None)
ITEMS = [
    QuestionnaireItemInput(code="1", prompt="Where do you make it?"),
    QuestionnaireItemInput(code="2", prompt="ISO 9001?", form=AnswerForm.YES_NO),
]
TIMERS = {timer.kind: timer.fire for timer in FEATURE.timers}


async def information(parties: Parties, **changes: object) -> ProcedureInput:
    """A request for information: questions, and no lots."""
    terms = await parties.terms()
    changed = {"kind": Kind.RFI, "lots": [], "questionnaire": ITEMS, **changes}
    return msgspec.structs.replace(terms, **changed)


def answering(*texts: str) -> SealedBidInput:
    given = [
        AnsweredItemInput(code=item.code, answer=text)
        for item, text in zip(ITEMS, texts, strict=False)
    ]
    return SealedBidInput(currency="EUR", answers=given)


async def test_a_request_for_information_ends_with_its_answers_once_with_several_workers(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(await information(parties))
    receipt = await submit_bid(platform, parties.acme, made.id, answering("Kiel", "yes"), key())
    assert receipt.status == "live"
    with pytest.raises(WrongState, match="sealed"):
        await list_answers(platform, parties.buyer, made.id, FIRST)
    await move_clock(HOUR)
    await asyncio.gather(*(fire_due(platform, TIMERS) for _ in range(3)))
    ended = await read_procedure(platform, parties.buyer, made.id)
    assert (ended.status, ended.version) == ("completed", made.version + 2)
    (told,) = (await list_answers(platform, parties.buyer, made.id, FIRST)).items
    assert told.bidder_id == parties.acme.organization_id
    assert [(each.code, each.answer) for each in told.answers] == [("1", "Kiel"), ("2", "yes")]
    (kept,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert kept.status == "opened"


async def test_a_request_for_information_asks_for_no_prices(
    platform: Platform, parties: Parties
) -> None:
    lots = (await parties.terms()).lots
    for wrong, code in (
        (await information(parties, lots=lots), "no_prices"),
        (await information(parties, questionnaire=[]), "empty"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await create_procedure(platform, parties.buyer, wrong, key())
        assert [error.code for error in refused.value.errors] == [code]
    made = await parties.published(await information(parties))
    with pytest.raises(InvalidInput) as incomplete:
        await submit_bid(platform, parties.acme, made.id, answering("Kiel"), key())
    assert incomplete.value.errors[0].code == "answer_missing"


async def test_answers_to_another_question_are_not_confirmed(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published(await information(parties))
    more = [*ITEMS, QuestionnaireItemInput(code="3", prompt="Since when?")]
    given = AmendmentInput(
        summary="One more",
        title=made.title,
        questionnaire=more,
        deadline_at=made.deadline_at + timedelta(days=2),
    )
    await amend_procedure(platform, parties.buyer, made.id, given, made.version)
    (amended,) = (await list_amendments(platform, parties.acme, made.id)).items
    assert amended.lines_changed
    assert [(c.kind, c.place, c.after) for c in amended.changes] == [
        ("added", "question 3", "Since when?")
    ]


async def test_a_tender_may_ask_questions_beside_its_prices(
    platform: Platform, parties: Parties
) -> None:
    terms = msgspec.structs.replace(await parties.terms(), questionnaire=ITEMS)
    made = await parties.published(terms)
    with pytest.raises(InvalidInput):
        await parties.submit(made, parties.acme, "2", "60")
    both = msgspec.structs.replace(bid(made, "2", "60"), answers=answering("Kiel", "no").answers)
    await submit_bid(platform, parties.acme, made.id, both, key())


async def test_the_listing_shows_open_procedures_while_they_receive_bids(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    first = await parties.published(await parties.terms(openness=Openness.OPEN))
    terms = await information(parties, openness=Openness.OPEN)
    terms.deadline_at += HOUR
    second = await parties.published(terms)
    await parties.drafted(await parties.terms(openness=Openness.OPEN))
    await parties.published()

    async def listed(kind: Kind | None = None) -> list[object]:
        seen: list[object] = []
        after = None
        while True:
            found = await list_open_procedures(platform, parties.coil, PageRequest(1, after), kind)
            seen += [item.id for item in found.items]
            if (after := found.next) is None:
                return seen

    assert await listed() == [first.id, second.id]
    assert await listed(Kind.RFI) == [second.id]
    await move_clock(HOUR)  # no timer has closed it yet
    assert await listed() == [second.id]


async def test_a_private_procedure_does_not_exist_for_who_was_not_invited(
    platform: Platform, parties: Parties
) -> None:
    terms = await parties.terms()
    terms.budget = BudgetInput(amount="1000", shown=True)
    made = await parties.published(terms)
    outsider = structs.replace(parties.coil, organization_id=new_id(), scopes=parties.acme.scopes)
    for read in (
        lambda: read_procedure(platform, outsider, made.id),
        lambda: list_receipts(platform, outsider, made.id),
        lambda: submit_bid(platform, outsider, made.id, bid(made, "1", "1"), key()),
    ):
        with pytest.raises(NotFound):
            await read()
    assert (await list_open_procedures(platform, outsider, FIRST)).items == []
    assert (await list_procedures(platform, outsider, FIRST)).items == []
    async with transaction(platform, outsider) as tx:  # not even how many there are
        assert await tx.scalar(select(func.count()).select_from(ProcedureRow)) == 0
        assert await tx.scalar(select(func.count()).select_from(BudgetRow)) == 0


@pytest.mark.parametrize("shown", [True, False])
async def test_a_budget_is_told_to_bidders_only_where_it_is_shown(
    platform: Platform, parties: Parties, shown: bool
) -> None:
    terms = await parties.terms(openness=Openness.OPEN)
    terms.budget = BudgetInput(amount="1000", shown=shown)
    draft = await parties.drafted(terms)
    terms.budget = BudgetInput(amount="1200.50", shown=shown)
    draft = await update_draft(platform, parties.buyer, draft.id, terms, draft.version)
    assert draft.budget is not None
    assert (draft.budget.amount, draft.budget_shown) == ("1200.50", shown)
    made = await publish_procedure(platform, parties.buyer, draft.id, draft.version)
    seen = await read_procedure(platform, parties.acme, made.id)
    assert (seen.budget is not None) is shown
    async with transaction(platform, parties.acme) as tx:
        rows = await tx.all(select(BudgetRow.amount))
    assert len(rows) == shown


async def test_a_budget_is_in_whole_coins(platform: Platform, parties: Parties) -> None:
    terms = await parties.terms()
    terms.budget = BudgetInput(amount="0.001")
    with pytest.raises(InvalidInput) as refused:
        await create_procedure(platform, parties.buyer, terms, key())
    assert refused.value.errors[0].pointer == "/budget/amount"


async def test_a_bid_binds_as_long_as_is_asked(platform: Platform, parties: Parties) -> None:
    terms = await parties.terms()
    terms.bids_valid_until = terms.deadline_at + timedelta(days=30)
    made = await parties.published(terms)
    short = msgspec.structs.replace(
        bid(made, "2", "60"), valid_until=made.deadline_at + timedelta(days=29)
    )
    with pytest.raises(InvalidInput) as refused:
        await submit_bid(platform, parties.acme, made.id, short, key())
    assert refused.value.errors[0].pointer == "/valid_until"
    await parties.submit(made, parties.acme, "2", "60")
    async with system_transaction(platform, Role.ENGINE) as tx:
        assert (await load(tx, made.id)).procedure.offering.valid_until == terms.bids_valid_until
