"""HTTP of invoices and credit notes."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post

from marketplace.billing import crediting, service
from marketplace.billing.schemas import (
    CreditNoteInput,
    CreditNoteSummary,
    CreditNoteView,
    InvoiceInput,
    InvoiceSummary,
    InvoiceView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey


@post(
    "/v1/invoices",
    operation_id="issueInvoice",
    tags=["invoices"],
    summary="Invoice what has left of an order to your company.",
)
async def issue_invoice(
    data: JSONBody[InvoiceInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[InvoiceView]:
    """Issue an invoice under your next number; numbers have no gap."""
    return versioned(await service.issue_invoice(platform, caller, data, idempotency_key))


@get(
    "/v1/invoices",
    operation_id="listInvoices",
    tags=["invoices"],
    summary="The invoices your company wrote or got, the newest first.",
)
async def list_invoices(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[InvoiceSummary]]:
    """List invoices, as issuer or as buyer."""
    return paged(page_request, await service.list_invoices(platform, caller, page_request))


@get(
    "/v1/invoices/{invoice_id:uuid}",
    operation_id="readInvoice",
    tags=["invoices"],
    summary="An invoice with its lines and its tax by rate.",
)
async def read_invoice(
    invoice_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[InvoiceView]:
    """Read an invoice, as issuer or as buyer."""
    return versioned(await service.read_invoice(platform, caller, invoice_id))


@post(
    "/v1/invoices/{invoice_id:uuid}/credit-notes",
    operation_id="issueCreditNote",
    tags=["invoices"],
    summary="Give back part of an invoice your company wrote, or all that is left of it.",
)
async def issue_credit_note(
    invoice_id: FromPath[UUID],
    data: JSONBody[CreditNoteInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[CreditNoteView]:
    """Issue a credit note under your next number; the invoice itself never changes."""
    return versioned(
        await crediting.issue_credit_note(platform, caller, invoice_id, data, idempotency_key)
    )


@get(
    "/v1/credit-notes",
    operation_id="listCreditNotes",
    tags=["invoices"],
    summary="The credit notes your company wrote or got, the newest first.",
)
async def list_credit_notes(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[CreditNoteSummary]]:
    """List credit notes, as issuer or as buyer."""
    return paged(page_request, await crediting.list_credit_notes(platform, caller, page_request))


@get(
    "/v1/credit-notes/{credit_note_id:uuid}",
    operation_id="readCreditNote",
    tags=["invoices"],
    summary="A credit note with its lines and its tax by rate.",
)
async def read_credit_note(
    credit_note_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[CreditNoteView]:
    """Read a credit note, as issuer or as buyer."""
    return versioned(await crediting.read_credit_note(platform, caller, credit_note_id))


ROUTES: Final = (
    issue_invoice,
    list_invoices,
    read_invoice,
    issue_credit_note,
    list_credit_notes,
    read_credit_note,
)
