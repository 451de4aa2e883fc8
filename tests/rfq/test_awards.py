import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import func, select

from auctions.bidding import place_bid
from auctions.engine.terms import Measure
from auctions.lot_order import LotOrder
from auctions.schemas import BidInput
from auctions.service import cancel_auction
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.contracts.reading import read_contract
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.worker import Worker
from rfq.awards.breakdowns import send_breakdown
from rfq.awards.reading import list_awards
from rfq.awards.schemas import AwardInput, BreakdownInput, BreakdownLineInput, SupplierAwardView
from rfq.awards.service import award_lot
from rfq.bids.receiving import bids_lock
from rfq.evaluation.listing import list_bids
from rfq.handover.schemas import LotAuctionInput, LotAuctionView, LotsAuctionInput, Results
from rfq.handover.service import start_auction, start_lot_auction
from rfq.opening.service import open_procedure
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.procedure import LotStatus, Status
from tests.rfq.parties import HOUR, MoveClock, Parties, key


async def now(platform: Platform) -> Any:
    async with system_transaction(platform, Role.ENGINE) as tx:
        return await tx.scalar(select(func.clock()))


async def opened(parties: Parties, move_clock: MoveClock, *, lots: int = 1) -> BuyerProcedureView:
    """Bids of 580.00 (Acme), 575.00 (Bolt) and 590.00 (Coil) for each lot, opened."""
    made = await parties.published(await parties.terms(lots=lots))
    await parties.submit(made, parties.acme, *("3.10", "90") * lots)
    await parties.submit(made, parties.bolt, *("2.90", "95") * lots)
    await parties.submit(made, parties.coil, *("3.50", "80") * lots)
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def decided(parties: Parties, made: BuyerProcedureView, lot: int = 0, **more: Any) -> Any:
    at = await now(parties.platform)
    data = AwardInput(lot_id=made.lots[lot].id, last_day=(at + timedelta(days=365)).date(), **more)
    return (await award_lot(parties.platform, parties.buyer, made.id, data, key())).awards[0]


async def auctioned(
    parties: Parties, made: BuyerProcedureView, worker: Worker, move_clock: MoveClock
) -> LotAuctionView:
    """The best two in an auction; Acme ends with 560.01, Bolt stays at his 575.00."""
    at = await now(parties.platform)
    data = LotAuctionInput(
        lot_id=made.lots[0].id,
        bidders=2,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=at + HOUR,
    )
    auction = await start_lot_auction(parties.platform, parties.buyer, made.id, data, key())
    await move_clock(timedelta(seconds=2))
    await worker.run_until_idle()
    bid = BidInput(amount=MoneyInput(amount="560.01", currency="EUR"))
    await place_bid(parties.platform, parties.acme, auction.auction_id, "first", bid)
    await move_clock(HOUR)
    await worker.run_until_idle()
    return auction


async def test_lots_go_into_one_auction_and_each_comes_back_with_its_own_result(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=3)
    at = await now(platform)
    step = DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1"))
    lots = [LotAuctionInput(lot_id=lot.id, bidders=2, decrement=step) for lot in made.lots[:2]]
    lots[0].ends_at = at + HOUR
    data = LotsAuctionInput(lots=lots, lot_order=LotOrder.SERIAL)
    with pytest.raises(InvalidInput) as twice:
        again = LotsAuctionInput(lots=[lots[0], lots[0]], lot_order=LotOrder.SERIAL)
        await start_auction(platform, parties.buyer, made.id, again, key())
    assert [error.pointer for error in twice.value.errors] == ["/lots/1/lot_id"]
    started = await start_auction(platform, parties.buyer, made.id, data, key("start"))
    assert await start_auction(platform, parties.buyer, made.id, data, key("start")) == started
    assert [lot.lot_id for lot in started.lots] == [lot.id for lot in made.lots[:2]]

    await move_clock(timedelta(seconds=2))
    await worker.run_until_idle()
    for place, amount in enumerate(("560.01", "540.00")):
        lot_id = started.lots[place].auction_lot_id
        bid = BidInput(amount=MoneyInput(amount=amount, currency="EUR"), lot_id=lot_id)
        await place_bid(platform, parties.acme, started.auction_id, f"bid-{place}", bid)
        with pytest.raises(Conflict):
            await decided(parties, made, place)
        await move_clock(HOUR)
        await worker.run_until_idle()
    shown = await read_procedure(platform, parties.buyer, made.id)
    statuses = [LotStatus.AUCTIONED, LotStatus.AUCTIONED, LotStatus.OPENED]
    assert [lot.status for lot in shown.lots] == statuses
    totals = [(await decided(parties, made, place)).total.amount for place in range(3)]
    assert totals[:2] == ["560.01", "540.00"]
    assert totals[2] == "575.00"  # never auctioned: awarded from the bids


