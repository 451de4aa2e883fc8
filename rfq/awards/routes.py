"""Awards over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.awards import approving, breakdowns, complaints, leaving, notices, reading, service
from rfq.awards.schemas import (
    AwardDeclineInput,
    AwardFailureInput,
    AwardInput,
    AwardNoticeList,
    AwardPolicyInput,
    AwardPolicyView,
    AwardProposalList,
    AwardProposalView,
    AwardWithdrawalInput,
    BreakdownInput,
    BreakdownView,
    BuyerAwardList,
    ComplaintAnswerInput,
    ComplaintInput,
    ComplaintList,
    ComplaintView,
    LotEndInput,
    SupplierAwardList,
    SupplierAwardView,
)
from rfq.procedures.schemas import BuyerProcedureView

TAGS: Final = ["procedures"]


@put(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/breakdown",
    operation_id="sendBreakdown",
    tags=TAGS,
    summary="Send own unit prices for the total reached in a lot's auction",
)
async def send_breakdown(
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[BreakdownInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> BreakdownView:
    """Send a breakdown."""
    return await breakdowns.send_breakdown(platform, caller, procedure_id, lot_id, data)


@post(
    "/v1/procedures/{procedure_id:uuid}/awards",
    operation_id="awardLot",
    tags=TAGS,
    summary="Decide a lot: awarded at once, or after approval and standstill",
)
async def award_lot(
    procedure_id: FromPath[UUID],
    data: JSONBody[AwardInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[AwardProposalView]:
    """Award a lot."""
    return versioned(await service.award_lot(platform, caller, procedure_id, data, idempotency_key))


@get(
    "/v1/procedures/{procedure_id:uuid}/awards",
    operation_id="listAwards",
    tags=TAGS,
    summary="List awards: all to the buyer, his own to a supplier",
)
async def list_awards(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> BuyerAwardList | SupplierAwardList:
    """List awards."""
    return await reading.list_awards(platform, caller, procedure_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/award-proposals",
    operation_id="listAwardProposals",
    tags=TAGS,
    summary="List the decisions on your lots, with where they stand",
)
async def list_proposals(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> AwardProposalList:
    """List proposals of award."""
    return await reading.list_proposals(platform, caller, procedure_id)


@get(
    "/v1/award-proposals/{proposal_id:uuid}",
    operation_id="readAwardProposal",
    tags=TAGS,
    summary="Read the decision on a lot of yours",
)
async def read_proposal(
    proposal_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[AwardProposalView]:
    """Read a proposal of award."""
    return versioned(await reading.read_proposal(platform, caller, proposal_id))


@post(
    "/v1/award-proposals/{proposal_id:uuid}/withdraw",
    operation_id="withdrawAwardProposal",
    tags=TAGS,
    summary="Take a proposal back before it is awarded",
    status_code=200,
)
async def withdraw_proposal(
    proposal_id: FromPath[UUID],
    data: JSONBody[AwardWithdrawalInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AwardProposalView]:
    """Withdraw a proposal of award."""
    return versioned(await leaving.withdraw_proposal(platform, caller, proposal_id, data, if_match))


@get(
    "/v1/procedures/{procedure_id:uuid}/award-notices",
    operation_id="listAwardNotices",
    tags=TAGS,
    summary="Read what bidders were told: as the buyer all, as a bidder your own",
)
async def list_notices(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> AwardNoticeList:
    """List notices."""
    return await notices.list_notices(platform, caller, procedure_id)


@post(
    "/v1/award-proposals/{proposal_id:uuid}/complaints",
    operation_id="fileComplaint",
    tags=TAGS,
    summary="Complain about an award in its standstill; that stops it",
)
async def file_complaint(
    proposal_id: FromPath[UUID],
    data: JSONBody[ComplaintInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ComplaintView]:
    """File a complaint."""
    return versioned(
        await complaints.file_complaint(platform, caller, proposal_id, data, idempotency_key)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/complaints",
    operation_id="listComplaints",
    tags=TAGS,
    summary="Read complaints: as the buyer all, as a bidder your own",
)
async def list_complaints(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ComplaintList:
    """List complaints."""
    return await complaints.list_complaints(platform, caller, procedure_id)


@post(
    "/v1/complaints/{complaint_id:uuid}/answer",
    operation_id="answerComplaint",
    tags=TAGS,
    summary="Uphold a complaint, and the proposal falls; or lift it, and the standstill goes on",
    status_code=200,
)
async def answer_complaint(
    complaint_id: FromPath[UUID],
    data: JSONBody[ComplaintAnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ComplaintView]:
    """Answer a complaint."""
    return versioned(
        await complaints.answer_complaint(platform, caller, complaint_id, data, if_match)
    )


@post(
    "/v1/awards/{award_id:uuid}/decline",
    operation_id="declineAward",
    tags=TAGS,
    summary="Refuse an award to your company before its contract is in force",
    status_code=200,
)
async def decline_award(
    award_id: FromPath[UUID],
    data: JSONBody[AwardDeclineInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> SupplierAwardView:
    """Decline an award."""
    return await leaving.decline_award(platform, caller, award_id, data)


@post(
    "/v1/awards/{award_id:uuid}/fail",
    operation_id="failAward",
    tags=TAGS,
    summary="Say that a winner falls away; his contract ends, and the next follows",
    status_code=200,
)
async def fail_award(
    award_id: FromPath[UUID],
    data: JSONBody[AwardFailureInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AwardProposalView]:
    """Let an award fail, at the version of its proposal."""
    return versioned(await leaving.fail_award(platform, caller, award_id, data, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/end",
    operation_id="endLot",
    tags=TAGS,
    summary="End a lot without a further award",
    status_code=200,
)
async def end_lot(
    *,
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[LotEndInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """End a lot, at the version of its procedure."""
    return versioned(await leaving.end_lot(platform, caller, procedure_id, lot_id, data, if_match))


@get(
    "/v1/award-policy",
    operation_id="readAwardPolicy",
    tags=TAGS,
    summary="Read above which amount your company's awards wait for approval",
)
async def read_policy(
    caller: Given[Caller], platform: Given[Platform]
) -> Response[AwardPolicyView]:
    """Read the policy."""
    return versioned(await approving.read_policy(platform, caller))


@put(
    "/v1/award-policy",
    operation_id="putAwardPolicy",
    tags=TAGS,
    summary="Say above which amount your company's awards wait for approval",
)
async def put_policy(
    data: JSONBody[AwardPolicyInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AwardPolicyView]:
    """Put the policy, at its version; 0 where there was none."""
    return versioned(await approving.put_policy(platform, caller, data, if_match))


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    send_breakdown,
    award_lot,
    list_awards,
    list_proposals,
    read_proposal,
    withdraw_proposal,
    list_notices,
    file_complaint,
    list_complaints,
    answer_complaint,
    decline_award,
    fail_award,
    end_lot,
    read_policy,
    put_policy,
)
