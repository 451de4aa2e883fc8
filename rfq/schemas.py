"""What goes over the wire: one struct per audience.

Amounts are strings. Keys, commitments, hashes and nonces are lower-case hexadecimal.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from auctions.engine.terms import Disclosure
from auctions.terms_schemas import DecrementInput, OvertimeInput
from marketplace.contracts.schemas import ProvenanceView
from marketplace.kernel.limits import (
    ANSWER_HOURS_MAX,
    AUCTION_PARTICIPANTS_MAX,
    INVITATIONS_MAX,
    LINES_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    InstantIn,
    MoneyView,
    Name,
    Output,
    QuantityText,
    Sku,
    Text,
    TimeZone,
    UnitText,
)
from rfq.rules.abnormal import ExplanationStatus
from rfq.rules.amendment import ChangeKind
from rfq.rules.clarification import QuestionStatus
from rfq.rules.procedure import Kind, LotStatus, Openness, Status


class ProcedureLineInput(Input):
    """One thing asked for. `sku` is a hint for the bidders."""

    quantity: QuantityText
    unit: UnitText
    description: Name
    sku: Sku | None = None


class ProcedureLotInput(Input):
    """A part that is awarded by itself."""

    title: Name
    lines: Annotated[list[ProcedureLineInput], Meta(min_length=1, max_length=LINES_MAX)]


BeyondQuantity = Literal["stop", "next_price", "split"]
PercentBelow = Annotated[
    int,
    Meta(
        ge=1,
        le=99,
        description="An offer at least so many percent below the others' mean, or the next offer, "
        "has to be explained before it can win. Usual are 40 and 30.",
    ),
]


class ProcedureInput(Input):
    """A request for quotation or a tender, as a draft."""

    title: Name
    currency: CurrencyText
    deadline_at: Annotated[
        InstantIn, Meta(description="Bids are received before this instant and opened at it.")
    ]
    lots: Annotated[list[ProcedureLotInput], Meta(min_length=1, max_length=LINES_MAX)]
    kind: Kind = Kind.RFQ
    openness: Openness = Openness.INVITED
    description: Text = ""
    minimum_bids: Annotated[
        int, Meta(ge=1, le=100, description="A lot with fewer valid bids ends unsuccessful.")
    ] = 1
    questions_until: Annotated[
        InstantIn | None,
        Meta(description="Questions are taken before it; without it, while bids are."),
    ] = None
    answer_hours: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=ANSWER_HOURS_MAX,
                description="Receiving does not end while a question is unanswered, nor sooner "
                "than so many hours after an answer. Without it the deadline stands.",
            ),
        ]
        | None
    ) = None
    amendment_notice_hours: Annotated[
        int,
        Meta(
            ge=0,
            le=ANSWER_HOURS_MAX,
            description="The least time between an amendment and the deadline.",
        ),
    ] = 24
    beyond_quantity: (
        Annotated[
            BeyondQuantity,
            Meta(
                description="What becomes of orders beyond the quantities asked for: no price "
                "(stop), the next price there is, or a split at it. The award's contract commits "
                "to these quantities then; without it its prices hold for any quantity."
            ),
        ]
        | None
    ) = None

    low_below_mean: PercentBelow | None = None
    low_below_next: PercentBelow | None = None


class InvitationInput(Input):
    """Suppliers to invite."""

    supplier_ids: Annotated[list[UUID], Meta(min_length=1, max_length=INVITATIONS_MAX)]


class CancellationInput(Input):
    """Why a procedure is cancelled; all who may bid read it."""

    reason: Annotated[Text, Meta(min_length=1)]


class ProcedureLineView(Output):
    """One thing asked for."""

    id: UUID
    quantity: str
    unit: str
    description: str
    sku: str | None


class ProcedureLotView(Output):
    """A lot as everybody in the procedure sees it."""

    id: UUID
    title: str
    status: LotStatus
    lines: list[ProcedureLineView]


class ProcedureSummary(Output):
    """A procedure in a list."""

    id: UUID
    buyer_id: UUID
    kind: Kind
    openness: Openness
    status: Status
    title: str
    currency: str
    deadline_at: datetime
    published_at: datetime | None


class SupplierProcedureView(ProcedureSummary):
    """A procedure as those see it who may bid: nothing of who else may, or did.

    `bids_root` is published at the close, before any bid is opened: the Merkle root over all
    commitments with their status; `bid_leaves` and `bids_blinding` follow with the opening, so that
    a bidder finds his own commitment below it.
    """

    version: int
    description: str
    lots: list[ProcedureLotView]
    terms_version: int
    questions_until: datetime | None
    answer_hours: int | None
    amendment_notice_hours: int
    beyond_quantity: BeyondQuantity | None
    low_below_mean: int | None
    low_below_next: int | None
    sealing_key: str
    closed_at: datetime | None
    opened_at: datetime | None
    cancelled_because: str | None
    bids_root: str | None
    bid_leaves: list[str] | None
    bids_blinding: str | None


class BuyerProcedureView(SupplierProcedureView):
    """A procedure as its buyer sees it; of bids he is told nothing before the opening."""

    minimum_bids: int
    created_at: datetime
    invited_ids: list[UUID]


class AmendedLineInput(ProcedureLineInput):
    """A line as it is asked for from now on; `id` names the one there is, a new one has none."""

    id: UUID | None = None


class AmendedLotInput(Input):
    """A lot as it is asked for from now on; `id` names the one there is, a new one has none."""

    title: Name
    lines: Annotated[list[AmendedLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    id: UUID | None = None


class AmendmentInput(Input):
    """What is asked for from now on, whole; what is left out of `lots` is removed.

    `summary` tells bidders why. Without `deadline_at` the deadline stands.
    """

    summary: Annotated[Text, Meta(min_length=1)]
    title: Name
    lots: Annotated[list[AmendedLotInput], Meta(min_length=1, max_length=LINES_MAX)]
    description: Text = ""
    deadline_at: InstantIn | None = None


class ExtensionInput(Input):
    """A later deadline, and why; bids stand as they are."""

    deadline_at: InstantIn
    reason: Annotated[Text, Meta(min_length=1)]


class ChangeView(Output):
    """One difference between two versions of the terms; `place` says where, in words."""

    kind: ChangeKind
    place: str
    before: str | None
    after: str | None


class AmendmentView(Output):
    """An amendment: `number` is the version of the terms from it on.

    Where `lines_changed`, bids for older terms cannot be confirmed; they are replaced.
    """

    number: int
    summary: str
    changes: list[ChangeView]
    lines_changed: bool
    deadline_before: datetime
    deadline_after: datetime
    amended_at: datetime


class AmendmentList(Output):
    """All amendments of a procedure, the first first."""

    items: list[AmendmentView]


class QuestionInput(Input):
    """A question to the buyer. He is not told who asks; do not name your company in it."""

    question: Annotated[Text, Meta(min_length=1)]


class AnswerInput(Input):
    """An answer to all who may bid, with the question in words that do not tell who asked."""

    question: Annotated[Text, Meta(min_length=1)]
    answer: Annotated[Text, Meta(min_length=1)]


class QuestionDeclineInput(Input):
    """Why a question is not answered; its asker reads it, nobody else."""

    reason: Annotated[Text, Meta(min_length=1)]


class QuestionView(Output):
    """A question. `original` is what was asked: the buyer and the asker read it, nobody else.

    `question` and `answer` are what all read; to a question that was declined `answer` is the
    reason, for the asker.
    """

    id: UUID
    procedure_id: UUID
    version: int
    status: QuestionStatus
    question: str | None
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None
    original: str | UnsetType = UNSET


class SealedBidLineInput(Input):
    """The price of one line: `unit_amount` per `basis` units. `sku` is the supplier's own."""

    line_id: UUID
    unit_amount: AmountText
    basis: QuantityText = "1"
    sku: Sku | None = None


