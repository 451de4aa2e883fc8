"""What goes over the wire about a procedure: one struct per audience."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from auctions.terms_schemas import CurrencyRateInput, CurrencyRateView
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.limits import (
    ANSWER_HOURS_MAX,
    AUCTION_RATES_MAX,
    AWARD_SHARES_MAX,
    CHOICES_MAX,
    INVITATIONS_MAX,
    LINES_MAX,
    NON_WORKING_DAYS_MAX,
    OFFICERS_MAX,
    QUESTIONNAIRE_ITEMS_MAX,
    RECEIVING_DAYS_MAX,
    REMIND_DAYS_MAX,
    STANDSTILL_DAYS_MAX,
)
from marketplace.kernel.periods import Counting
from marketplace.platform.http.schemas import (
    AmountText,
    Code,
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
from rfq.procedures.judging import (
    JudgingInput,
    JudgingView,
    Requirements,
    RequirementView,
)
from rfq.procedures.key_schemas import FinancialKeysView, StrictKeysInput
from rfq.rules.awarding import Division
from rfq.rules.offering import AnswerForm, Item
from rfq.rules.procedure import Kind, LotStatus, Openness, Status
from rfq.variants.schemas import VariantTermsInput, VariantTermsView


class ProcedureLineInput(Input):
    """One thing asked for. `sku` is a hint for the bidders.

    `terms` left open may be offered by the bidders.
    """

    quantity: QuantityText
    unit: UnitText
    description: Name
    sku: Sku | None = None
    terms: LineTerms | None = None


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


class BudgetInput(Input):
    """The most you mean to spend, in the procedure's currency; told to bidders where `shown`."""

    amount: AmountText
    shown: bool = False


class QuestionnaireItemInput(Input):
    """One item of a questionnaire; answers refer to its `code`."""

    code: Code
    prompt: Annotated[Text, Meta(min_length=1)]
    form: AnswerForm = AnswerForm.TEXT
    choices: Annotated[list[Name], Meta(max_length=CHOICES_MAX)] = msgspec.field(
        default_factory=list
    )
    required: bool = True


Questionnaire = Annotated[
    list[QuestionnaireItemInput],
    Meta(
        max_length=QUESTIONNAIRE_ITEMS_MAX,
        description="What is asked of each bidder beside prices; a request for information asks "
        "nothing else.",
    ),
]


def questionnaire(items: list[QuestionnaireItemInput]) -> tuple[Item, ...]:
    """Give the items as the rules know them."""
    return tuple(
        Item(
            code=item.code,
            prompt=item.prompt,
            form=item.form,
            choices=tuple(item.choices),
            required=item.required,
        )
        for item in items
    )