async def test_results_come_back_lot_by_lot_where_the_buyer_wants_that(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2)
    step = DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1"))
    lots = [LotAuctionInput(lot_id=lot.id, bidders=2, decrement=step) for lot in made.lots]
    lots[0].ends_at = await now(platform) + HOUR
    data = LotsAuctionInput(lots=lots, lot_order=LotOrder.SERIAL, results=Results.PER_LOT)
    started = await start_auction(platform, parties.buyer, made.id, data, key())
    await move_clock(timedelta(seconds=2))
    await worker.run_until_idle()
    amount = MoneyInput(amount="560.01", currency="EUR")
    first, second = (lot.auction_lot_id for lot in started.lots)
    bid = BidInput(amount=amount, lot_id=first)
    await place_bid(platform, parties.acme, started.auction_id, "first", bid)
    await move_clock(HOUR)
    await worker.run_until_idle()
    shown = await read_procedure(platform, parties.buyer, made.id)
    assert [lot.status for lot in shown.lots] == [LotStatus.AUCTIONED, LotStatus.AUCTION]
    assert (await decided(parties, made)).total.amount == "560.01"
    bid = BidInput(amount=amount, lot_id=second)
    await place_bid(platform, parties.acme, started.auction_id, "second", bid)
    with pytest.raises(Conflict):
        await decided(parties, made, 1)
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await decided(parties, made, 1)).total.amount == "560.01"
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.AWARDED


async def test_what_is_awarded_is_bounded_by_the_quantities_where_the_procedure_says_so(
    parties: Parties, platform: Platform, move_clock: MoveClock
) -> None:
    terms = msgspec.structs.replace(await parties.terms(), beyond_quantity="split")
    made = await parties.published(terms)
    assert (await read_procedure(platform, parties.bolt, made.id)).beyond_quantity == "split"
    await parties.submit(made, parties.bolt, "2.90", "95")
    await move_clock(HOUR)
    opened = await open_procedure(platform, parties.buyer, made.id)
    award = await decided(parties, opened)
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    bounds = [price.commitment for price in contract.prices]
    assert [(c.cap, c.left, c.at_exhaustion) for c in bounds if c] == [
        ("100", "100", "split"),
        ("3", "3", "split"),
    ]


