"""What goes over the wire about scenarios; all of it is the buyer's alone."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.limits import (
    INVITATIONS_MAX,
    LINES_MAX,
    SCENARIO_CONSTRAINTS_MAX,
    SCENARIO_SECONDS_MAX,
)
from marketplace.platform.http.schemas import (
    Code,
    Input,
    MoneyView,
    Name,
    Output,
    Text,
    TimeZone,
)
from rfq.rules.scenario_run import ScenarioStatus
from rfq.scenarios.messages import ScenarioPhase, SolutionOutcome

ShareText = Annotated[
    str,
    Meta(
        pattern=r"^(100(\.0{1,2})?|[1-9]?[0-9](\.[0-9]{1,2})?)(?!\n)$",
        description="A percentage, at most 100 and two decimals.",
        examples=["30"],
    ),
]
GapText = Annotated[
    str,
    Meta(
        pattern=r"^(1|0|(0\.[0-9]{1,4}))(?!\n)$",
        description="By how many percent the award may cost more than the least; at most 1.",
        examples=["0.5"],
    ),
]
Count = Annotated[int, Meta(ge=1, le=INVITATIONS_MAX)]


class KeptMeasure(StrEnum):
    """Of what an incumbent keeps a percentage: of all that is paid, or of lots, counted."""

    VALUE = "value"
    LOTS = "lots"


class QualifiedShareInput(Input):
    """At least `percent` of all that is paid goes to suppliers with this qualification.

    It is one of those the buyer keeps of his suppliers (`/v1/supplier-qualifications`), for example
    that of small companies; one that has expired does not count.
    """

    qualification_code: Code
    percent: ShareText


class IncumbentInput(Input):
    """A supplier keeps at least `percent` of all that is paid, or of these lots, counted.

    Without `lot_ids` of all lots; the count is rounded up. Where lots are divided by line, lines
    are counted; where by shares, lots of which he gets one.
    """

    supplier_id: UUID
    percent: ShareText
    of: KeptMeasure = KeptMeasure.VALUE
    lot_ids: Annotated[list[UUID], Meta(max_length=LINES_MAX)] = msgspec.field(default_factory=list)


class ConstraintsInput(Input):
    """What an award has to keep; nothing of it: the cheapest.

    `suppliers_per_lot_max` is for procedures that award by line. With `supplier_share_max` no
    supplier gets more of all that is paid, with `best_ranks` each lot goes to one of the first so
    many of its ranking, and `without_supplier_ids` get nothing.
    """

    suppliers_max: Count | None = None
    suppliers_per_lot_max: Count | None = None
    supplier_share_max: ShareText | None = None
    qualified_shares: Annotated[
        list[QualifiedShareInput], Meta(max_length=SCENARIO_CONSTRAINTS_MAX)
    ] = msgspec.field(default_factory=list)
    incumbents: Annotated[list[IncumbentInput], Meta(max_length=SCENARIO_CONSTRAINTS_MAX)] = (
        msgspec.field(default_factory=list)
    )
    best_ranks: Count | None = None
    without_supplier_ids: Annotated[list[UUID], Meta(max_length=INVITATIONS_MAX)] = msgspec.field(
        default_factory=list
    )


class ScenarioInput(Input):
    """A scenario: the cheapest award of all lots that are open, under constraints.

    With `conditions` packages and volume discounts of the bids count. One solution ends when it
    costs at most `gap_percent` more than the least, or after `seconds`.
    """

    name: Name
    constraints: ConstraintsInput = msgspec.field(default_factory=ConstraintsInput)
    conditions: bool = True
    gap_percent: GapText = "0.5"
    seconds: Annotated[int, Meta(ge=1, le=SCENARIO_SECONDS_MAX)] = 10


class ScenarioAward(Output):
    """One part and who gets it: a lot, a line where lots are divided by line, or a share of a lot.

    `share_rank` is which of the lot's shares, the first from 1 on, and `rank` the supplier's in the
    ranking: a scenario may give the first share to the second of it. `offered` is his price for
    it, `amount` what is paid after his conditions.
    """

    lot_id: UUID
    line_id: UUID | None
    bid_id: UUID
    supplier_id: UUID
    rank: int
    offered: str
    amount: str
    share_rank: int | None = None


class ScenarioSupplier(Output):
    """What a supplier gets in all; `share` is in percent, to two places."""

    supplier_id: UUID
    name: str
    parts: int
    amount: str
    share: str


class GrantedCondition(Output):
    """A condition of a bid that counts: which (`packages/0`, `volume/1`) and what it takes off."""

    supplier_id: UUID
    condition: str
    percent: str
    off: str


class ConstraintCost(Output):
    """What a constraint costs: how much cheaper the award without it is.

    The solutions are exact to the gap: `at_least` and `at_most` are what it can cost in truth.
    All are null where the time ended before a solution without it was found.
    """

    name: str
    words: str
    outcome: SolutionOutcome
    total_without: str | None
    cost: str | None
    at_least: str | None
    at_most: str | None


class LeftOut(Output):
    """A lot or line that is in no award, or one bidder's offer for it, and why."""

    lot_id: UUID
    line_id: UUID | None
    supplier_id: UUID | None
    reason: str


