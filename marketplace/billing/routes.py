"""HTTP of invoices."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post

from marketplace.billing import service
from marketplace.billing.schemas import InvoiceInput, InvoiceSummary, InvoiceView
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


ROUTES: Final = (issue_invoice, list_invoices, read_invoice)
