"""Orders on the wire: what the buyer sends and reads, and what the supplier does."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marketplace.contracts.schemas import ProvenanceView
from marketplace.contracts.terms import Address, LineTerms, Words
from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import (
    AmountText,
    Code,
    CurrencyText,
    Input,
    InstantIn,
    MoneyView,
    Output,
    QuantityText,
    Sku,
    Text,
    UnitText,
)

LineNumber = Annotated[int, Meta(ge=1, le=LINES_MAX, description="Number of a line, from 1.")]


class OrderTerms(Input):
    """What holds for the whole order; suppliers read it. `delivery_terms` are Incoterms."""

    ship_to: Address | None = None
    bill_to: Address | None = None
    requested_on: date | None = None
    delivery_terms: Words = ""
    payment_terms: Words = ""


class OrderLineInput(Input):
    """A line: so much of a supplier's SKU.

    `expected_amount` per `expected_basis` is the price the buyer's document states: a lower one is
    taken, a higher one refused. `quote_id` names the accepted quote that must price the line: where
    another price counts, or the quote has ended, the order is refused. `cost_centre` stays inside
    the buyer's company.
    """

    supplier_id: UUID
    sku: Sku
    quantity: QuantityText
    unit: UnitText
    expected_amount: AmountText | None = None
    expected_basis: QuantityText = "1"
    requested_on: date | None = None
    cost_centre: Words = ""
    quote_id: UUID | None = None


class OrderInput(Input):
    """A purchase order. `note` stays inside the buyer's company.

    `ordered_at` is for the import of history alone (scope ``orders:backdate``): the prices of that
    instant count.
    """

    currency: CurrencyText
    lines: Annotated[list[OrderLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    terms: OrderTerms = msgspec.field(default_factory=OrderTerms)
    note: Text = ""
    ordered_at: InstantIn | None = None


class ExternalNumber(Input):
    """The buyer's own number of an order, unique in one of his systems."""

    system: Code
    id: Code


class NewOrderInput(OrderInput):
    """A purchase order, with the buyer's own number where it has one."""

    external: ExternalNumber | None = None


class OrderPriceSourceView(Output):
    """Where a price is written: a contract, price list or quote, and its version."""

    kind: str
    id: UUID
    version: int


class PricedTierView(Output):
    """A tier of the ladder a line was priced with."""

    minimum_quantity: str
    amount: str


class PricedPartView(Output):
    """A part of a line that has several prices: `amount` per `basis` units."""

    quantity: str
    amount: str
    basis: str
    line_amount: str
    level: str
    source: OrderPriceSourceView


class PriceDiscountView(Output):
    """From which list a price was reckoned: so many percent off its amounts."""

    percent_off: str
    of_list_id: UUID
    of_version: int


class PriceDrawView(Output):
    """What a line takes of a contract's commitment: a quantity, or a value."""

    contract_price_id: UUID
    measure: Literal["quantity", "value"]
    amount: str


class CallOffView(Output):
    """What a line calls off under a framework agreement: its value, and how much in its unit."""

    framework_id: UUID
    amount: str
    quantity: str = "0"


class PriceDetailView(Output):
    """What explains an amount that one price per unit does not.

    Where a line was priced with a graduated ladder (`tiers`, each slice at its own, per
    `tier_basis`) or in `parts`, its `amount` is that of the whole line and its `basis` the quantity
    ordered: part of the goods costs that part of it (decision 0421).
    """

    volume_mode: Literal["volume", "graduated"] = "volume"
    tiers: list[PricedTierView] = msgspec.field(default_factory=list)
    tier_basis: str = "1"
    parts: list[PricedPartView] = msgspec.field(default_factory=list)
    discount: PriceDiscountView | UnsetType = UNSET
    draws: list[PriceDrawView] = msgspec.field(default_factory=list)
    call_off: CallOffView | UnsetType = UNSET

    @property
    def as_whole(self) -> bool:
        """Tell whether the line's amount is that of the whole line."""
        return bool(self.parts) or self.volume_mode == "graduated"


class LinePriceView(Output):
    """The price of an ordered line: `amount` per `basis` units, and where it came from.

    `detail` is there where that does not explain the line's amount alone.
    """

    amount: str
    currency: str
    basis: str
    tier_minimum: str
    level: str
    source: OrderPriceSourceView
    detail: PriceDetailView | UnsetType = UNSET


