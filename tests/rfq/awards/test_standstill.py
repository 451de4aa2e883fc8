"""From the decision to the contract: told, held still, complained about, awarded by the clock."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import func, select

from marketplace.app import Assembly
from marketplace.contracts.reading import read_contract
from marketplace.kernel.errors import Conflict, NotFound, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.worker import Worker
from rfq.awards.complaints import answer_complaint, file_complaint, list_complaints
from rfq.awards.leaving import withdraw_proposal
from rfq.awards.notices import list_notices
from rfq.awards.reading import list_awards, list_proposals
from rfq.awards.schemas import (
    AwardProposalView,
    AwardWithdrawalInput,
    ComplaintAnswerInput,
    ComplaintInput,
)
from rfq.awards.settling import end_standstill
from rfq.bids.receiving import bids_lock
from rfq.evaluation.listing import list_bids
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.procedure import LotStatus, Status
from rfq.rules.settlement import ComplaintStatus, ProposalStatus
from tests.conftest import StopClock
from tests.rfq.awards.tender import DAY, now, opened, proposed, standing
from tests.rfq.parties import BUYER_SCOPES, SUPPLIER_SCOPES, MoveClock, Parties, caller, key

TEN_DAYS = {"standstill_days": 10, "time_zone": "Europe/Berlin"}
COMPLAINT = ComplaintInput(complaint="The first does not meet the specification.")
LIFTED = ComplaintAnswerInput(upheld=False, answer="It does; see page 3.")
UPHELD = ComplaintAnswerInput(upheld=True, answer="You are right.")


async def held(
    parties: Parties, move_clock: MoveClock
) -> tuple[BuyerProcedureView, AwardProposalView]:
    made = await opened(parties, move_clock, **TEN_DAYS)
    return made, await proposed(parties, made)


async def to_the_end(parties: Parties, proposal: AwardProposalView, move_clock: MoveClock) -> None:
    until = (await standing(parties, proposal)).standstill_until
    assert until is not None
    await move_clock(until - await now(parties.platform))


async def test_in_the_standstill_nothing_is_concluded_and_at_its_end_the_prices_are_in_force(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock, owner: Any
) -> None:
    made, proposal = await held(parties, move_clock)
    assert proposal.status is ProposalStatus.STANDSTILL
    await worker.run_until_idle()
    assert await owner.fetchval("select count(*) from contracts") == 0
    await to_the_end(parties, proposal, move_clock)
    await worker.run_until_idle()
    after = await standing(parties, proposal)
    assert after.status is ProposalStatus.AWARDED
    contract_id = after.awards[0].contract_id
    assert contract_id is not None
    contract = await read_contract(platform, parties.buyer, contract_id)
    assert (contract.state, contract.time_zone) == ("active", "Europe/Berlin")
    kinds = [step.kind for step in contract.provenance]
    assert kinds == ["rfq.procedure", "rfq.bid", "rfq.award", "contract"]
    lot = (await read_procedure(platform, parties.buyer, made.id)).lots[0]
    assert lot.status is LotStatus.AWARDED


async def test_the_standstill_ends_once_with_several_workers_and_not_before_its_end(
    platform: Platform,
    parties: Parties,
    assembly: Assembly,
    move_clock: MoveClock,
    owner: Any,
) -> None:
    _, proposal = await held(parties, move_clock)
    until = proposal.standstill_until
    assert until is not None
    await move_clock(until - await now(platform) - timedelta(minutes=1))
    await end_standstill(platform, proposal.id)
    assert await owner.fetchval("select count(*) from contracts") == 0
    await move_clock(timedelta(minutes=1))
    await asyncio.gather(*(Worker(assembly).run_until_idle() for _ in range(3)))
    await asyncio.gather(*(end_standstill(platform, proposal.id) for _ in range(4)))
    assert await owner.fetchval("select count(*) from contracts") == 1


async def test_losers_are_told_their_own_reasons_only(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, **TEN_DAYS)
    bids = await list_bids(platform, parties.buyer, made.id)
    second = bids.items[1]
    proposal = await proposed(
        parties, made, bid_ids=[second.id], reason="Delivers a month earlier."
    )
    told = {
        who.organization_id: (await list_notices(platform, who, made.id)).items
        for who in parties.suppliers
    }
    assert all(len(items) == 1 for items in told.values())
    assert {
        who: (items[0].won, items[0].rank, items[0].reasons) for who, items in told.items()
    } == {
        parties.acme.organization_id: (True, 2, []),
        parties.bolt.organization_id: (
            False,
            1,
            ["Your offer has rank 1.", "Delivers a month earlier."],
        ),
        parties.coil.organization_id: (False, 3, ["Your offer has rank 3."]),
    }
    assert {items[0].standstill_until for items in told.values()} == {proposal.standstill_until}
    assert len((await list_notices(platform, parties.buyer, made.id)).items) == 3
    # Who won is the winner's to see, and the whole decision the buyer's.
    assert (await list_awards(platform, parties.coil, made.id)).items == []
    assert len((await list_awards(platform, parties.acme, made.id)).items) == 1
    with pytest.raises(NotFound):
        reader = structs.replace(parties.acme, scopes=BUYER_SCOPES)
        await list_proposals(platform, reader, made.id)


async def test_complaint_in_the_last_moment_of_standstill_stops_it(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    stop_clock: StopClock,
    owner: Any,
) -> None:
    _, proposal = await held(parties, move_clock)
    until = proposal.standstill_until
    assert until is not None
    await stop_clock(until - timedelta(microseconds=1))
    async with transaction(platform, parties.acme) as tx:
        # A bidder whose complaint is being taken: decided in time, committed after the end.
        await tx.execute(
            select(func.pg_advisory_xact_lock_shared(bids_lock(proposal.procedure_id)))
        )
        complaint = await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
        await stop_clock(until + timedelta(seconds=1))
        ending = asyncio.create_task(end_standstill(platform, proposal.id))
        await asyncio.sleep(0.2)
        assert not ending.done()
    await ending
    assert complaint.filed_at < until
    await worker.run_until_idle()
    assert await owner.fetchval("select count(*) from contracts") == 0
    stopped = await standing(parties, proposal)
    assert (stopped.status, stopped.stopped_at) == (ProposalStatus.CONTESTED, complaint.filed_at)


async def test_a_complaint_at_the_end_is_late_though_no_worker_has_ended_it_yet(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    _, proposal = await held(parties, move_clock)
    await to_the_end(parties, proposal, move_clock)
    with pytest.raises(WrongState):
        await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())


async def test_a_lifted_complaint_gives_back_the_time_that_stood_still(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made, proposal = await held(parties, move_clock)
    filed = await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
    other = await file_complaint(platform, parties.coil, proposal.id, COMPLAINT, key())
    await move_clock(20 * DAY)
    await worker.run_until_idle()
    assert (await standing(parties, proposal)).status is ProposalStatus.CONTESTED
    lifted = await answer_complaint(platform, parties.buyer, filed.id, LIFTED, filed.version)
    assert lifted.status is ComplaintStatus.LIFTED
    # Another one still stops it.
    assert (await standing(parties, proposal)).status is ProposalStatus.CONTESTED
    await answer_complaint(platform, parties.buyer, other.id, LIFTED, other.version)
    resumed = await standing(parties, proposal)
    assert resumed.status is ProposalStatus.STANDSTILL
    before, until = proposal.standstill_until, resumed.standstill_until
    assert before is not None
    assert until is not None
    assert until - before >= 20 * DAY - DAY / 24
    notice = (await list_notices(platform, parties.bolt, made.id)).items[0]
    assert notice.standstill_until == until
    with pytest.raises(Conflict):
        await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
    with pytest.raises(WrongState):
        await answer_complaint(platform, parties.buyer, filed.id, UPHELD, filed.version + 1)
    await to_the_end(parties, proposal, move_clock)
    await worker.run_until_idle()
    assert (await standing(parties, proposal)).status is ProposalStatus.AWARDED


async def test_an_upheld_complaint_withdraws_the_proposal_and_the_lot_is_decided_again(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock, owner: Any
) -> None:
    made, proposal = await held(parties, move_clock)
    filed = await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
    await answer_complaint(platform, parties.buyer, filed.id, UPHELD, filed.version)
    after = await standing(parties, proposal)
    assert after.status is ProposalStatus.WITHDRAWN
    procedure = await read_procedure(platform, parties.buyer, made.id)
    assert (procedure.status, procedure.lots[0].status) == (Status.OPENED, LotStatus.OPENED)
    assert (await list_notices(platform, parties.bolt, made.id)).items[0].withdrawn_at is not None
    await move_clock(30 * DAY)
    await worker.run_until_idle()
    assert await owner.fetchval("select count(*) from contracts") == 0
    assert (await proposed(parties, made)).status is ProposalStatus.STANDSTILL


async def test_a_repeated_complaint_is_the_same_complaint(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    _, proposal = await held(parties, move_clock)
    filed = [
        await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key("same"))
        for _ in range(2)
    ]
    assert filed[0] == filed[1]


async def test_complaints_are_between_their_bidder_and_the_buyer(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, proposal = await held(parties, move_clock)
    filed = await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
    assert (await list_complaints(platform, parties.coil, made.id)).items == []
    for who in (parties.acme, parties.buyer):
        assert [each.id for each in (await list_complaints(platform, who, made.id)).items] == [
            filed.id
        ]
    stranger = caller(SUPPLIER_SCOPES)
    with pytest.raises(NotFound):
        await file_complaint(platform, stranger, proposal.id, COMPLAINT, key())


async def test_a_withdrawn_proposal_takes_open_complaints_with_it(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, proposal = await held(parties, move_clock)
    await file_complaint(platform, parties.acme, proposal.id, COMPLAINT, key())
    reason = AwardWithdrawalInput(reason="A figure was misread.")
    await withdraw_proposal(platform, parties.buyer, proposal.id, reason, proposal.version)
    complaint = (await list_complaints(platform, parties.acme, made.id)).items[0]
    assert (complaint.status, complaint.answer) == (ComplaintStatus.LAPSED, reason.reason)
    with pytest.raises(WrongState):
        await file_complaint(platform, parties.coil, proposal.id, COMPLAINT, key())
