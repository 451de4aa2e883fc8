"""Amendments and later deadlines, on the database."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion, WrongState
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.amendments.schemas import (
    AmendedCriterionInput,
    AmendedJudgingInput,
    AmendedLineInput,
    AmendedLotInput,
    AmendedRequirementInput,
    AmendmentInput,
    ExtensionInput,
)
from rfq.amendments.service import amend_procedure, extend_deadline, list_amendments
from rfq.bids.service import confirm_bid, list_receipts, replace_bid
from rfq.evaluation.listing import list_bids
from rfq.procedures.judging import CriterionInput, JudgingInput, RequirementInput
from rfq.procedures.publishing import update_draft
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.procedure import Status
from rfq.rules.qualification import RequirementKind
from rfq.rules.sealing import Leaf, merkle_root
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key


async def with_notice(parties: Parties, hours: int = 0) -> BuyerProcedureView:
    terms = msgspec.structs.replace(await parties.terms(), amendment_notice_hours=hours)
    return await parties.published(terms)


def amendment(made: BuyerProcedureView, **changes: Any) -> AmendmentInput:
    """The terms as they are, with the quantity of each lot's first line doubled."""
    lots = [
        AmendedLotInput(
            id=lot.id,
            title=lot.title,
            lines=[
                AmendedLineInput(
                    id=line.id,
                    quantity=str(int(line.quantity) * 2) if not place else line.quantity,
                    unit=line.unit,
                    description=line.description,
                    sku=line.sku,
                )
                for place, line in enumerate(lot.lines)
            ],
        )
        for lot in made.lots
    ]
    given = {"summary": "We grow.", "title": made.title, "lots": lots, **changes}
    return AmendmentInput(**given)


async def amended(parties: Parties, made: BuyerProcedureView, **changes: Any) -> BuyerProcedureView:
    return await amend_procedure(
        parties.platform, parties.buyer, made.id, amendment(made, **changes), made.version
    )


async def test_bidders_read_what_was_amended_as_differences(
    platform: Platform, parties: Parties
) -> None:
    made = await with_notice(parties)
    after = await amended(parties, made)
    assert after.terms_version == 2
    assert [line.id for lot in after.lots for line in lot.lines] == [
        line.id for lot in made.lots for line in lot.lines
    ]
    (seen,) = (await list_amendments(platform, parties.bolt, made.id)).items
    assert (seen.number, seen.summary, seen.lines_changed) == (2, "We grow.", False)
    (change,) = seen.changes
    assert (change.before, change.after) == ("100 XBX", "200 XBX")


