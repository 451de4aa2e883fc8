"""A lot of which bidders leave lines out: ranked, compared, decided line by line."""

from datetime import timedelta

import msgspec
import pytest

from auctions.engine.terms import Measure
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.kernel.errors import InvalidInput
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.sheets.page import page
from marketplace.platform.sheets.reader import reader_of
from rfq.awards.schemas import LineChoiceInput
from rfq.bids.schemas import SealedBidInput, SealedBidLineInput
from rfq.bids.service import submit_bid
from rfq.comparison.page import comparison_sheet
from rfq.comparison.reading import read_comparison
from rfq.evaluation.computing import read_computation
from rfq.evaluation.rankings import read_ranking
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.opening.service import open_procedure
from rfq.printouts.service import Asked, print_minutes
from rfq.procedures.reading import load, read_procedure
from rfq.procedures.schemas import ProcedureLineInput
from rfq.rules.awarding import Division
from rfq.rules.procedure import LotStatus
from rfq.scenarios.reading import prepare
from rfq.scenarios.schemas import ScenarioInput
from tests.rfq.awards.tender import now, proposed
from tests.rfq.parties import HOUR, MoveClock, Parties, key

ENGLISH = Asked((), None)


async def test_each_line_goes_to_its_best_and_totals_of_partial_offers_decide_nothing(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = await parties.terms()
    staples = ProcedureLineInput(quantity="10", unit="XBX", description="Staples")
    terms.lots[0].lines.append(staples)
    terms = msgspec.structs.replace(terms, award_division=Division.LINES, partial_bids=True)
    made = await parties.published(terms)
    assert (await read_procedure(platform, parties.acme, made.id)).partial_bids
    paper, toner, unbought = (line.id for line in made.lots[0].lines)
    for who, prices in (
        (parties.acme, {paper: "3.10", toner: "90"}),
        (parties.bolt, {paper: "2.90"}),
        (parties.coil, {toner: "80"}),
    ):
        lines = [SealedBidLineInput(line_id=id_, unit_amount=p) for id_, p in prices.items()]
        await submit_bid(platform, who, made.id, SealedBidInput(currency="EUR", lines=lines), key())
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    lot_id = made.lots[0].id

    ranking = await read_ranking(platform, parties.buyer, made.id, lot_id)
    assert [(each.bidder_id, each.left_out) for each in ranking.items] == [
        (parties.acme.organization_id, 1),
        (parties.coil.organization_id, 2),
        (parties.bolt.organization_id, 2),
    ]
    seen = await read_comparison(platform, parties.buyer, made.id)
    assert seen.lots[0].best is None
    assert not seen.suppliers
    assert {each.above_best for each in seen.lots[0].offers} == {None}
    shown = page(comparison_sheet(reader_of(("en",), "UTC"), seen)).decode()
    assert "leaves out 2 lines of the lot" in shown
    minutes = page((await print_minutes(platform, parties.buyer, made.id, ENGLISH)).sheet)
    assert minutes.count(b"(not all lines)") == 3
    auction = LotAuctionInput(
        lot_id=lot_id,
        bidders=1,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=await now(platform) + timedelta(hours=1),
    )
    with pytest.raises(InvalidInput, match="0 valid bids for all of it"):
        await start_lot_auction(platform, parties.buyer, made.id, auction, key())
    async with transaction(platform, parties.buyer) as tx:
        problem = (await prepare(tx, await load(tx, made.id), ScenarioInput(name="x"))).problem
    assert {(each.part_id, each.amount) for each in problem.offers} == {
        (paper, 31000),
        (paper, 29000),
        (toner, 27000),
        (toner, 24000),
    }

    bolt = ranking.items[2].bid_id
    for line_id in (toner, unbought):
        choice = LineChoiceInput(line_id=line_id, bid_id=bolt)
        with pytest.raises(InvalidInput) as refused:
            await proposed(parties, made, lines=[choice], reason="He is near.")
        assert [each.code for each in refused.value.errors] == ["not_priced"]
    proposal = await proposed(parties, made)
    assert {award.supplier_id: award.total.amount for award in proposal.awards} == {
        parties.bolt.organization_id: "290.00",
        parties.coil.organization_id: "240.00",
    }
    computation = await read_computation(platform, parties.buyer, made.id, lot_id)
    assert computation.not_offered == (unbought,)
    assert [len(line.steps) for line in computation.lines] == [2, 2]
    after = await read_procedure(platform, parties.buyer, made.id)
    assert after.lots[0].status is LotStatus.AWARDED
