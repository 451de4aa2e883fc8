"""Carts and requisition lists on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catalog.price_lists.schemas import NoPriceView, PriceView
from catalog.stock.schemas import AvailabilityView
from marketplace.contracts.terms import Words
from marketplace.kernel.limits import LINES_MAX, QUICK_ORDER_CHARACTERS_MAX
from marketplace.orders.schemas import ExternalNumber, OrderTerms
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    MoneyView,
    Name,
    Output,
    QuantityText,
    Sku,
    Text,
    UnitText,
)

# Carts


class CartInput(Input):
    """A new cart of the unit you act for; `shared` with all who act for it, or yours alone."""

    name: Name
    currency: CurrencyText
    shared: bool = False


class CartChange(Input):
    """Another name, or shared or not; what is left out stays."""

    name: Name | UnsetType = UNSET
    shared: bool | UnsetType = UNSET


class CartLineInput(Input):
    """So much of a supplier's SKU; without `unit` it is the offer's own.

    The same SKU may stand on several lines. `cost_centre` stays inside your company. `quote_id`
    names the accepted quote that must price the line when it is ordered.
    """

    supplier_id: UUID
    sku: Sku
    quantity: QuantityText = "1"
    unit: UnitText | None = None
    requested_on: date | None = None
    cost_centre: Words = ""
    quote_id: UUID | None = None


class CartLinesInput(Input):
    """Lines to put into a cart; all or none."""

    lines: Annotated[list[CartLineInput], Meta(min_length=1, max_length=LINES_MAX)]


class CartLineChange(Input):
    """What changes of a line; what is left out stays."""

    quantity: QuantityText | UnsetType = UNSET
    unit: UnitText | UnsetType = UNSET
    requested_on: date | UnsetType | None = UNSET
    cost_centre: Words | UnsetType = UNSET


class CartSummary(Output):
    """A cart without its lines; `order_id` is there once it is ordered."""

    id: UUID
    version: int
    name: str
    currency: str
    unit_id: UUID
    owner_id: UUID
    shared: bool
    state: str
    line_count: int
    created_at: datetime
    updated_at: datetime
    order_id: UUID | UnsetType = UNSET


class PriceChangeView(Output):
    """What became of a line's price since it was put into the cart.

    `kind` is ``price_rose``, ``price_fell``, ``no_longer_priced`` or ``newly_priced``; it was
    `amount_before` per `basis_before`. `difference` is what the line costs more (or, with a minus,
    less) now.
    """

    kind: str
    amount_before: str | UnsetType = UNSET
    basis_before: str | UnsetType = UNSET
    difference: MoneyView | UnsetType = UNSET


class NextTierView(Output):
    """What buying more would bring."""

    minimum_quantity: str
    amount: str
    basis: str


class QuantityAdviceView(Output):
    """What to know of the quantity of a line.

    `quantity` is the nearest one that can be ordered, where this one cannot.
    """

    minimum_quantity: str | UnsetType = UNSET
    multiple: str | UnsetType = UNSET
    maximum_quantity: str | UnsetType = UNSET
    quantity: str | UnsetType = UNSET
    next_tier: NextTierView | UnsetType = UNSET


class CartLineView(Output):
    """A line as it would be ordered now: with its `price`, or `no_price` and why."""

    id: UUID
    supplier_id: UUID
    sku: str
    quantity: str
    unit: str
    name: str | UnsetType
    requested_on: date | None
    cost_centre: str
    added_at: datetime
    availability: AvailabilityView
    quote_id: UUID | UnsetType = UNSET
    price: PriceView | UnsetType = UNSET
    no_price: NoPriceView | UnsetType = UNSET
    change: PriceChangeView | UnsetType = UNSET
    advice: QuantityAdviceView | UnsetType = UNSET


class CartTotalView(Output):
    """What the priced lines of one supplier cost; `unpriced_lines` are not in it."""

    supplier_id: UUID
    supplier_name: str
    total: MoneyView
    priced_lines: int
    unpriced_lines: int


class CartView(CartSummary, kw_only=True):
    """A cart, every line priced anew; `can_be_ordered` says that each has a price."""

    as_of: datetime
    lines: list[CartLineView]
    totals: list[CartTotalView]
    total: MoneyView
    can_be_ordered: bool


class RefusedLineView(Output):
    """A line that could not be put into the cart, and why; `line` counts from 1."""

    line: int
    supplier_id: UUID
    sku: str
    code: str
    detail: str


class CartLinesAdded(Output):
    """What was put into a cart, and what could not be; `version` is the cart's."""

    cart_id: UUID
    version: int
    line_count: int
    added: list[UUID]
    refused: list[RefusedLineView]


# Quick order

QuickText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=QUICK_ORDER_CHARACTERS_MAX,
        pattern=r"^[^\x00]*$",
        description="Lines of SKU, quantity, unit; parted by tab, semicolon, comma or blanks.",
        examples=["KA-6204-2RS 10\nKA-CAB-3G15;25;MTR"],
    ),
]


class QuickOrderInput(Input):
    """Pasted lines; `supplier_id` says whose SKUs they are, else all whom you can buy from."""

    text: QuickText
    supplier_id: UUID | None = None


class SuggestionView(Output):
    """What may be meant: only what you can see."""

    supplier_id: UUID
    sku: str
    name: str


class QuickOrderError(Output):
    """What is wrong with one pasted line; `line` counts from 1."""

    line: int
    text: str
    code: str
    detail: str
    suggestions: list[SuggestionView]


class QuickOrderView(Output):
    """What was put into the cart, and every bad line."""

    cart_id: UUID
    version: int
    line_count: int
    added: list[UUID]
    errors: list[QuickOrderError]


# From elsewhere


class AddQuoteInput(Input):
    """An accepted quote whose lines go into the cart."""

    quote_id: UUID


class AddListInput(Input):
    """A requisition list whose lines are wanted."""

    requisition_list_id: UUID


class ReorderInput(Input):
    """An earlier order of your company whose lines are wanted again."""

    order_id: UUID


# Checkout


class ExpectedPriceInput(Input):
    """The price you accept for a line: `amount` per `basis` units."""

    line_id: UUID
    amount: AmountText
    basis: QuantityText = "1"


class CheckoutInput(Input):
    """How a cart is ordered.

    Prices count as of now. One that rose since its line was put in is refused with the difference,
    unless you accept it: in `expected_prices`, or all of them by an `expected_total` that is not
    exceeded.
    """

    terms: OrderTerms = msgspec.field(default_factory=OrderTerms)
    note: Text = ""
    external: ExternalNumber | None = None
    expected_total: AmountText | None = None
    expected_prices: Annotated[list[ExpectedPriceInput], Meta(max_length=LINES_MAX)] = (
        msgspec.field(default_factory=list)
    )


# Requisition lists


class RequisitionLine(Input):
    """A line kept for later."""

    supplier_id: UUID
    sku: Sku
    quantity: QuantityText = "1"
    unit: UnitText | None = None
    cost_centre: Words = ""


class RequisitionListInput(Input):
    """A list of the unit you act for."""

    name: Name
    lines: Annotated[list[RequisitionLine], Meta(max_length=LINES_MAX)]


class RequisitionListSummary(Output):
    """A list without its lines."""

    id: UUID
    version: int
    name: str
    unit_id: UUID
    line_count: int
    created_at: datetime
    updated_at: datetime


class RequisitionListView(RequisitionListSummary):
    """A list of a unit; no prices: put it into a cart to see them."""

    lines: list[RequisitionLine]