class OrderLineView(Output):
    """A line for its buyer, and how far it is.

    `agreed_terms` are those of the contract that prices it; what the order says itself goes before.
    """

    line: int
    supplier_id: UUID
    sku: str
    description: str
    unit: str
    quantity: str
    price: LinePriceView
    line_amount: MoneyView
    tax_category: str
    requested_on: date | None
    cost_centre: str
    supplier_order_id: UUID | None
    supplier_line: int | None
    confirmed_quantity: str | None
    promised_on: date | None
    reason: str
    despatched_quantity: str
    agreed_terms: LineTerms | UnsetType = UNSET


class OrderPartView(Output):
    """What one supplier has to do with an order."""

    id: UUID
    version: int
    state: str
    supplier_id: UUID
    supplier_reference: str | None
    total: MoneyView


class OrderSummary(Output):
    """An order without its lines."""

    id: UUID
    version: int
    state: str
    external: ExternalNumber | None
    unit_id: UUID
    requester_id: UUID
    approval_id: UUID | None
    total: MoneyView
    line_count: int
    ordered_at: datetime
    submitted_at: datetime
    placed_at: datetime | None


class OrderView(OrderSummary):
    """An order for its buyer."""

    terms: OrderTerms
    note: str
    supplier_orders: list[OrderPartView]
    lines: list[OrderLineView]


class LineProvenanceView(Output):
    """From an ordered line back to the winning bid, earliest step first.

    A price from a list has no steps: its source says all.
    """

    order_id: UUID
    line: int
    sku: str
    price: LinePriceView
    steps: list[ProvenanceView]


class UnitPriceView(Output):
    """A price as the supplier agreed to it."""

    amount: str
    currency: str
    basis: str
    detail: PriceDetailView | UnsetType = UNSET


class SupplierOrderLineView(Output):
    """A line for its supplier."""

    line: int
    sku: str
    description: str
    unit: str
    quantity: str
    price: UnitPriceView
    line_amount: MoneyView
    tax_category: str
    requested_on: date | None
    confirmed_quantity: str | None
    promised_on: date | None
    reason: str
    despatched_quantity: str
    agreed_terms: LineTerms | UnsetType = UNSET


class DespatchedLine(Output):
    """How much of a line left."""

    line: int
    quantity: str


class DespatchView(Output):
    """Goods that left."""

    id: UUID
    carrier: str
    tracking_number: str
    expected_on: date | None
    lines: list[DespatchedLine]
    despatched_at: datetime


class SupplierOrderSummary(Output):
    """A supplier's order without its lines."""

    id: UUID
    version: int
    state: str
    order_id: UUID
    buyer_id: UUID
    supplier_id: UUID
    buyer_reference: str | None
    supplier_reference: str | None
    total: MoneyView
    ordered_at: datetime
    placed_at: datetime


class SupplierOrderView(SupplierOrderSummary):
    """A supplier's order, for him and for its buyer."""

    terms: OrderTerms
    lines: list[SupplierOrderLineView]
    despatches: list[DespatchView]


class LineConfirmationInput(Input):
    """What the supplier will deliver of a line; quantity 0 refuses it, less needs a reason."""

    line: LineNumber
    quantity: QuantityText
    promised_on: date | None = None
    reason: Words = ""


class ConfirmationInput(Input):
    """A supplier's answer to an order; lines not named are confirmed as ordered.

    `promised_on` counts for the lines that do not say otherwise.
    """

    supplier_reference: Code | None = None
    promised_on: date | None = None
    lines: Annotated[tuple[LineConfirmationInput, ...], Meta(max_length=LINES_MAX)] = ()


class LineDespatchInput(Input):
    """How much of a line leaves."""

    line: LineNumber
    quantity: QuantityText


class DespatchInput(Input):
    """Goods that leave; without lines all that is confirmed and has not left."""

    carrier: Words = ""
    tracking_number: Words = ""
    expected_on: date | None = None
    lines: Annotated[tuple[LineDespatchInput, ...], Meta(max_length=LINES_MAX)] = ()
