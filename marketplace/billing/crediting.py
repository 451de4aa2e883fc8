"""Issue credit notes and read them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, insert, or_, select

from marketplace.billing.credit_rules import (
    Creditable,
    CreditedLine,
    CreditWish,
    credit_totals,
    credited_lines,
)
from marketplace.billing.rules import InvoiceTotals, Tax, invoice_number
from marketplace.billing.schemas import (
    CreditNoteInput,
    CreditNoteLineView,
    CreditNoteSummary,
    CreditNoteView,
)
from marketplace.billing.service import (
    breakdown_document,
    breakdown_view,
    money_view,
    next_number,
)
from marketplace.billing.tables import (
    CreditNoteLineRow,
    CreditNoteRow,
    InvoiceLineRow,
    InvoiceRow,
)
from marketplace.contracts.parties import newest_of_party
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import CREDIT_NOTES_OF_INVOICE_MAX
from marketplace.kernel.taxes import TaxCategory
from marketplace.orders.fulfilment import lock_supplier_order
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_amount, shown_quantity
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@dataclass(frozen=True, slots=True)
class CreditNoteHeader:
    """A credit note without its lines: the columns of `credit_notes`."""

    id: UUID
    buyer_id: UUID
    supplier_id: UUID
    invoice_id: UUID
    invoice_number: str
    series: str
    sequence: int
    number: str
    reason: str
    version: int
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    breakdown: list[dict[str, str]]
    issued_on: date
    issued_at: datetime


@retries_conflicts
async def issue_credit_note(
    platform: Platform,
    caller: Caller,
    invoice_id: UUID,
    data: CreditNoteInput,
    key: IdempotencyKey,
) -> CreditNoteView:
    """Give back part of an invoice, or all that is left of it; the invoice stays what it is.

    Raises NotFound for an invoice the caller's company did not write, Conflict where nothing is
    left or the credit notes are too many, and what `credit_rules.credited_lines` raises.
    """
    caller.require("invoices:write")
    wishes = [_wish(line) for line in data.lines]
    amount = None if data.amount is None else Decimal(data.amount)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CreditNoteView)) is not None:
            return earlier
        invoice = await _locked_invoice(tx, caller, invoice_id)
        invoiced = await _creditable(tx, invoice_id)
        lines = credited_lines(invoiced, wishes, invoice.currency, amount)
        totals = credit_totals(lines, invoiced, invoice.currency)
        # Last, for from here on the issuer's other documents wait.
        sequence = await next_number(tx, caller.organization_id, data.series)
        note = _header(invoice, data, totals, sequence, tx.opened_at)
        await _store(tx, note, lines)
        return await keep(tx, key, _view(note, lines))


def _wish(line: Any) -> CreditWish:
    return CreditWish(
        line=line.line,
        quantity=None if line.quantity is None else Decimal(line.quantity),
        amount=None if line.amount is None else Decimal(line.amount),
    )


async def _locked_invoice(tx: Transaction, caller: Caller, invoice_id: UUID) -> Row[Any]:
    """Read an invoice of the caller's, and keep others from crediting it meanwhile.

    The lock is the supplier order's, as for invoicing: an invoice is a row that nobody may change.
    """
    row = await tx.maybe(
        select(
            InvoiceRow.id,
            InvoiceRow.buyer_id,
            InvoiceRow.supplier_id,
            InvoiceRow.supplier_order_id,
            InvoiceRow.number,
            InvoiceRow.currency,
        ).where(InvoiceRow.id == invoice_id, InvoiceRow.supplier_id == caller.organization_id)
    )
    if row is None:
        raise NotFound("There is no such invoice of yours.")
    await lock_supplier_order(tx, caller, row.supplier_order_id)
    count: int = await tx.scalar(select(func.count()).where(CreditNoteRow.invoice_id == invoice_id))
    if count >= CREDIT_NOTES_OF_INVOICE_MAX:
        raise Conflict(f"An invoice has at most {CREDIT_NOTES_OF_INVOICE_MAX} credit notes.")
    return row


async def _creditable(tx: Transaction, invoice_id: UUID) -> list[Creditable]:
    """Read, per line of an invoice, what was invoiced and what is given back of it."""
    given = CreditNoteLineRow
    credited = (
        select(
            given.invoice_line,
            func.coalesce(func.sum(given.quantity), 0).label("returned"),
            func.sum(given.net).label("credited"),
        )
        .where(given.invoice_id == invoice_id)
        .group_by(given.invoice_line)
        .subquery()
    )
    line = InvoiceLineRow
    rows = await tx.all(
        select(
            line.line,
            line.sku,
            line.description,
            line.unit,
            line.quantity,
            line.net,
            line.tax_category,
            line.tax_rate,
            func.coalesce(credited.c.returned, 0).label("returned"),
            func.coalesce(credited.c.credited, 0).label("credited"),
        )
        .outerjoin(credited, credited.c.invoice_line == line.line)
        .where(line.invoice_id == invoice_id)
        .order_by(line.line)
    )
    return [
        Creditable(
            line=row.line,
            sku=row.sku,
            description=row.description,
            unit=row.unit,
            quantity=row.quantity,
            net=row.net,
            tax=Tax(TaxCategory(row.tax_category), row.tax_rate),
            returned=row.returned,
            credited=row.credited,
        )
        for row in rows
    ]


def _header(
    invoice: Row[Any], data: CreditNoteInput, totals: InvoiceTotals, sequence: int, at: datetime
) -> CreditNoteHeader:
    return CreditNoteHeader(
        id=new_id(),
        buyer_id=invoice.buyer_id,
        supplier_id=invoice.supplier_id,
        invoice_id=invoice.id,
        invoice_number=invoice.number,
        series=data.series,
        sequence=sequence,
        number=invoice_number(data.series, sequence),
        reason=data.reason,
        version=1,
        currency=invoice.currency,
        net=totals.net.amount,
        tax=totals.tax.amount,
        gross=totals.gross.amount,
        breakdown=breakdown_document(totals),
        issued_on=at.date(),
        issued_at=at,
    )


async def _store(tx: Transaction, note: CreditNoteHeader, lines: Sequence[CreditedLine]) -> None:
    parties = {"buyer_id": note.buyer_id, "supplier_id": note.supplier_id}
    owner = {**parties, "credit_note_id": note.id, "invoice_id": note.invoice_id}
    await tx.execute(insert(CreditNoteRow).values(**asdict(note)))
    await tx.execute(insert(CreditNoteLineRow), [{**owner, **asdict(line)} for line in lines])
    facts: dict[str, object] = {
        **parties,
        "number": note.number,
        "reason": note.reason,
        "invoice_id": note.invoice_id,
        "invoice_number": note.invoice_number,
        "gross": {"amount": shown_amount(note.gross, note.currency), "currency": note.currency},
    }
    audience = frozenset(parties.values())
    tx.emit(Event("credit_note.issued", "credit_note", note.id, 1, audience, facts))
    tx.record("credit_note.issued", "credit_note", note.id, after=facts)


async def list_credit_notes(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[CreditNoteSummary]:
    """List the credit notes the caller's company wrote or got, the newest first."""
    caller.require("invoices:read")
    row = CreditNoteRow
    ids = newest_of_party(row.id, row.buyer_id, row.supplier_id, caller.organization_id, asked)
    statement = _notes(caller).where(row.id.in_(ids)).order_by(row.id.desc()).limit(asked.fetch)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    summaries = [CreditNoteSummary(**_summary(each)) for each in rows]
    return page(asked, summaries, lambda summary: summary.id)


