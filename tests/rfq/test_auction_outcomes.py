"""What a lot's auction ended with is what is awarded: the winner's price, or nobody by himself."""

from typing import Any

import pytest

from auctions.bidding import place_bid
from auctions.engine.terms import Format, Measure
from auctions.schemas import BidInput
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.kernel.errors import InvalidInput
from marketplace.platform.http.schemas import MoneyInput
from marketplace.worker import Worker
from rfq.awards.breakdowns import send_breakdown
from rfq.awards.schemas import BreakdownInput, BreakdownLineInput
from rfq.evaluation.rankings import read_ranking
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.procedures.schemas import BuyerProcedureView
from tests.rfq.parties import HOUR, MoveClock, Parties, key, line_ids
from tests.rfq.test_awards import decided, now, opened

CENTS = DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="0.01"))


async def held(
    parties: Parties,
    made: BuyerProcedureView,
    worker: Worker,
    move_clock: MoveClock,
    amount: str,
    **terms: Any,
) -> None:
    """An auction between Bolt (575.00) and Acme (580.00), in which Acme bids once."""
    ends_at = await now(parties.platform) + HOUR
    data = LotAuctionInput(lot_id=made.lots[0].id, bidders=2, ends_at=ends_at, **terms)
    auction = await start_lot_auction(parties.platform, parties.buyer, made.id, data, key())
    await move_clock(HOUR / 60)
    await worker.run_until_idle()
    bid = BidInput(amount=MoneyInput(amount=amount, currency="EUR"))
    await place_bid(parties.platform, parties.acme, auction.auction_id, "only", bid)
    await move_clock(HOUR)
    await worker.run_until_idle()


async def test_the_winner_of_a_vickrey_auction_is_awarded_at_the_price_of_the_second(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await held(parties, made, worker, move_clock, "500.00", format=Format.VICKREY)
    lines = [
        BreakdownLineInput(line_id=line, unit_amount=amount)
        for line, amount in zip(line_ids(made), ("2.90", "95"), strict=True)
    ]
    sent = await send_breakdown(
        parties.platform, parties.acme, made.id, made.lots[0].id, BreakdownInput(lines=lines)
    )
    assert sent.total.amount == "575.00", "he breaks down what he gets, not what he bid"
    award = await decided(parties, made)
    assert award.supplier_id == parties.acme.organization_id
    assert award.total.amount == "575.00"


async def test_above_the_reserve_nobody_is_awarded_but_by_hand_and_with_a_reason(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await held(parties, made, worker, move_clock, "540.00", decrement=CENTS, reserve="530.00")
    ranking = await read_ranking(parties.platform, parties.buyer, made.id, made.lots[0].id)
    assert ranking.no_winner == "above_reserve"
    with pytest.raises(InvalidInput) as nobody:
        await decided(parties, made)
    assert nobody.value.errors[0].code == "no_winner"
    leader = ranking.items[0].bid_id
    with pytest.raises(InvalidInput) as silent:
        await decided(parties, made, bid_ids=[leader])
    assert silent.value.errors[0].code == "reason_missing"
    award = await decided(parties, made, bid_ids=[leader], reason="Prices of copper rose.")
    assert (award.supplier_id, award.total.amount) == (parties.acme.organization_id, "540.00")


async def test_within_the_reserve_the_leader_wins_as_ever(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await held(parties, made, worker, move_clock, "530.00", decrement=CENTS, reserve="530.00")
    award = await decided(parties, made)
    assert award.total.amount == "530.00"
