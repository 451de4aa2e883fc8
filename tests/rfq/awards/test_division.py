"""Lots divided among several winners: by share and by line."""

from decimal import Decimal

import pytest

from marketplace.contracts.reading import read_contract
from marketplace.kernel.errors import Conflict, InvalidInput
from marketplace.platform.core import Platform
from rfq.awards.leaving import end_lot, fail_award
from rfq.awards.notices import list_notices
from rfq.awards.schemas import AwardFailureInput, LineChoiceInput, LotEndInput
from rfq.evaluation.listing import list_bids
from rfq.procedures.reading import read_procedure
from rfq.rules.awarding import Division
from rfq.rules.procedure import LotStatus, Status
from rfq.rules.settlement import AwardStatus, Cause
from tests.rfq.awards.tender import opened, proposed, standing
from tests.rfq.parties import MoveClock, Parties

SHARES = {"award_division": Division.SHARES, "award_shares": [60, 40]}
BANKRUPT = AwardFailureInput(cause=Cause.INSOLVENT, reason="Insolvency was declared.")


async def test_a_lot_divided_by_share_makes_a_contract_with_each_winner_and_leaves_no_remainder(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, **SHARES, beyond_quantity="stop")
    proposal = await proposed(parties, made)
    first, second = proposal.awards
    assert [first.supplier_id, second.supplier_id] == [
        parties.bolt.organization_id,
        parties.acme.organization_id,
    ]
    assert [award.share for award in proposal.awards] == [60, 40]
    # Three toners are two and one.
    assert [line.quantity for line in first.lines] == ["60", "2"]
    assert [line.quantity for line in second.lines] == ["40", "1"]
    assert (first.total.amount, second.total.amount) == ("364.00", "214.00")
    assert proposal.total.amount == "578.00"
    for award, cap in ((first, ["60", "2"]), (second, ["40", "1"])):
        assert award.contract_id is not None
        contract = await read_contract(platform, parties.buyer, award.contract_id)
        assert contract.state == "active"
        assert [price.commitment.cap for price in contract.prices if price.commitment] == cap


async def test_who_is_passed_for_a_share_is_told_why_and_who_has_one_at_his_rank_is_not(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, **SHARES)
    bids = {
        bid.bidder_id: bid.id for bid in (await list_bids(platform, parties.buyer, made.id)).items
    }
    bolt, acme, coil = (who.organization_id for who in (parties.bolt, parties.acme, parties.coil))
    reason = "Coil delivers within the week."
    await proposed(parties, made, bid_ids=[bids[bolt], bids[coil]], reason=reason)
    notices = (await list_notices(platform, parties.buyer, made.id)).items
    assert {each.bidder_id: each.reasons for each in notices} == {
        bolt: [],
        acme: ["Your offer has rank 2.", reason],
        coil: [],
    }


async def test_each_line_goes_to_its_cheapest_or_with_a_reason_to_another(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2, award_division=Division.LINES)
    proposal = await proposed(parties, made)
    won = {award.supplier_id: award for award in proposal.awards}
    assert [line.unit_amount for line in won[parties.bolt.organization_id].lines] == ["2.9"]
    assert [line.unit_amount for line in won[parties.coil.organization_id].lines] == ["80"]
    assert proposal.total.amount == "530.00"
    bids = await list_bids(platform, parties.buyer, made.id)
    acme = next(bid for bid in bids.items if bid.bidder_id == parties.acme.organization_id)
    choice = LineChoiceInput(line_id=made.lots[1].lines[0].id, bid_id=acme.id)
    with pytest.raises(InvalidInput) as refusal:
        await proposed(parties, made, lot=1, lines=[choice])
    assert refusal.value.errors[0].pointer == "/reason"
    chosen = await proposed(parties, made, lot=1, lines=[choice], reason="Recycled paper.")
    assert parties.acme.organization_id in {award.supplier_id for award in chosen.awards}


async def test_what_a_winner_of_a_share_gives_back_goes_whole_to_who_holds_none_of_the_lot(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, **SHARES)
    proposal = await proposed(parties, made)
    failed = await fail_award(
        platform, parties.buyer, proposal.awards[0].id, BANKRUPT, proposal.version
    )
    assert [award.status for award in failed.awards] == [AwardStatus.FAILED, AwardStatus.AWARDED]
    again = await read_procedure(platform, parties.buyer, made.id)
    assert (again.status, again.lots[0].status) == (Status.EVALUATED, LotStatus.OPENED)
    rest = await proposed(parties, made)
    (award,) = rest.awards
    assert award.supplier_id == parties.coil.organization_id
    assert [line.quantity for line in award.lines] == ["60", "2"]
    after = await read_procedure(platform, parties.buyer, made.id)
    assert (after.status, after.lots[0].status) == (Status.AWARDED, LotStatus.AWARDED)
    kept = (await standing(parties, proposal)).awards[1]
    whole = [
        Decimal(a.quantity) + Decimal(b.quantity)
        for a, b in zip(award.lines, kept.lines, strict=True)
    ]
    assert whole == [Decimal(100), Decimal(3)]


async def test_a_lot_may_end_with_the_awards_that_stand_or_without_any(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2, **SHARES)
    proposal = await proposed(parties, made)
    await fail_award(platform, parties.buyer, proposal.awards[0].id, BANKRUPT, proposal.version)
    ended = LotEndInput(reason="Nobody else can deliver so much.")
    for lot, status in ((0, LotStatus.AWARDED), (1, LotStatus.UNSUCCESSFUL)):
        present = await read_procedure(platform, parties.buyer, made.id)
        after = await end_lot(
            platform, parties.buyer, made.id, made.lots[lot].id, ended, present.version
        )
        assert after.lots[lot].status is status
    assert after.status is Status.AWARDED


async def test_when_all_who_bid_fell_away_nobody_is_left_to_win(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    for _ in range(3):
        proposal = await proposed(parties, made)
        await fail_award(platform, parties.buyer, proposal.awards[0].id, BANKRUPT, proposal.version)
    with pytest.raises(Conflict, match="Nobody is left"):
        await proposed(parties, made)
