"""Variants are decided on by the buyer, before prices where there is somebody to judge first."""

from datetime import timedelta

import msgspec
import pytest
from msgspec import structs

from auctions.engine.terms import Measure
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion, WrongState
from marketplace.platform.core import Platform
from rfq.awards.notices import list_notices
from rfq.awards.schemas import AwardFailureInput
from rfq.evaluation.listing import list_bids
from rfq.evaluation.panel_schemas import ScoreInput, ScoresInput
from rfq.evaluation.scoring import hand_in, lock_scores, put_scores, read_sheet
from rfq.explanations.schemas import (
    ExplanationDecisionInput,
)
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.opening.proofs import read_opening
from rfq.printouts.service import Asked
from rfq.procedures.reading import read_procedure
from rfq.rules.proof import verify_opening
from rfq.rules.settlement import Cause
from rfq.variants.schemas import VariantDecisionInput
from rfq.variants.service import decide_variant, list_variants
from tests.rfq.awards.tender import now, proposed
from tests.rfq.panels import Panel, judging
from tests.rfq.parties import MoveClock, Parties, key
from tests.rfq.variants import decide, opened, placed, ranked, send, taking

ENGLISH = Asked((), None)
FAILED = AwardFailureInput(cause=Cause.INSOLVENT, reason="Insolvency was declared.")
FIRST_ONE = ExplanationDecisionInput(accepted=False, reason="The stock is not enough.")


async def test_a_panel_judges_variants_and_they_are_decided_before_prices_are_known(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    panel = Panel(parties)
    terms = msgspec.structs.replace(taking(await parties.terms()), judging=judging())
    made = await parties.published(terms)
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await send(parties, made, parties.acme, "Recycled", "3", "90")
    await send(parties, made, parties.bolt, "Grey", "1", "90")
    made = await opened(parties, made, move_clock)
    anna = await panel.member()
    await panel.name(made.id, anna)
    await decide(parties, made, "Grey", "LIFE")
    sheet = await read_sheet(platform, anna, made.id)
    judged = {(each.variant and each.variant.label): each.bid_id for each in sheet.bids}
    assert len(sheet.bids) == 3
    assert "Grey" not in judged, "what was set aside is not judged"
    quality = {each.bid_id: "9" if each.variant else "5" for each in sheet.bids}
    _, by_quality, fits = made.judging.criteria
    scores = ScoresInput(
        scores=[
            ScoreInput(bid_id=bid_id, criterion_id=criterion.id, score=score)
            for bid_id, given in quality.items()
            for criterion, score in ((by_quality, given), (fits, "1"))
        ]
    )
    await put_scores(platform, anna, made.id, scores)
    await hand_in(platform, anna, made.id)
    with pytest.raises(Conflict, match="it stays aside"):
        await decide(parties, made, "Grey")
    version = (await read_procedure(platform, parties.buyer, made.id)).version
    with pytest.raises(Conflict, match="variant 1: Recycled"):
        await lock_scores(platform, parties.buyer, made.id, version)
    await decide(parties, made, "Recycled")
    await lock_scores(platform, parties.buyer, made.id, version)
    with pytest.raises(WrongState, match="before prices are known"):
        await decide(parties, made, "Recycled", "LIFE")
    ranking = await ranked(parties, made)
    assert placed(parties, ranking) == [("acme", "Recycled"), ("bolt", None)]


async def test_a_decision_is_read_by_its_bidder_alone_and_follows_the_version_it_was_made_from(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = taking(await parties.terms(), beside_main_bid=False)
    made = await parties.published(terms)
    await send(parties, made, parties.acme, "Recycled", "3", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    made = await opened(parties, made, move_clock)
    first = await decide(parties, made, "Recycled", "LIFE")
    (own,) = (await list_variants(platform, parties.acme, made.id)).items
    assert own == first
    assert (await list_variants(platform, parties.bolt, made.id)).items == []
    taken_back = await decide(parties, made, "Recycled")
    assert (taken_back.meets, taken_back.version) == (True, 2)
    with pytest.raises(InvalidInput) as refused:
        await decide(parties, made, "Recycled", "NOTHING")
    assert [each.pointer for each in refused.value.errors] == ["/unmet/0"]
    listed = (await list_variants(platform, parties.buyer, made.id)).items[0]
    with pytest.raises(StaleVersion):
        await decide_variant(
            platform,
            parties.buyer,
            made.id,
            listed.bid_id,
            data=VariantDecisionInput(),
            version=1,
        )
    auction = LotAuctionInput(
        lot_id=made.lots[0].id,
        bidders=2,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=await now(platform) + timedelta(hours=1),
    )
    with pytest.raises(Conflict, match="variant 1: Recycled is in the running"):
        await start_lot_auction(platform, parties.buyer, made.id, auction, key())
    await decide(parties, made, "Recycled", "LIFE")
    auction.bidders = 1
    started = await start_lot_auction(platform, parties.buyer, made.id, auction, key())
    assert [each.organization_id for each in started.participants] == [parties.bolt.organization_id]
    with pytest.raises(WrongState):
        await decide(parties, made, "Recycled")


async def test_with_two_envelopes_the_prices_of_those_offers_open_that_passed(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    panel = Panel(parties)
    terms = structs.replace(taking(await parties.terms()), two_envelopes=True)
    made = await parties.published(structs.replace(terms, judging=judging()))
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    for label, price in (("Recycled", "2.30"), ("Grey", "2"), ("Unfit", "1")):
        who = parties.bolt if label == "Unfit" else parties.acme
        await send(parties, made, who, label, price, "90")
    made = await opened(parties, made, move_clock)
    anna = await panel.member()
    await panel.name(made.id, anna)
    await decide(parties, made, "Grey", "WHITE")
    for label in ("Recycled", "Unfit"):
        await decide(parties, made, label)
    sheet = await read_sheet(platform, anna, made.id)
    labels = {each.bid_id: each.variant and each.variant.label for each in sheet.bids}
    _, by_quality, fits = made.judging.criteria
    # Acme's main bid and Bolt's variant do not fit.
    unfit = {
        each.bid_id
        for each in sheet.bids
        if labels[each.bid_id] == "Unfit"
        or (each.bidder_id == parties.acme.organization_id and each.variant is None)
    }
    given = [
        ScoreInput(bid_id=bid_id, criterion_id=criterion.id, score=score)
        for bid_id in labels
        for criterion, score in ((by_quality, "5"), (fits, "0" if bid_id in unfit else "1"))
    ]
    await put_scores(platform, anna, made.id, ScoresInput(scores=given))
    await hand_in(platform, anna, made.id)
    version = (await read_procedure(platform, parties.buyer, made.id)).version
    await lock_scores(platform, parties.buyer, made.id, version)
    bids = (await list_bids(platform, parties.buyer, made.id)).items
    shown = {each.id for each in bids if each.prices is not None}
    assert (len(bids), len(shown), shown & unfit) == (5, 2, set())
    assert placed(parties, await ranked(parties, made)) == [("acme", "Recycled"), ("bolt", None)]
    proof = await read_opening(platform, parties.buyer, made.id)
    assert all(finding.fits for finding in verify_opening(proof, (), None))
    assert (await proposed(parties, made)).awards[0].total.amount == "500.00"
    (told,) = (await list_notices(platform, parties.bolt, made.id)).items
    assert told.reasons == [
        "Your financial envelope of variant 1 was not opened: It failed 'Fits our printers'.",
        "Your offer has rank 2.",
    ]