async def read_credit_note(platform: Platform, caller: Caller, note_id: UUID) -> CreditNoteView:
    """Read a credit note the caller's company wrote or got; raises NotFound."""
    caller.require("invoices:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_notes(caller).where(CreditNoteRow.id == note_id))
        if row is None:
            raise NotFound("There is no such credit note.")
        lines = await tx.all(
            select(*_LINE)
            .where(CreditNoteLineRow.credit_note_id == note_id)
            .order_by(CreditNoteLineRow.line)
        )
    return _view(row, lines)


_LINE = [getattr(CreditNoteLineRow, name) for name in CreditedLine.__slots__]


def _notes(caller: Caller) -> Select[*tuple[Any, ...]]:
    columns: list[Any] = [getattr(CreditNoteRow, name) for name in CreditNoteHeader.__slots__]
    own = caller.organization_id
    row = CreditNoteRow
    return select(*columns).where(or_(row.buyer_id == own, row.supplier_id == own))


def _summary(note: Any) -> dict[str, Any]:
    return {
        "id": note.id,
        "version": note.version,
        "number": note.number,
        "reason": note.reason,
        "buyer_id": note.buyer_id,
        "supplier_id": note.supplier_id,
        "invoice_id": note.invoice_id,
        "invoice_number": note.invoice_number,
        "net": money_view(note.net, note.currency),
        "tax": money_view(note.tax, note.currency),
        "gross": money_view(note.gross, note.currency),
        "issued_on": note.issued_on,
        "issued_at": note.issued_at,
    }


def _view(note: Any, lines: Sequence[Any]) -> CreditNoteView:
    return CreditNoteView(
        **_summary(note),
        breakdown=breakdown_view(note.breakdown, note.currency),
        lines=[_line_view(line, note.currency) for line in lines],
    )


def _line_view(line: Any, currency: str) -> CreditNoteLineView:
    return CreditNoteLineView(
        line=line.line,
        invoice_line=line.invoice_line,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=None if line.quantity is None else shown_quantity(line.quantity),
        net=money_view(line.net, currency),
        tax_category=line.tax_category,
        tax_rate=plain_decimal(line.tax_rate),
    )