async def test_the_first_of_the_ranking_wins_and_has_a_contract(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    award = await decided(parties, made)
    assert (award.supplier_id, award.rank) == (parties.bolt.organization_id, 1)
    assert award.total.amount == "575.00"
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert contract.state == "active"
    assert [(p.sku, p.unit, p.tiers[0].amount) for p in contract.prices] == [
        (award.lines[0].sku, "XBX", "2.9"),
        ("TN-1", "C62", "95"),
    ]
    after = await read_procedure(platform, parties.buyer, made.id)
    assert (after.status, after.lots[0].status) == (Status.AWARDED, LotStatus.AWARDED)


async def test_a_line_without_sku_gets_an_offer_for_this_buyer_alone(
    parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    award = await decided(parties, made)
    row = await owner.fetchrow("select * from offers where sku = $1", award.lines[0].sku)
    assert row["supplier_id"] == parties.bolt.organization_id
    assert row["audience_id"] == parties.buyer.organization_id
    assert row["unit"] == "XBX"


async def test_provenance_leads_from_the_procedure_over_the_receipt_to_the_award(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    winning = (await list_bids(platform, parties.buyer, made.id)).items[0]
    award = await decided(parties, made)
    steps = award.provenance
    assert [step.kind for step in steps] == ["rfq.procedure", "rfq.bid", "rfq.award"]
    assert [step.id for step in steps] == [made.id, winning.id, award.id]
    assert steps[1].hash == winning.commitment
    assert steps[2].hash == award.hash
    assert steps == sorted(steps, key=lambda step: step.at)
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert contract.provenance[:3] == steps
    assert contract.origin == "award"


async def test_after_an_auction_its_final_total_becomes_unit_prices(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    made = await opened(parties, move_clock)
    auction = await auctioned(parties, made, worker, move_clock)
    assert {(p.organization_id, p.opening_amount.amount) for p in auction.participants} == {
        (parties.bolt.organization_id, "575.00"),
        (parties.acme.organization_id, "580.00"),
    }
    award = await decided(parties, made)
    assert award.supplier_id == parties.acme.organization_id
    assert award.total.amount == "560.01"
    assert sum(Decimal(line.amount.amount) for line in award.lines) == Decimal("560.01")
    # 560.01 ÷ 580.00 of 3.10 and of 90, to six places; 299.32 + 260.69 leave no remainder.
    assert [line.unit_amount for line in award.lines] == ["2.993157", "86.898103"]
    kinds = [step.kind for step in award.provenance]
    assert kinds == ["rfq.procedure", "rfq.bid", "auction", "auction.bid", "rfq.award"]
    assert award.provenance[2].id == auction.auction_id
    after = await read_procedure(platform, parties.buyer, made.id)
    assert after.status is Status.AWARDED


async def test_nothing_is_awarded_while_the_auction_runs(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    at = await now(platform)
    data = LotAuctionInput(
        lot_id=made.lots[0].id,
        bidders=2,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=at + HOUR,
    )
    await start_lot_auction(platform, parties.buyer, made.id, data, key())
    with pytest.raises(WrongState):
        await decided(parties, made)
    with pytest.raises(WrongState):
        await start_lot_auction(platform, parties.buyer, made.id, data, key())


async def test_more_bidders_than_bids_cannot_be_auctioned(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    at = await now(platform)
    data = LotAuctionInput(
        lot_id=made.lots[0].id,
        bidders=4,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=at + HOUR,
    )
    with pytest.raises(InvalidInput) as refusal:
        await start_lot_auction(platform, parties.buyer, made.id, data, key())
    assert refusal.value.errors[0].pointer == "/bidders"


async def test_a_lot_whose_auction_was_called_off_is_awarded_from_its_bids(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    at = await now(platform)
    data = LotAuctionInput(
        lot_id=made.lots[0].id,
        bidders=2,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
        ends_at=at + HOUR,
    )
    auction = await start_lot_auction(platform, parties.buyer, made.id, data, key())
    buyer = structs.replace(parties.buyer, scopes=parties.buyer.scopes | {"auctions:write"})
    await cancel_auction(platform, buyer, auction.auction_id, 2, "Too early.")
    await worker.run_until_idle()
    with pytest.raises(Conflict, match="called off"):
        await start_lot_auction(platform, parties.buyer, made.id, data, key())
    award = await decided(parties, made)
    assert (award.supplier_id, award.total.amount) == (parties.bolt.organization_id, "575.00")
    assert [step.kind for step in award.provenance] == ["rfq.procedure", "rfq.bid", "rfq.award"]


async def test_a_breakdown_that_is_taken_counts_at_the_award_or_is_refused(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await auctioned(parties, made, worker, move_clock)
    paper, toner = made.lots[0].lines
    own = BreakdownInput(
        lines=[
            BreakdownLineInput(line_id=paper.id, unit_amount="2.9001"),
            BreakdownLineInput(line_id=toner.id, unit_amount="90"),
        ]
    )
    async with transaction(platform, parties.buyer) as tx:
        # The award as it runs: it has looked for breakdowns and found none.
        await tx.execute(select(func.pg_advisory_xact_lock(bids_lock(made.id))))
        sending = asyncio.create_task(
            send_breakdown(platform, parties.acme, made.id, made.lots[0].id, own)
        )
        await asyncio.sleep(0.2)
        assert not sending.done()
    await sending
    assert [line.unit_amount for line in (await decided(parties, made)).lines] == ["2.9001", "90"]


async def test_a_line_is_broken_down_once(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await auctioned(parties, made, worker, move_clock)
    paper, toner = made.lots[0].lines
    lines = [
        BreakdownLineInput(line_id=line.id, unit_amount=amount)
        for line, amount in ((paper, "1"), (paper, "2.9001"), (toner, "90"))
    ]
    with pytest.raises(InvalidInput) as refusal:
        await send_breakdown(
            platform, parties.acme, made.id, made.lots[0].id, BreakdownInput(lines=lines)
        )
    assert [error.pointer for error in refusal.value.errors] == ["/lines/1/line_id"]


async def test_the_winner_may_break_his_total_down_himself(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await auctioned(parties, made, worker, move_clock)
    lot = made.lots[0]

    def broken_down(*amounts: str) -> BreakdownInput:
        lines = [
            BreakdownLineInput(line_id=line.id, unit_amount=amount)
            for line, amount in zip(lot.lines, amounts, strict=True)
        ]
        return BreakdownInput(lines=lines)

    with pytest.raises(InvalidInput, match=r"560\.01"):
        await send_breakdown(platform, parties.acme, made.id, lot.id, broken_down("3", "90"))
    with pytest.raises(NotFound):
        await send_breakdown(platform, parties.coil, made.id, lot.id, broken_down("3", "90"))
    await send_breakdown(platform, parties.acme, made.id, lot.id, broken_down("2.9001", "90"))
    award = await decided(parties, made)
    assert [line.unit_amount for line in award.lines] == ["2.9001", "90"]
    with pytest.raises(WrongState):
        await send_breakdown(platform, parties.acme, made.id, lot.id, broken_down("2.9001", "90"))


async def test_another_than_the_first_wins_only_with_a_reason(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    second = (await list_bids(platform, parties.buyer, made.id)).items[1]
    with pytest.raises(InvalidInput) as refusal:
        await decided(parties, made, bid_ids=[second.id])
    assert refusal.value.errors[0].pointer == "/reason"
    award = await decided(parties, made, bid_ids=[second.id], reason="Delivers a month earlier.")
    assert (award.supplier_id, award.rank) == (parties.acme.organization_id, 2)


async def test_lots_are_awarded_one_by_one_and_the_last_settles_the_procedure(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2)
    await decided(parties, made, lot=0)
    between = await read_procedure(platform, parties.buyer, made.id)
    assert between.status is Status.OPENED
    await decided(parties, made, lot=1)
    after = await read_procedure(platform, parties.buyer, made.id)
    assert after.status is Status.AWARDED
    assert len((await list_awards(platform, parties.buyer, made.id)).items) == 2


async def test_of_many_awards_of_one_lot_at_once_one_counts(
    parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    answers = await asyncio.gather(
        *(decided(parties, made) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    assert await owner.fetchval("select count(*) from awards") == 1
    assert await owner.fetchval("select count(*) from contracts") == 1


async def test_a_retried_award_is_the_same_award(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    at = await now(platform)
    data = AwardInput(lot_id=made.lots[0].id, last_day=(at + timedelta(days=30)).date())
    twins = [await award_lot(platform, parties.buyer, made.id, data, key("same")) for _ in range(2)]
    assert twins[0] == twins[1]


async def test_a_sealed_procedure_cannot_be_awarded(parties: Parties) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    with pytest.raises(WrongState):
        await decided(parties, made)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"bid_ids": [UUID(int=1)]}, "/bid_ids/0"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
    ],
)
async def test_an_award_that_does_not_fit_changes_nothing(
    platform: Platform,
    parties: Parties,
    move_clock: MoveClock,
    more: dict[str, Any],
    pointer: str,
) -> None:
    made = await opened(parties, move_clock)
    with pytest.raises(InvalidInput) as refusal:
        await decided(parties, made, **more)
    assert refusal.value.errors[0].pointer == pointer
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.OPENED


async def test_winner_and_loser_see_their_own_awards_only(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    award = await decided(parties, made)
    won = await list_awards(platform, parties.bolt, made.id)
    assert [type(item) for item in won.items] == [SupplierAwardView]
    assert won.items[0].id == award.id
    assert (await list_awards(platform, parties.acme, made.id)).items == []
    with pytest.raises(NotPermitted):
        data = AwardInput(lot_id=made.lots[0].id, last_day=award.awarded_at.date())
        await award_lot(platform, parties.acme, made.id, data, key())
