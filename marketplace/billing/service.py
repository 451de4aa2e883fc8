"""Issue invoices and read them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, case, func, insert, or_, select
from sqlalchemy.dialects import postgresql

from marketplace.billing.rules import (
    Invoiceable,
    InvoicedLine,
    InvoiceTerms,
    InvoiceTotals,
    LineWish,
    invoice_lines,
    invoice_number,
    totals_of,
)
from marketplace.billing.schemas import (
    CreditNoteReference,
    InvoiceInput,
    InvoiceLineView,
    InvoiceSummary,
    InvoiceView,
    TaxSubtotalView,
)
from marketplace.billing.tables import (
    CreditNoteRow,
    InvoiceCounterRow,
    InvoiceLineRow,
    InvoiceRow,
)
from marketplace.contracts.parties import newest_of_party
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.orders.fulfilment import lock_supplier_order
from marketplace.orders.tables import AS_WHOLE, SupplierOrderLineRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import MoneyView, shown_amount, shown_quantity
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@dataclass(frozen=True, slots=True)
class InvoiceHeader:
    """An invoice without its lines: the columns of `invoices`."""

    id: UUID
    buyer_id: UUID
    supplier_id: UUID
    series: str
    sequence: int
    number: str
    supplier_order_id: UUID
    buyer_reference: str | None
    state: str
    version: int
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    breakdown: list[dict[str, str]]
    issued_on: date
    due_on: date
    issued_at: datetime


@retries_conflicts
async def issue_invoice(
    platform: Platform, caller: Caller, data: InvoiceInput, key: IdempotencyKey
) -> InvoiceView:
    """Invoice what was despatched and is not invoiced yet, under the issuer's next number.

    Raises NotFound for an order that is not the caller's to deliver, and what
    `rules.invoice_lines` raises.
    """
    caller.require("invoices:write")
    wishes = [_wish(line) for line in data.lines]
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, InvoiceView)) is not None:
            return earlier
        # The lock keeps two invoices from covering the same goods.
        order = await lock_supplier_order(tx, caller, data.supplier_order_id)
        open_lines = await _invoiceable(tx, data.supplier_order_id)
        terms = InvoiceTerms(order.currency, Decimal(data.standard_rate))
        lines = invoice_lines(open_lines, wishes, terms)
        totals = totals_of(lines, order.currency)
        # Last, for from here on the issuer's other invoices wait.
        sequence = await next_number(tx, caller.organization_id, data.series)
        invoice = _header(order, data, totals, sequence, tx.opened_at)
        await _store(tx, invoice, lines)
        return await keep(tx, key, _view(invoice, lines))


def _wish(line: Any) -> LineWish:
    return LineWish(
        line=line.line,
        quantity=None if line.quantity is None else Decimal(line.quantity),
        tax_category=line.tax_category,
        tax_rate=None if line.tax_rate is None else Decimal(line.tax_rate),
    )


async def _invoiceable(tx: Transaction, supplier_order_id: UUID) -> list[Invoiceable]:
    """Read, per line, what left and what invoices cover of it."""
    invoiced = (
        select(
            InvoiceLineRow.supplier_line,
            func.sum(InvoiceLineRow.quantity).label("quantity"),
        )
        .where(InvoiceLineRow.supplier_order_id == supplier_order_id)
        .group_by(InvoiceLineRow.supplier_line)
        .subquery()
    )
    rows = await tx.all(
        select(
            SupplierOrderLineRow.line,
            SupplierOrderLineRow.sku,
            SupplierOrderLineRow.description,
            SupplierOrderLineRow.unit,
            SupplierOrderLineRow.amount,
            SupplierOrderLineRow.basis,
            SupplierOrderLineRow.tax_category,
            case((AS_WHOLE, SupplierOrderLineRow.line_amount)).label("whole"),
            SupplierOrderLineRow.despatched_quantity.label("despatched"),
            func.coalesce(invoiced.c.quantity, 0).label("invoiced"),
        )
        .outerjoin(invoiced, invoiced.c.supplier_line == SupplierOrderLineRow.line)
        .where(SupplierOrderLineRow.supplier_order_id == supplier_order_id)
        .order_by(SupplierOrderLineRow.line)
    )
    return [Invoiceable(**row._mapping) for row in rows]  # noqa: SLF001 - a public name


async def next_number(tx: Transaction, issuer_id: UUID, series: str) -> int:
    """Take the issuer's next number; a rollback gives it back, so there is no gap.

    Invoices and credit notes of one series share it: no two documents have the same number.
    """
    statement = postgresql.insert(InvoiceCounterRow).values(
        issuer_id=issuer_id, series=series, last=1
    )
    number: int = await tx.scalar(
        statement.on_conflict_do_update(
            index_elements=["issuer_id", "series"], set_={"last": InvoiceCounterRow.last + 1}
        ).returning(InvoiceCounterRow.last)
    )
    return number


def _header(
    order: Row[Any], data: InvoiceInput, totals: InvoiceTotals, sequence: int, at: datetime
) -> InvoiceHeader:
    issued_on = at.date()
    return InvoiceHeader(
        id=new_id(),
        buyer_id=order.buyer_id,
        supplier_id=order.supplier_id,
        series=data.series,
        sequence=sequence,
        number=invoice_number(data.series, sequence),
        supplier_order_id=order.id,
        buyer_reference=order.buyer_reference,
        state="issued",
        version=1,
        currency=order.currency,
        net=totals.net.amount,
        tax=totals.tax.amount,
        gross=totals.gross.amount,
        breakdown=breakdown_document(totals),
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=data.payment_days),
        issued_at=at,
    )


def breakdown_document(totals: InvoiceTotals) -> list[dict[str, str]]:
    """Give the stored form of the tax by category and rate."""
    return [
        {
            "category": group.tax.category.value,
            "rate": plain_decimal(group.tax.rate),
            "taxable": str(group.taxable.amount),
            "tax": str(group.amount.amount),
        }
        for group in totals.breakdown
    ]


async def _store(tx: Transaction, invoice: InvoiceHeader, lines: Sequence[InvoicedLine]) -> None:
    parties = {"buyer_id": invoice.buyer_id, "supplier_id": invoice.supplier_id}
    owner = {
        **parties,
        "invoice_id": invoice.id,
        "supplier_order_id": invoice.supplier_order_id,
    }
    await tx.execute(insert(InvoiceRow).values(**asdict(invoice)))
    await tx.execute(insert(InvoiceLineRow), [{**owner, **asdict(line)} for line in lines])
    payload: dict[str, object] = {
        **parties,
        "number": invoice.number,
        "supplier_order_id": invoice.supplier_order_id,
        "buyer_reference": invoice.buyer_reference,
        "gross": {
            "amount": shown_amount(invoice.gross, invoice.currency),
            "currency": invoice.currency,
        },
    }
    audience = frozenset(parties.values())
    tx.emit(Event("invoice.issued", "invoice", invoice.id, 1, audience, payload))
    tx.record("invoice.issued", "invoice", invoice.id, after=payload)


async def list_invoices(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[InvoiceSummary]:
    """List the invoices the caller's company wrote or got, the newest first."""
    caller.require("invoices:read")
    ids = newest_of_party(
        InvoiceRow.id,
        InvoiceRow.buyer_id,
        InvoiceRow.supplier_id,
        caller.organization_id,
        asked,
    )
    credited = (
        select(func.coalesce(func.sum(CreditNoteRow.gross), 0))
        .where(CreditNoteRow.invoice_id == InvoiceRow.id)
        .scalar_subquery()
    )
    statement = (
        _invoices(caller)
        .add_columns(credited.label("credited"))
        .where(InvoiceRow.id.in_(ids))
        .order_by(InvoiceRow.id.desc())
        .limit(asked.fetch)
    )
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    summaries = [InvoiceSummary(**_summary(row, row.credited)) for row in rows]
    return page(asked, summaries, lambda summary: summary.id)


