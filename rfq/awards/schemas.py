"""What goes over the wire about awards: one struct per audience."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.contracts.schemas import ProvenanceView
from marketplace.kernel.limits import AWARD_SHARES_MAX, LINES_MAX
from marketplace.platform.http.schemas import (
    AmountText,
    Input,
    MoneyInput,
    MoneyView,
    Output,
    Text,
    TimeZone,
)
from rfq.evaluation.schemas import OpenedLineView
from rfq.rules.settlement import AwardStatus, Cause, ComplaintStatus, ProposalStatus
from rfq.variants.schemas import VariantView


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


class LineChoiceInput(Input):
    """A line that goes to another bid than the best in it."""

    line_id: UUID
    bid_id: UUID


class AwardInput(Input):
    """A decision for one lot, divided as the procedure says; without choices by its ranking.

    The contract runs from `first_day` (without one, from the day it is concluded) to `last_day`,
    both included, in `time_zone` (without one, the procedure's).
    """

    lot_id: UUID
    last_day: date
    first_day: date | None = None
    time_zone: TimeZone | None = None
    bid_ids: Annotated[
        list[UUID],
        Meta(
            max_length=AWARD_SHARES_MAX,
            description="Bids in the order in which they are to win; the ranking's follow.",
        ),
    ] = []  # noqa: RUF012 - msgspec copies it
    lines: Annotated[
        list[LineChoiceInput],
        Meta(max_length=LINES_MAX, description="Only where the procedure awards by line."),
    ] = []  # noqa: RUF012
    reason: Annotated[
        Text,
        Meta(
            description="Required where another than the first wins; those who stood before him "
            "are told."
        ),
    ] = ""


class AwardLineView(Output):
    """One line as awarded; `sku` is null while the offer of a line without one is not made."""

    line_id: UUID
    sku: str | None
    quantity: str
    unit_amount: str
    basis: str
    amount: MoneyView


class SupplierAwardView(Output):
    """An award as its winner sees it; contract, hash and instant are there once it is awarded."""

    id: UUID
    proposal_id: UUID
    procedure_id: UUID
    lot_id: UUID
    supplier_id: UUID
    bid_id: UUID
    variant: VariantView | None
    status: AwardStatus
    share: int | None
    total: MoneyView
    contract_id: UUID | None
    hash: str | None
    awarded_at: datetime | None
    ended_because: str | None
    ended_at: datetime | None
    provenance: list[ProvenanceView]
    lines: list[AwardLineView]


class BuyerAwardView(SupplierAwardView):
    """An award as the buyer sees it."""

    rank: int
    reason: str
    cause: Cause | None


class BuyerAwardList(Output):
    """All awards of a procedure, for its buyer."""

    items: list[BuyerAwardView]


class SupplierAwardList(Output):
    """The awards of a procedure that a supplier won."""

    items: list[SupplierAwardView]


class AwardProposalView(Output):
    """A decision for a lot, with what each winner gets.

    In a standstill nothing is concluded before `standstill_until`; `stopped_at` is since when a
    complaint has stopped that time.
    """

    id: UUID
    version: int
    procedure_id: UUID
    lot_id: UUID
    status: ProposalStatus
    reason: str
    total: MoneyView
    first_day: date | None
    last_day: date
    time_zone: str
    approval_id: UUID | None
    standstill_until: datetime | None
    stopped_at: datetime | None
    ended_because: str | None
    proposed_at: datetime
    settled_at: datetime | None
    awards: list[BuyerAwardView]


class AwardProposalList(Output):
    """All that was proposed in a procedure, the first first."""

    items: list[AwardProposalView]


class AwardWithdrawalInput(Input):
    """Why a proposal is taken back; all who were told of it read this."""

    reason: Annotated[Text, Meta(min_length=1)]


class AwardDeclineInput(Input):
    """Why a winner does not want the award; the buyer reads it."""

    reason: Annotated[Text, Meta(min_length=1)]


class AwardFailureInput(Input):
    """Why a winner falls away; he reads it."""

    cause: Cause
    reason: Annotated[Text, Meta(min_length=1)]


class LotEndInput(Input):
    """Why a lot ends without a further award; all who may bid read it."""

    reason: Annotated[Text, Meta(min_length=1)]


class AwardNoticeView(Output):
    """What one bidder was told: whether he won, his own rank and his own reasons."""

    proposal_id: UUID
    bidder_id: UUID
    lot_id: UUID
    won: bool
    rank: int | None
    reasons: list[str]
    notified_at: datetime
    standstill_until: datetime | None
    withdrawn_at: datetime | None


class AwardNoticeList(Output):
    """What bidders were told, the first first."""

    items: list[AwardNoticeView]


class ComplaintInput(Input):
    """What is wrong with a proposed award."""

    complaint: Annotated[Text, Meta(min_length=1)]


class ComplaintAnswerInput(Input):
    """The buyer's answer; upheld, the proposal falls, else the standstill goes on."""

    upheld: bool
    answer: Annotated[Text, Meta(min_length=1)]


class ComplaintView(Output):
    """A complaint as its bidder and the buyer read it."""

    id: UUID
    version: int
    proposal_id: UUID
    procedure_id: UUID
    lot_id: UUID
    bidder_id: UUID
    status: ComplaintStatus
    complaint: str
    answer: str | None
    filed_at: datetime
    answered_at: datetime | None


class ComplaintList(Output):
    """Complaints, the first first."""

    items: list[ComplaintView]


class AwardPolicyInput(Input):
    """Above which total an award waits for a second person; null, none does."""

    approval_above: MoneyInput | None


class AwardPolicyView(Output):
    """A company's policy; version 0 is that of who never set one."""

    version: int
    approval_above: MoneyView | None
