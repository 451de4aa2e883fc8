"""Awards above a company's threshold wait for a second person."""

import pytest
from msgspec import structs

from marketplace.approvals.schemas import ApprovalView, DecisionInput
from marketplace.approvals.service import decide, read_approval
from marketplace.kernel.errors import NotPermitted, StaleVersion
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.http.schemas import MoneyInput
from rfq.awards.approving import put_policy, read_policy
from rfq.awards.leaving import withdraw_proposal
from rfq.awards.notices import list_notices
from rfq.awards.reading import list_awards
from rfq.awards.schemas import AwardPolicyInput, AwardProposalView, AwardWithdrawalInput
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.procedure import LotStatus
from rfq.rules.settlement import ProposalStatus
from tests.rfq.awards.tender import opened, proposed, standing
from tests.rfq.parties import MoveClock, Parties, key

APPROVE, REJECT = DecisionInput(verdict="approve"), DecisionInput(verdict="reject")


async def threshold(parties: Parties, amount: str) -> None:
    administrator = structs.replace(parties.buyer, scopes=frozenset({"rfq:administer"}))
    above = AwardPolicyInput(approval_above=MoneyInput(amount=amount, currency="EUR"))
    await put_policy(parties.platform, administrator, above, 0)


async def waiting(
    parties: Parties, move_clock: MoveClock, **terms: object
) -> tuple[BuyerProcedureView, AwardProposalView]:
    await threshold(parties, "574.99")
    made = await opened(parties, move_clock, **terms)
    return made, await proposed(parties, made)


async def said(parties: Parties, proposal: AwardProposalView, what: DecisionInput) -> ApprovalView:
    second = structs.replace(
        parties.buyer,
        member_id=new_id(),
        roles=frozenset({"approver"}),
        scopes=frozenset({"orders:approve"}),
    )
    assert proposal.approval_id is not None
    return await decide(parties.platform, second, proposal.approval_id, what, key())


async def test_an_award_at_the_threshold_is_made_at_once(
    parties: Parties, move_clock: MoveClock
) -> None:
    await threshold(parties, "575.00")
    made = await opened(parties, move_clock)
    assert (await proposed(parties, made)).status is ProposalStatus.AWARDED


async def test_above_it_nobody_hears_of_the_award_before_it_is_approved(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, proposal = await waiting(parties, move_clock, standstill_days=10)
    assert proposal.status is ProposalStatus.IN_APPROVAL
    assert proposal.approval_id is not None
    reader = structs.replace(parties.buyer, scopes=frozenset({"orders:read"}))
    approval = await read_approval(platform, reader, proposal.approval_id)
    assert (approval.subject_kind, approval.amount.amount) == ("award", "575.00")
    for bidder in parties.suppliers:
        assert (await list_notices(platform, bidder, made.id)).items == []
        assert (await list_awards(platform, bidder, made.id)).items == []
    decided = await said(parties, proposal, APPROVE)
    assert decided.state == "approved"
    after = await standing(parties, proposal)
    assert after.status is ProposalStatus.STANDSTILL
    assert after.standstill_until is not None
    assert len((await list_notices(platform, parties.bolt, made.id)).items) == 1


async def test_the_approval_awards_where_there_is_no_standstill(
    parties: Parties, move_clock: MoveClock
) -> None:
    _, proposal = await waiting(parties, move_clock)
    await said(parties, proposal, APPROVE)
    after = await standing(parties, proposal)
    assert after.status is ProposalStatus.AWARDED
    assert after.awards[0].contract_id is not None


async def test_what_is_not_approved_is_decided_again(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, proposal = await waiting(parties, move_clock)
    await said(parties, proposal, REJECT)
    assert (await standing(parties, proposal)).status is ProposalStatus.REJECTED
    lot = (await read_procedure(platform, parties.buyer, made.id)).lots[0]
    assert lot.status is LotStatus.OPENED
    assert (await list_notices(platform, parties.bolt, made.id)).items == []


async def test_nobody_approves_the_award_he_proposed(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    _, proposal = await waiting(parties, move_clock)
    himself = structs.replace(
        parties.buyer,
        roles=frozenset({"administrator"}),
        scopes=frozenset({"orders:approve"}),
    )
    assert proposal.approval_id is not None
    with pytest.raises(NotPermitted, match="himself"):
        await decide(platform, himself, proposal.approval_id, APPROVE, key())


async def test_a_proposal_that_is_withdrawn_waits_for_nobody_any_more(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    _, proposal = await waiting(parties, move_clock)
    reason = AwardWithdrawalInput(reason="The wrong lot.")
    await withdraw_proposal(platform, parties.buyer, proposal.id, reason, proposal.version)
    reader = structs.replace(parties.buyer, scopes=frozenset({"orders:read"}))
    assert proposal.approval_id is not None
    approval = await read_approval(platform, reader, proposal.approval_id)
    assert approval.state == "withdrawn"


async def test_only_an_administrator_says_which_awards_wait_and_no_change_is_lost(
    platform: Platform, parties: Parties
) -> None:
    none = AwardPolicyInput(approval_above=None)
    with pytest.raises(NotPermitted):
        await put_policy(platform, parties.buyer, none, 0)
    await threshold(parties, "1000")
    with pytest.raises(StaleVersion):
        await threshold(parties, "9000")
    policy = await read_policy(platform, parties.buyer)
    assert policy.version == 1
    assert policy.approval_above is not None
    assert policy.approval_above.amount == "1000.00"
