"""Invoices on the wire; both parties read the same."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import (
    AmountText,
    Input,
    MoneyView,
    Name,
    Output,
    QuantityText,
)

Percentage = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,4})?(?!\n)$",
        description="A percentage from 0 to 100, with four decimals.",
        examples=["19"],
    ),
]
TaxCategoryCode = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{1,2}(?!\n)$",
        description="UNCL 5305: S standard, Z zero, E exempt, AE reverse charge, K, G, O.",
        examples=["S"],
    ),
]
LineNumber = Annotated[int, Meta(ge=1, le=LINES_MAX)]
Series = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{1,12}(?!\n)$",
        description="What the number begins with: 1 to 12 capital letters and digits.",
    ),
]


class InvoiceLineInput(Input):
    """What differs for one line of the supplier order: how much is invoiced, and its tax."""

    line: LineNumber
    quantity: QuantityText | None = None
    tax_category: TaxCategoryCode | None = None
    tax_rate: Percentage | None = None


class InvoiceInput(Input):
    """An invoice for what a supplier order despatched and no invoice covers yet.

    Without `lines` all of it is invoiced. A line's category is the order's; category S has
    `standard_rate`, the others rate 0, where the line does not say otherwise.
    """

    supplier_order_id: UUID
    standard_rate: Percentage
    lines: Annotated[tuple[InvoiceLineInput, ...], Meta(max_length=LINES_MAX)] = ()
    payment_days: Annotated[int, Meta(ge=0, le=365)] = 30
    series: Series = "INV"


class TaxSubtotalView(Output):
    """Tax of one category and rate (BG-23)."""

    category: str
    rate: str
    taxable: MoneyView
    tax: MoneyView


class InvoiceLineView(Output):
    """A line, for a quantity of one line of the supplier order."""

    line: int
    supplier_line: int
    sku: str
    description: str
    unit: str
    quantity: str
    price: str
    basis: str
    net: MoneyView
    tax_category: str
    tax_rate: str


class InvoiceSummary(Output):
    """An invoice without its lines: net, tax, gross as EN 16931 counts them.

    `credited` is what credit notes gave back of its gross amount, `due` what is left of it.
    """

    id: UUID
    version: int
    number: str
    state: str
    buyer_id: UUID
    supplier_id: UUID
    supplier_order_id: UUID
    buyer_reference: str | None
    net: MoneyView
    tax: MoneyView
    gross: MoneyView
    credited: MoneyView
    due: MoneyView
    issued_on: date
    due_on: date
    issued_at: datetime


class CreditNoteReference(Output):
    """A credit note of an invoice."""

    id: UUID
    number: str
    gross: MoneyView


class InvoiceView(InvoiceSummary):
    """An invoice."""

    breakdown: list[TaxSubtotalView]
    lines: list[InvoiceLineView]
    credit_notes: list[CreditNoteReference]


class CreditNoteLineInput(Input):
    """What is given back of a line of the invoice.

    A `quantity` is goods, at what they were invoiced unless `amount` (net) says what for them; an
    `amount` alone corrects the price. Without both it is all that is left of the line.
    """

    line: LineNumber
    quantity: QuantityText | None = None
    amount: AmountText | None = None


class CreditNoteInput(Input):
    """A credit note for an invoice; without `lines` for all that is left of it.

    An `amount` (net) for the whole document, such as a discount agreed afterwards, is shared among
    the `lines` named, or among all, by what is left of each; the parts come to it to the cent.
    """

    reason: Name
    amount: AmountText | None = None
    lines: Annotated[tuple[CreditNoteLineInput, ...], Meta(max_length=LINES_MAX)] = ()
    series: Series = "CN"


class CreditNoteLineView(Output):
    """A line; without `quantity` it corrects a price, and no goods are meant."""

    line: int
    invoice_line: int
    sku: str
    description: str
    unit: str
    quantity: str | None
    net: MoneyView
    tax_category: str
    tax_rate: str


class CreditNoteSummary(Output):
    """A credit note without its lines; its amounts are given back, and are not negative."""

    id: UUID
    version: int
    number: str
    reason: str
    buyer_id: UUID
    supplier_id: UUID
    invoice_id: UUID
    invoice_number: str
    net: MoneyView
    tax: MoneyView
    gross: MoneyView
    issued_on: date
    issued_at: datetime


class CreditNoteView(CreditNoteSummary):
    """A credit note."""

    breakdown: list[TaxSubtotalView]
    lines: list[CreditNoteLineView]