class ProcedureInput(Input):
    """A request for information or quotation, or a tender, as a draft."""

    title: Name
    currency: CurrencyText
    deadline_at: Annotated[
        InstantIn, Meta(description="Bids are received before this instant and opened at it.")
    ]
    lots: Annotated[list[ProcedureLotInput], Meta(max_length=LINES_MAX)] = msgspec.field(
        default_factory=list
    )
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
    remind_days: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=REMIND_DAYS_MAX,
                description="So many days before the deadline all who may bid are reminded of it, "
                "by event and mail; once for each deadline.",
            ),
        ]
        | None
    ) = None
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
    framework_id: (
        Annotated[
            UUID,
            Meta(
                description="With `openness` members: the framework whose members compete, each "
                "at most at his framework prices."
            ),
        ]
        | None
    ) = None
    budget: BudgetInput | None = None
    questionnaire: Questionnaire = msgspec.field(default_factory=list)
    bids_valid_until: (
        Annotated[InstantIn, Meta(description="Bids bind at least until this instant.")] | None
    ) = None
    two_envelopes: Annotated[
        bool,
        Meta(
            description="Whether prices are sealed in an envelope of their own, which is opened "
            "after the technical result is locked, and only of bids that passed."
        ),
    ] = False
    partial_bids: Annotated[
        bool,
        Meta(
            description="Whether a bid may leave out lines of a lot; with `award_division` lines, "
            "for such offers compare by line alone."
        ),
    ] = False
    variants: Annotated[
        VariantTermsInput | None,
        Meta(
            description="Which other solutions than the one asked for are taken; without it none. "
            "Not with award by line, nor among members of a framework. A lot with a variant in the "
            "running is not auctioned."
        ),
    ] = None
    rates: Annotated[
        list[CurrencyRateInput],
        Meta(
            max_length=AUCTION_RATES_MAX,
            description="Other currencies that bids may be in. Prices are converted at these "
            "rates, unit by unit; ranking, auction and contract are in the procedure's currency.",
        ),
    ] = msgspec.field(default_factory=list)
    strict: StrictKeysInput | None = None
    officer_ids: Annotated[
        list[UUID],
        Meta(
            max_length=OFFICERS_MAX,
            description="Members of your company of whom two approve before bids are opened; each "
            "takes a code before the publication. Without any, bids open at the deadline.",
        ),
    ] = msgspec.field(default_factory=list)
    award_division: Annotated[
        Division,
        Meta(description="Whole lots, shares of a lot by rank, or each line to its best."),
    ] = Division.LOT
    award_shares: Annotated[
        list[Annotated[int, Meta(ge=1, le=100)]],
        Meta(
            max_length=AWARD_SHARES_MAX,
            description="Percent of each line's quantity by rank, such as 60 and 40.",
        ),
    ] = []  # noqa: RUF012 - msgspec copies it
    standstill_days: Annotated[
        int,
        Meta(
            ge=0,
            le=STANDSTILL_DAYS_MAX,
            description="Days in `time_zone` between the notice to all bidders and the contract; "
            "one that would end on a day that is not worked ends with the next that is. 10 is "
            "usual in the EU.",
        ),
    ] = 0
    standstill_in: Annotated[
        Counting, Meta(description="In which days the standstill is counted.")
    ] = Counting.CALENDAR_DAYS
    receiving_days: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=RECEIVING_DAYS_MAX,
                description="The least days between the publication and the deadline, counted "
                "like the standstill, in `periods_in`; 35 calendar days are usual in the EU.",
            ),
        ]
        | None
    ) = None
    questions_days: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=RECEIVING_DAYS_MAX,
                description="Questions are taken until the end of the day so many days before the "
                "deadline's, which moves with it; beside `questions_until` whichever is earlier.",
            ),
        ]
        | None
    ) = None
    answer_days: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=RECEIVING_DAYS_MAX,
                description="As `answer_hours`, in days: receiving ends no sooner than with the "
                "last hour of so many after an answer.",
            ),
        ]
        | None
    ) = None
    amendment_notice_days: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=RECEIVING_DAYS_MAX,
                description="As `amendment_notice_hours`, in days; bidders have the longer of "
                "both to confirm or replace their bids.",
            ),
        ]
        | None
    ) = None
    periods_in: Annotated[
        Counting,
        Meta(description="In which days the periods before the deadline are counted."),
    ] = Counting.CALENDAR_DAYS
    holidays: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?(?!\n)$",
                description="Whose public holidays are not worked: a country of ISO 3166-1, or a "
                "part of one as in ISO 3166-2, such as FR or DE-BW. They are written into the "
                "terms, in `non_working_days`.",
            ),
        ]
        | None
    ) = None
    non_working_days: Annotated[
        list[date],
        Meta(
            max_length=NON_WORKING_DAYS_MAX,
            description="More days that are not worked, beside weekends and `holidays`.",
        ),
    ] = msgspec.field(default_factory=list)
    time_zone: TimeZone = "UTC"
    signatures: Annotated[
        bool,
        Meta(
            description="Whether both sides sign the contract before its prices count. Without it "
            "the bid is the supplier's signature and the award the buyer's."
        ),
    ] = False
    judging: Annotated[
        JudgingInput | None, Meta(description="Without it the lowest price wins.")
    ] = None
    requirements: Requirements = msgspec.field(default_factory=list)


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
    terms: LineTerms | None


class ProcedureLotView(Output):
    """A lot as everybody in the procedure sees it."""

    id: UUID
    title: str
    status: LotStatus
    lines: list[ProcedureLineView]


class QuestionnaireItemView(Output):
    """One item of a questionnaire."""

    code: str
    prompt: str
    form: AnswerForm
    choices: list[str]
    required: bool


def item_view(item: Item) -> QuestionnaireItemView:
    """Show an item."""
    return QuestionnaireItemView(
        item.code, item.prompt, item.form, list(item.choices), item.required
    )


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
    framework_id: UUID | None
    budget: MoneyView | None
    questionnaire: list[QuestionnaireItemView]
    bids_valid_until: datetime | None
    two_envelopes: bool
    partial_bids: bool
    variants: VariantTermsView | None
    rates: list[CurrencyRateView]
    award_division: Division
    award_shares: list[int]
    standstill_days: int
    standstill_in: Counting
    receiving_days: int | None
    questions_days: int | None
    questions_end_at: datetime | None
    answer_days: int | None
    amendment_notice_days: int | None
    periods_in: Counting
    holidays: str | None
    non_working_days: list[date]
    time_zone: str
    signatures: bool
    judging: JudgingView
    requirements: list[RequirementView]
    sealing_key: str
    buyer_key: str | None
    auditor_key: str | None
    financial_keys: FinancialKeysView | None
    closed_at: datetime | None
    opened_at: datetime | None
    prices_opened_at: datetime | None
    cancelled_because: str | None
    bids_root: str | None
    bid_leaves: list[str] | None
    bids_blinding: str | None


class BuyerProcedureView(SupplierProcedureView):
    """A procedure as its buyer sees it; of bids he is told nothing before the opening."""

    minimum_bids: int
    remind_days: int | None
    budget_shown: bool | None
    officer_ids: list[UUID]
    created_at: datetime
    invited_ids: list[UUID]
