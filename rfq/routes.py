"""Procedures over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey
from rfq import (
    amendments,
    awards,
    bids,
    cancel,
    clarifications,
    evaluations,
    explanations,
    handover,
    opening,
    procedures,
    proofs,
    publish,
    rankings,
)
from rfq.rules.proof import OpeningProof
from rfq.schemas import (
    AmendmentInput,
    AmendmentList,
    AnswerInput,
    AwardInput,
    BreakdownInput,
    BreakdownView,
    BuyerAwardList,
    BuyerAwardView,
    BuyerProcedureView,
    CancellationInput,
    ExplanationDecisionInput,
    ExplanationInput,
    ExplanationList,
    ExplanationRequestInput,
    ExplanationView,
    ExtensionInput,
    InvitationInput,
    LotAuctionInput,
    LotAuctionView,
    LotRankingView,
    OpenedBidList,
    ProcedureInput,
    ProcedureSummary,
    QuestionDeclineInput,
    QuestionInput,
    QuestionView,
    ReceiptList,
    ReceiptView,
    SealedBidInput,
    SupplierAwardList,
    SupplierProcedureView,
)

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures",
    operation_id="createProcedure",
    tags=TAGS,
    summary="Draft a request for quotation or a tender",
)
async def create_procedure(
    data: JSONBody[ProcedureInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[BuyerProcedureView]:
    """Draft a procedure."""
    return versioned(await publish.create_procedure(platform, caller, data, idempotency_key))


@get(
    "/v1/procedures",
    operation_id="listProcedures",
    tags=TAGS,
    summary="List own procedures and those you may bid in",
)
async def list_procedures(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[ProcedureSummary]]:
    """List procedures."""
    return paged(page_request, await procedures.list_procedures(platform, caller, page_request))


@get(
    "/v1/procedures/{procedure_id:uuid}",
    operation_id="readProcedure",
    tags=TAGS,
    summary="Read a procedure: as its buyer, or as a supplier who may bid",
)
async def read_procedure(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[BuyerProcedureView | SupplierProcedureView]:
    """Read a procedure."""
    return versioned(await procedures.read_procedure(platform, caller, procedure_id))


@put(
    "/v1/procedures/{procedure_id:uuid}",
    operation_id="updateProcedure",
    tags=TAGS,
    summary="Write a draft anew, whole",
)
async def update_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[ProcedureInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Write a draft anew."""
    return versioned(await publish.update_draft(platform, caller, procedure_id, data, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/invitations",
    operation_id="inviteSuppliers",
    tags=TAGS,
    summary="Invite suppliers to bid",
)
async def invite_suppliers(
    procedure_id: FromPath[UUID],
    data: JSONBody[InvitationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[BuyerProcedureView]:
    """Invite suppliers."""
    return versioned(
        await publish.invite_suppliers(platform, caller, procedure_id, data, idempotency_key)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/publish",
    operation_id="publishProcedure",
    tags=TAGS,
    summary="Publish a draft and receive bids",
    status_code=200,
)
async def publish_procedure(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Publish a procedure."""
    return versioned(await publish.publish_procedure(platform, caller, procedure_id, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/cancel",
    operation_id="cancelProcedure",
    tags=TAGS,
    summary="Cancel a procedure; sealed bids are never opened",
    status_code=200,
)
async def cancel_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[CancellationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Cancel a procedure."""
    return versioned(await cancel.cancel_procedure(platform, caller, procedure_id, data, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/deadline",
    operation_id="extendDeadline",
    tags=TAGS,
    summary="Move the deadline later; bids stand",
    status_code=200,
)
async def extend_deadline(
    procedure_id: FromPath[UUID],
    data: JSONBody[ExtensionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Extend the deadline."""
    return versioned(
        await amendments.extend_deadline(platform, caller, procedure_id, data, if_match)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/amendments",
    operation_id="amendProcedure",
    tags=TAGS,
    summary="Amend what is asked for; bids submitted before have to be confirmed or replaced",
    status_code=200,
)
async def amend_procedure(
    procedure_id: FromPath[UUID],
    data: JSONBody[AmendmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[BuyerProcedureView]:
    """Amend a procedure."""
    return versioned(
        await amendments.amend_procedure(platform, caller, procedure_id, data, if_match)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/amendments",
    operation_id="listAmendments",
    tags=TAGS,
    summary="Read what was amended, as differences in words",
)
async def list_amendments(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> AmendmentList:
    """List amendments."""
    return await amendments.list_amendments(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/questions",
    operation_id="askQuestion",
    tags=TAGS,
    summary="Ask the buyer; nobody is told who asked",
)
async def ask_question(
    procedure_id: FromPath[UUID],
    data: JSONBody[QuestionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[QuestionView]:
    """Ask a question."""
    return versioned(
        await clarifications.ask_question(platform, caller, procedure_id, data, idempotency_key)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/questions",
    operation_id="listQuestions",
    tags=TAGS,
    summary="Read the answered questions and your own; as the buyer all",
)
async def list_questions(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[QuestionView]]:
    """List questions."""
    return paged(
        page_request,
        await clarifications.list_questions(platform, caller, procedure_id, page_request),
    )


@post(
    "/v1/questions/{question_id:uuid}/answer",
    operation_id="answerQuestion",
    tags=TAGS,
    summary="Answer a question to all who may bid",
    status_code=200,
)
async def answer_question(
    question_id: FromPath[UUID],
    data: JSONBody[AnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuestionView]:
    """Answer a question."""
    return versioned(
        await clarifications.answer_question(platform, caller, question_id, data, if_match)
    )


@post(
    "/v1/questions/{question_id:uuid}/decline",
    operation_id="declineQuestion",
    tags=TAGS,
    summary="Leave a question unanswered; its asker reads why",
    status_code=200,
)
async def decline_question(
    question_id: FromPath[UUID],
    data: JSONBody[QuestionDeclineInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuestionView]:
    """Decline a question."""
    return versioned(
        await clarifications.decline_question(platform, caller, question_id, data, if_match)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}/confirm",
    operation_id="confirmBid",
    tags=TAGS,
    summary="Let the own bid stand for the amended terms",
    status_code=200,
)
async def confirm_bid(
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ReceiptView]:
    """Confirm a bid."""
    return versioned(await bids.confirm_bid(platform, caller, procedure_id, bid_id, if_match))


@post(
    "/v1/procedures/{procedure_id:uuid}/bids",
    operation_id="submitBid",
    tags=TAGS,
    summary="Submit a sealed bid and get its receipt",
)
async def submit_bid(
    procedure_id: FromPath[UUID],
    data: JSONBody[SealedBidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ReceiptView]:
    """Submit a bid."""
    return versioned(await bids.submit_bid(platform, caller, procedure_id, data, idempotency_key))


@put(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}",
    operation_id="replaceBid",
    tags=TAGS,
    summary="Replace the own bid by another version",
)
async def replace_bid(
    *,
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    data: JSONBody[SealedBidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ReceiptView]:
    """Replace a bid."""
    return versioned(
        await bids.replace_bid(
            platform,
            caller,
            procedure_id,
            bid_id,
            data=data,
            version=if_match,
            key=idempotency_key,
        )
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/bids/{bid_id:uuid}/withdraw",
    operation_id="withdrawBid",
    tags=TAGS,
    summary="Withdraw the own bid before the deadline",
    status_code=200,
)
async def withdraw_bid(
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ReceiptView]:
    """Withdraw a bid."""
    return versioned(await bids.withdraw_bid(platform, caller, procedure_id, bid_id, if_match))


@get(
    "/v1/procedures/{procedure_id:uuid}/receipts",
    operation_id="listReceipts",
    tags=TAGS,
    summary="List the receipts of the own bid, all versions",
)
async def list_receipts(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ReceiptList:
    """List the own receipts."""
    return await bids.list_receipts(platform, caller, procedure_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/bids",
    operation_id="listBids",
    tags=TAGS,
    summary="List the opened bids, ranked",
)
async def list_bids(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpenedBidList:
    """List opened bids."""
    return await evaluations.list_bids(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/open",
    operation_id="openProcedure",
    tags=TAGS,
    summary="Open the bids after the deadline, if the timer has not yet",
    status_code=200,
)
async def open_procedure(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[BuyerProcedureView]:
    """Open the bids."""
    return versioned(await opening.open_procedure(platform, caller, procedure_id))


@get(
    "/v1/procedures/{procedure_id:uuid}/opening",
    operation_id="readOpening",
    tags=TAGS,
    summary="Read what proves the opening, for `marketplace verify-opening`",
)
async def read_opening(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpeningProof:
    """Read the opening's proof."""
    return await proofs.read_opening(platform, caller, procedure_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/auction",
    operation_id="startLotAuction",
    tags=TAGS,
    summary="Take the best bidders of a lot into a live auction",
)
async def start_auction(
    procedure_id: FromPath[UUID],
    data: JSONBody[LotAuctionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> LotAuctionView:
    """Start a lot's auction."""
    return await handover.start_auction(platform, caller, procedure_id, data, idempotency_key)


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
    return await awards.send_breakdown(platform, caller, procedure_id, lot_id, data)


@get(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/ranking",
    operation_id="readLotRanking",
    tags=TAGS,
    summary="Read what a lot would be awarded from, with offers that are abnormally low",
)
async def read_ranking(
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> LotRankingView:
    """Read a lot's ranking."""
    return await rankings.read_ranking(platform, caller, procedure_id, lot_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/explanations",
    operation_id="requestExplanation",
    tags=TAGS,
    summary="Ask the bidder of an abnormally low offer to explain it",
)
async def request_explanation(
    *,
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    data: JSONBody[ExplanationRequestInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ExplanationView]:
    """Ask for an explanation."""
    return versioned(
        await explanations.request_explanation(
            platform, caller, procedure_id, lot_id, data, idempotency_key
        )
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/explanations",
    operation_id="listExplanations",
    tags=TAGS,
    summary="Read the explanations of low offers: as the buyer all, as a bidder your own",
)
async def list_explanations(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ExplanationList:
    """List explanations."""
    return await explanations.list_explanations(platform, caller, procedure_id)


@post(
    "/v1/explanations/{explanation_id:uuid}/explain",
    operation_id="explainOffer",
    tags=TAGS,
    summary="Explain your own low offer, once",
    status_code=200,
)
async def explain_offer(
    explanation_id: FromPath[UUID],
    data: JSONBody[ExplanationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ExplanationView]:
    """Explain an offer."""
    return versioned(
        await explanations.explain_offer(platform, caller, explanation_id, data, if_match)
    )


@post(
    "/v1/explanations/{explanation_id:uuid}/decide",
    operation_id="decideExplanation",
    tags=TAGS,
    summary="Accept an explanation, or reject the offer with a reason",
    status_code=200,
)
async def decide_explanation(
    explanation_id: FromPath[UUID],
    data: JSONBody[ExplanationDecisionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ExplanationView]:
    """Decide on an explanation."""
    return versioned(
        await explanations.decide_explanation(platform, caller, explanation_id, data, if_match)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/awards",
    operation_id="awardLot",
    tags=TAGS,
    summary="Award a lot and conclude its contract",
)
async def award_lot(
    procedure_id: FromPath[UUID],
    data: JSONBody[AwardInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> BuyerAwardView:
    """Award a lot."""
    return await awards.award_lot(platform, caller, procedure_id, data, idempotency_key)


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
    return await awards.list_awards(platform, caller, procedure_id)


ROUTES: Final[list[ControllerRouterHandler]] = [
    create_procedure,
    list_procedures,
    read_procedure,
    update_procedure,
    invite_suppliers,
    publish_procedure,
    cancel_procedure,
    extend_deadline,
    amend_procedure,
    list_amendments,
    ask_question,
    list_questions,
    answer_question,
    decline_question,
    submit_bid,
    confirm_bid,
    replace_bid,
    withdraw_bid,
    list_receipts,
    list_bids,
    open_procedure,
    read_opening,
    start_auction,
    send_breakdown,
    read_ranking,
    request_explanation,
    list_explanations,
    explain_offer,
    decide_explanation,
    award_lot,
    list_awards,
]
