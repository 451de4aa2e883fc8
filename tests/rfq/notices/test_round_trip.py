"""What our own open data says of a procedure comes back as the same procedure."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from marketplace.worker import Worker
from rfq.attachments.documents import add_document
from rfq.notices.schemas import ImportedNotice
from rfq.notices.service import import_notice
from rfq.ocds.merging import merged
from rfq.procedures.judging import CriterionInput, JudgingInput
from rfq.procedures.publishing import publish_procedure
from rfq.procedures.schemas import BudgetInput, BuyerProcedureView
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.notices.report import Why
from rfq.rules.procedure import Kind, Openness
from tests.rfq.ocds.life import Life, releases_of
from tests.rfq.parties import HOUR, MoveClock, Parties, key
from tests.rfq.test_attachments import chunks

JUDGED = JudgingInput(
    method=Method.COEFFICIENT,
    criteria=[
        CriterionInput(kind=CriterionKind.PRICE, title="Price", weight="60"),
        CriterionInput(kind=CriterionKind.SCORED, title="Service", weight="40", lots=[1]),
        CriterionInput(kind=CriterionKind.SCORED, title="Speed", weight="40", lots=[2]),
        CriterionInput(kind=CriterionKind.GATE, title="Recycled", lots=[2]),
    ],
)


def asked(view: BuyerProcedureView) -> dict[str, Any]:
    """What a release tells of the terms, without identifiers."""
    numbers = {lot.id: number for number, lot in enumerate(view.lots)}
    every = set(numbers.values())
    return {
        "kind": view.kind,
        "openness": view.openness,
        "title": view.title,
        "description": view.description,
        "currency": view.currency,
        "deadline": view.deadline_at,
        "budget": view.budget and Decimal(view.budget.amount),
        "lots": [
            (lot.title, [(each.quantity, each.unit, each.description) for each in lot.lines])
            for lot in view.lots
        ],
        "method": view.judging.method,
        "criteria": sorted(
            (
                each.kind,
                each.title,
                each.weight,
                sorted({numbers[lot] for lot in each.lot_ids} or every),
            )
            for each in view.judging.criteria
        ),
    }


async def taken_over(parties: Parties, release: bytes) -> ImportedNotice:
    return await import_notice(parties.platform, parties.buyer, release, "SEK", key())


@pytest.mark.parametrize("kind", [Kind.RFQ, Kind.TENDER])
async def test_a_published_procedure_comes_back_from_its_release(
    parties: Parties, kind: Kind
) -> None:
    terms = await parties.terms(lots=2, openness=Openness.OPEN)
    terms = msgspec.structs.replace(
        terms,
        kind=kind,
        description="Paper for a year.\nAnd toner.",
        questions_until=terms.deadline_at - HOUR / 2,
        budget=BudgetInput(amount="9876.50", shown=True),
        judging=JUDGED,
    )
    draft, platform = await parties.drafted(terms), parties.platform
    for name in ("Terms.txt", "Drawing.txt"):
        await add_document(platform, parties.buyer, draft.id, name, chunks(name.encode()))
    made = await publish_procedure(platform, parties.buyer, draft.id, draft.version)
    [release] = await releases_of(parties, made.id)
    back = await taken_over(parties, release.encode())
    assert asked(back.procedure) == asked(made)
    assert back.procedure.questions_until == made.questions_until
    assert {each.title for each in back.report.documents} == {"Terms.txt", "Drawing.txt"}
    # The formula and its reference are not in the standard; all else has its place.
    codes = {each.code for each in back.report.decisions}
    assert codes == {"price_formula", "documents"}


async def test_what_an_amendment_left_comes_back_from_the_record(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    life = Life(parties, worker, move_clock)
    await life.publish()
    await life.ask_and_answer()
    await life.amend_and_extend()
    made = await life.now()
    compiled = merged(await life.releases())
    back = await taken_over(parties, compiled)
    expected = asked(made)
    # A hidden budget is not in the open, and what names no amount names no currency.
    assert asked(back.procedure) == {**expected, "budget": None, "currency": "SEK"}
    assert back.report.kind == "compiled"
    codes = {each.code for each in back.report.decisions}
    assert codes == {"lots_ended", "currency_missing", "documents"}
    left = [row.value for row in back.report.unmapped if row.reason is Why.NO_PLACE]
    assert "Lot 4" in left