class ScenarioResult(Output):
    """What came out, reckoned exactly from the offers.

    `bound` is what no award that keeps the constraints costs less than, and `gap_percent` by how
    much of itself `total` may lie above it. Where no award keeps all constraints, `conflict` names
    some that cannot hold together; `conflict_proven`, that without any one of these the others can.
    """

    outcome: SolutionOutcome
    solver: str
    seconds: str
    total: str | None
    bound: str | None
    gap_percent: str | None
    awards: list[ScenarioAward]
    suppliers: list[ScenarioSupplier]
    granted: list[GrantedCondition]
    constraints: list[ConstraintCost]
    conflict: list[str]
    conflict_proven: bool
    left_out: list[LeftOut]


class ScenarioProgress(Output):
    """How far it is: solutions done of all; of the present one, the best so far and the bound."""

    phase: ScenarioPhase
    done: int
    total: int
    best: MoneyView | None
    bound: MoneyView | None
    gap_percent: str | None


class ScenarioSummary(Output):
    """A scenario in a list."""

    id: UUID
    version: int
    procedure_id: UUID
    name: str
    status: ScenarioStatus
    currency: str
    total: str | None
    created_at: datetime
    finished_at: datetime | None
    proposed_at: datetime | None


class ScenarioView(ScenarioSummary):
    """A scenario: what was asked, how far it is, and what came out."""

    constraints: ConstraintsInput
    conditions: bool
    gap_percent: str
    seconds: int
    progress: ScenarioProgress
    failure: str | None
    result: ScenarioResult | None


class ScenarioProposalInput(Input):
    """Days of the contracts, as of an award of one lot, and the reason."""

    last_day: date
    first_day: date | None = None
    time_zone: TimeZone | None = None
    reason: Annotated[
        Text,
        Meta(
            description="Required where another than the first of its ranking wins a lot; those "
            "who stood before him are told. And where the gap is more than 1 %."
        ),
    ] = ""


class ProposedLot(Output):
    """The proposal of award for one lot."""

    lot_id: UUID
    proposal_id: UUID
    total: MoneyView


class ScenarioProposalView(Output):
    """The proposals that a scenario became, one for each lot; `total` is of all."""

    scenario_id: UUID
    total: MoneyView
    proposals: list[ProposedLot]


class ScenarioFigure(StrEnum):
    """What a plot shows: what suppliers get in each scenario, or what each constraint costs."""

    SUPPLIERS = "suppliers"
    CONSTRAINTS = "constraints"


class ComparedScenario(Output):
    """One scenario beside others: `above_cheapest` is what it costs more than the cheapest here."""

    id: UUID
    name: str
    status: ScenarioStatus
    total: str
    bound: str
    gap_percent: str
    above_cheapest: str
    above_cheapest_percent: str
    suppliers: list[ScenarioSupplier]
    constraints: list[ConstraintCost]


class ScenarioComparison(Output):
    """Scenarios of a procedure side by side, the cheapest first."""

    procedure_id: UUID
    currency: str
    items: list[ComparedScenario]