async def test_amendment_between_two_submissions_leaves_the_first_unconfirmed(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await with_notice(parties)
    await parties.submit(made, parties.acme, "1", "90")
    await amended(parties, made)
    await parties.submit(made, parties.bolt, "2", "90")
    statuses = [
        (await list_receipts(platform, who, made.id)).items[0].status
        for who in (parties.acme, parties.bolt)
    ]
    assert statuses == [BidStatus.UNCONFIRMED, BidStatus.LIVE]
    await move_clock(HOUR)
    await worker.run_until_idle()
    listed = await list_bids(platform, parties.buyer, made.id)
    assert [item.bidder_id for item in listed.items] == [parties.bolt.organization_id]
    (receipt,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert receipt.status == BidStatus.UNCONFIRMED


async def test_an_unconfirmed_bid_stands_in_the_published_tree_as_what_it_is(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await with_notice(parties)
    sent = await parties.submit(made, parties.acme, "1", "90")
    await amended(parties, made)
    await parties.submit(made, parties.bolt, "2", "90")
    await move_clock(HOUR)
    await worker.run_until_idle()
    seen = await read_procedure(platform, parties.acme, made.id)
    leaf = Leaf(bytes.fromhex(sent.commitment), BidStatus.UNCONFIRMED).hashed()
    assert seen.bid_leaves is not None
    assert leaf.hex() in seen.bid_leaves
    root = merkle_root([bytes.fromhex(each) for each in seen.bid_leaves])
    assert root.hex() == seen.bids_root


async def test_a_confirmed_bid_counts_again_at_the_price_it_had(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await with_notice(parties)
    sent = await parties.submit(made, parties.acme, "1", "90")
    await amended(parties, made)
    confirmed = await confirm_bid(platform, parties.acme, made.id, sent.bid_id, sent.version)
    assert (confirmed.status, confirmed.terms_version) == (BidStatus.LIVE, 2)
    assert confirmed.commitment == sent.commitment
    with pytest.raises(Conflict, match="nothing to confirm"):
        await confirm_bid(platform, parties.acme, made.id, sent.bid_id, sent.version)
    await move_clock(HOUR)
    await worker.run_until_idle()
    (opened,) = (await list_bids(platform, parties.buyer, made.id)).items
    assert opened.offers[0].total.amount == "470.00"


async def test_criteria_requirements_and_questions_are_amended_and_stay_where_they_are_left_out(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    terms = msgspec.structs.replace(
        await parties.terms(),
        amendment_notice_hours=0,
        judging=JudgingInput(
            method=Method.COEFFICIENT,
            criteria=[
                CriterionInput(kind=CriterionKind.PRICE, title="Price", weight="40"),
                CriterionInput(kind=CriterionKind.SCORED, title="Quality", weight="60"),
            ],
        ),
        requirements=[RequirementInput(kind=RequirementKind.DOCUMENT, title="Insurance")],
    )
    made = await parties.published(terms)
    sent = await parties.submit(made, parties.acme, "1", "90")
    price, quality = made.judging.criteria
    left_alone = await amended(parties, made)
    assert (left_alone.judging, left_alone.requirements) == (made.judging, made.requirements)
    judged = AmendedJudgingInput(
        method=Method.COEFFICIENT,
        criteria=[
            AmendedCriterionInput(
                id=price.id, kind=CriterionKind.PRICE, title="Price", weight="100"
            )
        ],
    )
    asked = [AmendedRequirementInput(kind=RequirementKind.EXCLUSION_GROUND, title="Not insolvent")]
    after = await amended(parties, left_alone, judging=judged, requirements=asked)
    assert [each.id for each in after.judging.criteria] == [price.id]
    told = (await list_amendments(platform, parties.bolt, made.id)).items[-1]
    assert [(each.place, each.before, each.after) for each in told.changes[1:]] == [
        ("criterion 'Price', weight", "40", "100"),
        ("criterion 'Quality'", "scored, weight 60, all lots", None),
        ("requirement 'Not insolvent'", None, "exclusion ground: Not insolvent"),
        ("requirement 'Insurance'", "document: Insurance", None),
    ]
    (receipt,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert receipt.status == BidStatus.UNCONFIRMED
    await confirm_bid(platform, parties.acme, made.id, sent.bid_id, sent.version)
    for wrong in (quality.id, made.id):
        criterion = AmendedCriterionInput(id=wrong, kind=CriterionKind.PRICE, title="P")
        with pytest.raises(InvalidInput) as refused:
            await amended(parties, after, judging=AmendedJudgingInput(criteria=[criterion]))
        assert refused.value.errors[0].pointer == "/judging/criteria/0/id"
    with pytest.raises(InvalidInput, match="sum to 50"):
        half = AmendedCriterionInput(kind=CriterionKind.PRICE, title="Price", weight="50")
        judged = AmendedJudgingInput(method=Method.COEFFICIENT, criteria=[half])
        await amended(parties, after, judging=judged)
    await move_clock(HOUR)
    await worker.run_until_idle()
    opened = await read_procedure(platform, parties.buyer, made.id)
    assert opened.status is Status.QUALIFICATION
    with pytest.raises(WrongState):
        await amended(parties, opened, requirements=[])


async def test_where_lines_were_added_a_bid_is_replaced_and_not_confirmed(
    platform: Platform, parties: Parties
) -> None:
    made = await with_notice(parties)
    sent = await parties.submit(made, parties.acme, "1", "90")
    given = amendment(made)
    glue = AmendedLineInput(quantity="5", unit="C62", description="Glue")
    given.lots[0].lines.append(glue)
    after = await amend_procedure(platform, parties.buyer, made.id, given, made.version)
    with pytest.raises(Conflict, match="replace"):
        await confirm_bid(platform, parties.acme, made.id, sent.bid_id, sent.version)
    again = await replace_bid(
        platform,
        parties.acme,
        made.id,
        sent.bid_id,
        data=bid(after, "1", "90", "4"),
        version=1,
        key=key(),
    )
    assert (again.status, again.terms_version) == (BidStatus.LIVE, 2)


async def test_a_late_amendment_extends_the_deadline_and_the_key_waits_with_it(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await with_notice(parties, hours=3)
    with pytest.raises(InvalidInput, match="extends the deadline"):
        await amended(parties, made)
    later = made.deadline_at + 3 * HOUR
    await amended(parties, made, deadline_at=later)
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.PUBLISHED
    await parties.submit(made, parties.acme, "1", "90")
    await move_clock(3 * HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.OPENED


async def test_after_an_extension_bids_stand_and_the_old_deadline_opens_nothing(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock, owner: Any
) -> None:
    made = await with_notice(parties)
    await parties.submit(made, parties.acme, "1", "90")
    given = ExtensionInput(deadline_at=made.deadline_at + HOUR, reason="Holidays.")
    await extend_deadline(platform, parties.buyer, made.id, given, made.version)
    rows = await owner.fetch("select audience from outbox where kind = 'procedure.extended'")
    everybody = {parties.buyer.organization_id, *(s.organization_id for s in parties.suppliers)}
    assert [set(row["audience"]) for row in rows] == [everybody]
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.PUBLISHED
    (receipt,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert receipt.status == BidStatus.LIVE
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert len((await list_bids(platform, parties.buyer, made.id)).items) == 1


async def test_a_refused_amendment_writes_nothing(platform: Platform, parties: Parties) -> None:
    made = await with_notice(parties)
    before = msgspec.json.encode(await read_procedure(platform, parties.buyer, made.id))
    wrong = amendment(made)
    wrong.lots[0].lines.append(AmendedLineInput(quantity="0.5", unit="C62", description="Half"))
    with pytest.raises(InvalidInput):
        await amend_procedure(platform, parties.buyer, made.id, wrong, made.version)
    with pytest.raises(StaleVersion):
        await amend_procedure(platform, parties.buyer, made.id, amendment(made), made.version - 1)
    assert msgspec.json.encode(await read_procedure(platform, parties.buyer, made.id)) == before
    assert (await list_amendments(platform, parties.buyer, made.id)).items == []


async def test_nobody_amends_the_procedure_of_another(platform: Platform, parties: Parties) -> None:
    made = await with_notice(parties)
    stranger = structs.replace(parties.acme, scopes=parties.buyer.scopes)
    with pytest.raises(NotFound):
        await amend_procedure(platform, stranger, made.id, amendment(made), made.version)


async def test_a_draft_is_written_anew_and_what_is_published_is_not(
    platform: Platform, parties: Parties
) -> None:
    draft = await parties.drafted()
    terms = msgspec.structs.replace(await parties.terms(lots=2), title="More")
    after = await update_draft(platform, parties.buyer, draft.id, terms, draft.version)
    assert (after.title, len(after.lots), after.version) == ("More", 2, draft.version + 1)
    with pytest.raises(StaleVersion):
        await update_draft(platform, parties.buyer, draft.id, terms, draft.version)
    made = await parties.published()
    with pytest.raises(WrongState, match="amended"):
        await update_draft(platform, parties.buyer, made.id, terms, made.version)


async def test_questions_cannot_end_after_the_deadline(parties: Parties) -> None:
    terms = await parties.terms()
    late = msgspec.structs.replace(terms, questions_until=terms.deadline_at + timedelta(seconds=1))
    with pytest.raises(InvalidInput) as refused:
        await parties.drafted(late)
    assert refused.value.errors[0].pointer == "/questions_until"
