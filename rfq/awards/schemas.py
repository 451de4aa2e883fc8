"""What goes over the wire about awards: one struct per audience."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.contracts.schemas import ProvenanceView
from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import AmountText, Input, MoneyView, Output, Text, TimeZone
from rfq.evaluation.schemas import OpenedLineView


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