class SealedBidInput(Input):
    """A bid: every line of each lot it is for. It is sealed at once."""

    currency: CurrencyText
    lines: Annotated[list[SealedBidLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    note: Text = ""


class ReceiptView(Output):
    """The receipt of one version of a bid; all its bidder reads of it before the opening.

    `status` is ``unconfirmed`` where the terms were amended since: it is worth nothing until it is
    confirmed or replaced. `terms_version` are the terms it is for.

    `commitment` is SHA-256 over procedure, bidder, version, `nonce` and the bid. The nonce is shown
    once, in the answer to the submission, and again after the opening; keep it to prove what you
    offered. `signature` is Ed25519 by `signing_key` over the receipt.
    """

    procedure_id: UUID
    bidder_id: UUID
    bid_id: UUID
    version: int
    status: str
    terms_version: int
    submitted_at: datetime
    commitment: str
    signature: str
    signing_key: str
    nonce: str | UnsetType = UNSET


class ReceiptList(Output):
    """The receipts of all versions of the own bid, the newest first."""

    items: list[ReceiptView]


class OpenedLineView(Output):
    """One line's price in an opened bid; `amount` is for the asked quantity."""

    line_id: UUID
    unit_amount: str
    basis: str
    sku: str | None
    amount: MoneyView


class OpenedOfferView(Output):
    """What an opened bid offers for one lot, and where it stands there."""

    lot_id: UUID
    rank: int
    total: MoneyView
    lines: list[OpenedLineView]


class OpenedBidView(Output):
    """A bid after the opening, as the buyer sees it.

    `content` is the text that was sealed: with `nonce` it gives the receipt's commitment. A bid
    that did not open, or does not answer what was asked, has an `invalid_reason` and no offers.
    """

    id: UUID
    bidder_id: UUID
    version: int
    submitted_at: datetime
    commitment: str
    nonce: str | None
    content: str | None
    invalid_reason: str | None
    offers: list[OpenedOfferView]


class OpenedBidList(Output):
    """All bids, best rank first; invalid ones last."""

    items: list[OpenedBidView]


class RankedOfferView(Output):
    """An offer with its place; `abnormally_low` says why it has to be explained."""

    rank: int
    bid_id: UUID
    bidder_id: UUID
    total: MoneyView
    abnormally_low: str | None
    explanation: ExplanationStatus | None


class LotRankingView(Output):
    """What a lot would be awarded from: its bids, or what was reached in its auction.

    `rejected` are the offers whose explanation was rejected; they cannot win.
    """

    lot_id: UUID
    auctioned: bool
    items: list[RankedOfferView]
    rejected: list[RankedOfferView]


class ExplanationRequestInput(Input):
    """A question to the bidder of an abnormally low offer."""

    bid_id: UUID
    question: Annotated[Text, Meta(min_length=1)]


class ExplanationInput(Input):
    """How the own price comes about."""

    explanation: Annotated[Text, Meta(min_length=1)]


class ExplanationDecisionInput(Input):
    """Whether the explanation convinces; a rejection says why not."""

    accepted: bool
    reason: Text = ""


class ExplanationView(Output):
    """An explanation as both sides read it."""

    id: UUID
    version: int
    procedure_id: UUID
    lot_id: UUID
    bid_id: UUID
    bidder_id: UUID
    status: ExplanationStatus
    flag: str
    question: str
    explanation: str | None
    decision_reason: str | None
    requested_at: datetime
    explained_at: datetime | None
    decided_at: datetime | None


class ExplanationList(Output):
    """Explanations, the first asked for first."""

    items: list[ExplanationView]


class LotAuctionInput(Input):
    """A live auction among the best bidders of a lot.

    Each enters with the total of his bid; the ceiling is the highest of them. Without `starts_at`
    it starts at once.
    """

    lot_id: UUID
    bidders: Annotated[
        int, Meta(ge=1, le=AUCTION_PARTICIPANTS_MAX, description="So many of the first ranks.")
    ]
    decrement: DecrementInput
    ends_at: InstantIn
    starts_at: InstantIn | None = None
    overtime: OvertimeInput | None = None
    disclosure: Disclosure = Disclosure.RANK_ONLY
    starting_gate: bool = True
    buyer_sees_identities: bool = False


class LotParticipantView(Output):
    """Who is in a lot's auction, and the total he enters with."""

    organization_id: UUID
    opening_amount: MoneyView


class LotAuctionView(Output):
    """The auction a lot went into."""

    lot_id: UUID
    auction_id: UUID
    participants: list[LotParticipantView]


class BreakdownLineInput(Input):
    """The unit price of one line, per the basis of the own bid."""

    line_id: UUID
    unit_amount: AmountText


class BreakdownInput(Input):
    """Own unit prices for the total that was reached in a lot's auction."""

    lines: Annotated[list[BreakdownLineInput], Meta(min_length=1, max_length=LINES_MAX)]


class BreakdownView(Output):
    """A breakdown as it was taken; its lines come to `total` exactly."""

    lot_id: UUID
    total: MoneyView
    lines: list[OpenedLineView]


class AwardInput(Input):
    """A decision for one lot. Without `bid_id` the first of the ranking wins.

    The contract runs from `first_day` (without one: today) to `last_day`, both included, in
    `time_zone`.
    """

    lot_id: UUID
    last_day: date
    first_day: date | None = None
    time_zone: TimeZone = "UTC"
    bid_id: UUID | None = None
    reason: Annotated[Text, Meta(description="Required where another than the first wins.")] = ""


class AwardLineView(Output):
    """One line as awarded."""

    line_id: UUID
    sku: str
    unit_amount: str
    basis: str
    amount: MoneyView


class SupplierAwardView(Output):
    """An award as its winner sees it."""

    id: UUID
    procedure_id: UUID
    lot_id: UUID
    supplier_id: UUID
    bid_id: UUID
    total: MoneyView
    contract_id: UUID
    hash: str
    awarded_at: datetime
    provenance: list[ProvenanceView]
    lines: list[AwardLineView]


class BuyerAwardView(SupplierAwardView):
    """An award as the buyer sees it."""

    rank: int
    reason: str


class BuyerAwardList(Output):
    """All awards of a procedure, for its buyer."""

    items: list[BuyerAwardView]


class SupplierAwardList(Output):
    """The awards of a procedure that a supplier won."""

    items: list[SupplierAwardView]


def hexadecimal(value: bytes | None) -> str | None:
    """Write bytes, or nothing."""
    return None if value is None else value.hex()


def without_secrets(receipt: ReceiptView) -> ReceiptView:
    """Give the receipt as it may be stored: without its nonce, the envelope's only clue."""
    return msgspec.structs.replace(receipt, nonce=UNSET)
