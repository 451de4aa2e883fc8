"""Winners who decline, fail or do not sign, and who comes after them."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from marketplace.contracts.reading import read_contract
from marketplace.contracts.signing import sign_contract
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.awards import leaving
from rfq.awards.leaving import decline_award, fail_award
from rfq.awards.notices import list_notices
from rfq.awards.reading import list_awards
from rfq.awards.schemas import AwardDeclineInput, AwardFailureInput
from rfq.bids.service import withdraw_bid
from rfq.evaluation.listing import list_bids
from rfq.evaluation.rankings import read_ranking
from rfq.opening.service import open_procedure
from rfq.procedures.reading import read_procedure
from rfq.rules.procedure import LotStatus, Status
from rfq.rules.settlement import AwardStatus, Cause, ProposalStatus
from tests.rfq.awards.tender import DAY, opened, proposed, standing
from tests.rfq.parties import HOUR, MoveClock, Parties

NO = AwardDeclineInput(reason="Our plant burnt down.")
BANKRUPT = AwardFailureInput(cause=Cause.INSOLVENT, reason="Insolvency was declared.")
UNSIGNED = AwardFailureInput(cause=Cause.NOT_SIGNED, reason="He did not sign in time.")


def signing(who: Caller) -> Caller:
    return structs.replace(who, scopes=who.scopes | {"contracts:sign", "contracts:read"})


async def test_bidder_bankrupt_after_award_gives_way_to_the_next_and_the_prices_follow(
    platform: Platform, parties: Parties, move_clock: MoveClock, owner: Any
) -> None:
    made = await opened(parties, move_clock)
    proposal = await proposed(parties, made)
    first = proposal.awards[0]
    assert first.supplier_id == parties.bolt.organization_id
    failed = await fail_award(platform, parties.buyer, first.id, BANKRUPT, proposal.version)
    assert (failed.awards[0].status, failed.awards[0].cause) == (
        AwardStatus.FAILED,
        Cause.INSOLVENT,
    )
    assert first.contract_id is not None
    assert (await read_contract(platform, parties.buyer, first.contract_id)).state == "terminated"
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    assert [each.bidder_id for each in ranking.rejected] == [parties.bolt.organization_id]
    assert ranking.items[0].bidder_id == parties.acme.organization_id
    again = await proposed(parties, made)
    assert again.awards[0].supplier_id == parties.acme.organization_id
    in_force = await owner.fetch("select supplier_id from contract_prices where state = 'active'")
    assert {row["supplier_id"] for row in in_force} == {parties.acme.organization_id}
    told = (await list_notices(platform, parties.bolt, made.id)).items[-1]
    assert not told.won
    assert BANKRUPT.reason in told.reasons[0]
    with pytest.raises((WrongState, StaleVersion)):
        await fail_award(platform, parties.buyer, first.id, BANKRUPT, failed.version)


async def test_a_refused_winner_gives_way_before_anything_is_concluded(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock, owner: Any
) -> None:
    made = await opened(parties, move_clock, standstill_days=10)
    proposal = await proposed(parties, made)
    award = proposal.awards[0]
    with pytest.raises(NotFound):
        await decline_award(platform, parties.acme, award.id, NO)
    declined = await decline_award(platform, parties.bolt, award.id, NO)
    assert (declined.status, declined.ended_because) == (AwardStatus.DECLINED, NO.reason)
    assert (await standing(parties, proposal)).status is ProposalStatus.WITHDRAWN
    await move_clock(30 * DAY)
    await worker.run_until_idle()
    assert await owner.fetchval("select count(*) from contracts") == 0
    again = await proposed(parties, made)
    assert again.awards[0].supplier_id == parties.acme.organization_id


async def test_a_process_that_dies_after_a_refusal_leaves_it_to_the_timer(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await opened(parties, move_clock, standstill_days=10)
    proposal = await proposed(parties, made)

    async def dies(_platform: Platform, _award_id: object) -> None:
        raise SystemError

    with monkeypatch.context() as patch:
        patch.setattr(leaving, "give_way", dies)
        with pytest.raises(SystemError):
            await decline_award(platform, parties.bolt, proposal.awards[0].id, NO)
    assert (await standing(parties, proposal)).status is ProposalStatus.STANDSTILL
    await worker.run_until_idle()
    assert (await standing(parties, proposal)).status is ProposalStatus.WITHDRAWN
    lot = (await read_procedure(platform, parties.buyer, made.id)).lots[0]
    assert lot.status is LotStatus.OPENED


async def test_a_contract_in_force_is_declined_by_nobody(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    award = (await proposed(parties, made)).awards[0]
    with pytest.raises(Conflict):
        await decline_award(platform, parties.bolt, award.id, NO)


async def test_where_signatures_are_asked_for_the_prices_count_when_both_are_given(
    platform: Platform, parties: Parties, move_clock: MoveClock, owner: Any
) -> None:
    made = await opened(parties, move_clock, signatures=True)
    award = (await proposed(parties, made)).awards[0]
    assert award.contract_id is not None
    active = "select count(*) from contract_prices where state = 'active'"
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert (contract.state, contract.concluded_at) == ("signing", None)
    with pytest.raises(NotFound):
        await sign_contract(platform, signing(parties.acme), contract.id, contract.version)
    one = await sign_contract(platform, signing(parties.bolt), contract.id, contract.version)
    assert (one.state, len(one.signatures)) == ("signing", 1)
    assert await owner.fetchval(active) == 0
    with pytest.raises(Conflict):
        await sign_contract(platform, signing(parties.bolt), contract.id, one.version)
    both = await sign_contract(platform, signing(parties.buyer), contract.id, one.version)
    assert (both.state, len(both.signatures)) == ("active", 2)
    assert await owner.fetchval(active) == 2
    with pytest.raises(WrongState):
        await sign_contract(platform, signing(parties.buyer), contract.id, both.version)


async def test_a_winner_who_does_not_sign_gives_way_and_his_contract_never_begins(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, signatures=True)
    proposal = await proposed(parties, made)
    award = proposal.awards[0]
    await fail_award(platform, parties.buyer, award.id, UNSIGNED, proposal.version)
    assert award.contract_id is not None
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert (contract.state, contract.concluded_at) == ("terminated", None)
    with pytest.raises(WrongState):
        await sign_contract(platform, signing(parties.bolt), contract.id, contract.version)
    again = await proposed(parties, made)
    assert again.awards[0].supplier_id == parties.acme.organization_id
    declined = await decline_award(platform, parties.acme, again.awards[0].id, NO)
    assert declined.status is AwardStatus.DECLINED
    assert (await proposed(parties, made)).awards[0].supplier_id == parties.coil.organization_id


async def test_tie_at_the_award_goes_to_the_earlier_submission(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.coil, "2.90", "95")
    await parties.submit(made, parties.acme, "2.90", "95")
    await parties.submit(made, parties.bolt, "3.50", "75")
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    bids = await list_bids(platform, parties.buyer, made.id)
    assert bids.items[0].offers[0].total == bids.items[1].offers[0].total
    award = (await proposed(parties, made)).awards[0]
    assert award.supplier_id == parties.coil.organization_id


async def test_all_bids_withdrawn_and_a_minimum_that_is_not_met_end_unsuccessful(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    receipt = await parties.submit(made, parties.coil, "2.90", "95")
    await withdraw_bid(platform, parties.coil, made.id, receipt.bid_id, receipt.version)
    two = await parties.published(await parties.terms(minimum_bids=2))
    await parties.submit(two, parties.acme, "2.90", "95")
    await move_clock(HOUR + timedelta(seconds=1))
    for procedure in (made, two):
        await open_procedure(platform, parties.buyer, procedure.id)
        ended = await read_procedure(platform, parties.buyer, procedure.id)
        assert (ended.status, ended.lots[0].status) == (
            Status.UNSUCCESSFUL,
            LotStatus.UNSUCCESSFUL,
        )
        with pytest.raises(WrongState):
            await proposed(parties, procedure)


async def test_one_lot_without_bids_ends_alone_and_the_others_are_awarded(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(await parties.terms(lots=2))
    await parties.submit(made, parties.acme, "2.90", "95")
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    between = await read_procedure(platform, parties.buyer, made.id)
    assert [lot.status for lot in between.lots] == [LotStatus.OPENED, LotStatus.UNSUCCESSFUL]
    await proposed(parties, made)
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.AWARDED
    assert len((await list_awards(platform, parties.acme, made.id)).items) == 1