async def read_invoice(platform: Platform, caller: Caller, invoice_id: UUID) -> InvoiceView:
    """Read an invoice the caller's company wrote or got; raises NotFound."""
    caller.require("invoices:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_invoices(caller).where(InvoiceRow.id == invoice_id))
        if row is None:
            raise NotFound("There is no such invoice.")
        lines = await tx.all(
            select(*_LINE)
            .where(InvoiceLineRow.invoice_id == invoice_id)
            .order_by(InvoiceLineRow.line)
        )
        notes = await tx.all(
            select(CreditNoteRow.id, CreditNoteRow.number, CreditNoteRow.gross)
            .where(CreditNoteRow.invoice_id == invoice_id)
            .order_by(CreditNoteRow.id)
        )
    return _view(row, lines, notes)


_LINE = [getattr(InvoiceLineRow, name) for name in InvoicedLine.__slots__]


def _invoices(caller: Caller) -> Select[*tuple[Any, ...]]:
    columns: list[Any] = [getattr(InvoiceRow, name) for name in InvoiceHeader.__slots__]
    own = caller.organization_id
    return select(*columns).where(or_(InvoiceRow.buyer_id == own, InvoiceRow.supplier_id == own))


def _summary(invoice: Any, credited: Decimal) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "version": invoice.version,
        "number": invoice.number,
        "state": invoice.state,
        "buyer_id": invoice.buyer_id,
        "supplier_id": invoice.supplier_id,
        "supplier_order_id": invoice.supplier_order_id,
        "buyer_reference": invoice.buyer_reference,
        "net": money_view(invoice.net, invoice.currency),
        "tax": money_view(invoice.tax, invoice.currency),
        "gross": money_view(invoice.gross, invoice.currency),
        "credited": money_view(credited, invoice.currency),
        "due": money_view(invoice.gross - credited, invoice.currency),
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "issued_at": invoice.issued_at,
    }


def _view(invoice: Any, lines: Sequence[Any], credits_of: Sequence[Any] = ()) -> InvoiceView:
    currency = invoice.currency
    credited = sum((note.gross for note in credits_of), Decimal(0))
    return InvoiceView(
        **_summary(invoice, credited),
        breakdown=breakdown_view(invoice.breakdown, currency),
        lines=[_line_view(line, currency) for line in lines],
        credit_notes=[
            CreditNoteReference(note.id, note.number, money_view(note.gross, currency))
            for note in credits_of
        ],
    )


def breakdown_view(document: Sequence[dict[str, str]], currency: str) -> list[TaxSubtotalView]:
    """Show the tax by category and rate."""
    return [
        TaxSubtotalView(
            category=group["category"],
            rate=group["rate"],
            taxable=money_view(Decimal(group["taxable"]), currency),
            tax=money_view(Decimal(group["tax"]), currency),
        )
        for group in document
    ]


def _line_view(line: Any, currency: str) -> InvoiceLineView:
    return InvoiceLineView(
        line=line.line,
        supplier_line=line.supplier_line,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=shown_quantity(line.quantity),
        price=shown_amount(line.amount, currency),
        basis=shown_quantity(line.basis),
        net=money_view(line.net, currency),
        tax_category=line.tax_category,
        tax_rate=plain_decimal(line.tax_rate),
    )


def money_view(amount: Decimal, currency: str) -> MoneyView:
    """Show an amount in its currency's digits."""
    return MoneyView.of(Money(amount, currency))
