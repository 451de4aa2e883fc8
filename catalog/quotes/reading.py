"""Read quotes, and the lines of those that are accepted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, Select, or_, select

from catalog.quotes.rules import (
    QuoteState,
    quote_state_at,
    read_lines,
)
from catalog.quotes.schemas import (
    QuoteLineView,
    QuoteSummary,
    QuoteView,
)
from catalog.quotes.steps import COLUMNS, NO_QUOTE
from catalog.quotes.tables import QuoteRow
from marketplace.contracts.parties import newest_of_party
from marketplace.contracts.reading import commitments_of
from marketplace.contracts.rules import (
    ContractPrice,
)
from marketplace.contracts.schemas import CommitmentView, TierView
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page


async def list_quotes(platform: Platform, caller: Caller, asked: PageRequest) -> Page[QuoteSummary]:
    """List the quotes the caller's company made or got, the newest first."""
    caller.require("quotes:read")
    row = QuoteRow
    ids = newest_of_party(row.id, row.buyer_id, row.supplier_id, caller.organization_id, asked)
    statement = _quotes(caller).where(row.id.in_(ids)).order_by(row.id.desc()).limit(asked.fetch)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        summaries = [QuoteSummary(**_summary(each, tx.opened_at)) for each in rows]
    return page(asked, summaries, lambda summary: summary.id)


async def read_quote(platform: Platform, caller: Caller, quote_id: UUID) -> QuoteView:
    """Read a quote the caller's company made or got; raises NotFound."""
    caller.require("quotes:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_quotes(caller).where(QuoteRow.id == quote_id))
        if row is None:
            raise NotFound(NO_QUOTE)
        return await view_of(tx, row)


async def quoted_lines(
    tx: Transaction, caller: Caller, quote_id: UUID
) -> tuple[UUID, tuple[ContractPrice, ...]]:
    """Give the supplier and the lines of a quote the caller's company accepted.

    Raises NotFound, and WrongState where it is not accepted. Joins the open transaction.
    """
    row = await tx.maybe(
        _quotes(caller).where(QuoteRow.id == quote_id, QuoteRow.buyer_id == caller.organization_id)
    )
    if row is None:
        raise NotFound(NO_QUOTE)
    if row.contract_id is None:
        detail = "Accept the quote first: until then it prices nothing."
        raise WrongState(detail, state=row.state)
    return row.supplier_id, read_lines(row.lines)


def _quotes(caller: Caller) -> Select[*tuple[Any, ...]]:
    own = caller.organization_id
    return select(*COLUMNS).where(or_(QuoteRow.buyer_id == own, QuoteRow.supplier_id == own))


def _summary(row: Row[Any], at: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "state": quote_state_at(QuoteState(row.state), row.valid_until, at).value,
        "supplier_id": row.supplier_id,
        "buyer_id": row.buyer_id,
        "title": row.title,
        "currency": row.currency,
        "time_zone": row.time_zone,
        "last_day": row.last_day,
        "valid_until": row.valid_until,
        "line_count": len(row.lines),
        "created_at": row.sent_at or row.created_at,
        "unit_id": row.unit_id or UNSET,
        "sent_at": row.sent_at or UNSET,
        "answered_at": row.answered_at or UNSET,
        "contract_id": row.contract_id or UNSET,
    }


async def view_of(tx: Transaction, row: Row[Any]) -> QuoteView:
    """Show a quote, with what is left of its commitments once it is accepted."""
    drawn = {} if row.contract_id is None else await commitments_of(tx, row.contract_id)
    own = tx.caller is not None and tx.caller.organization_id == row.supplier_id
    return QuoteView(
        **_summary(row, tx.opened_at),
        # That a margin floor was in the way, and how long, is the supplier's secret.
        approval_id=row.approval_id if own and row.approval_id is not None else UNSET,
        note=row.note,
        reason=row.reason,
        lines=[
            _line_view(price, drawn.get((price.sku, price.unit))) for price in read_lines(row.lines)
        ],
    )


def _line_view(price: ContractPrice, drawn: CommitmentView | None) -> QuoteLineView:
    view = QuoteLineView(
        sku=price.sku,
        description=price.description,
        unit=price.unit,
        basis=plain_decimal(price.basis),
        tiers=[
            TierView(plain_decimal(tier.minimum_quantity), plain_decimal(tier.amount))
            for tier in price.tiers
        ],
    )
    if drawn is not None:
        view.commitment = drawn
    elif (offered := price.commitment) is not None:
        cap = plain_decimal(offered.cap)
        view.commitment = CommitmentView(
            measure=offered.measure.value,
            committed=cap if offered.committed is None else plain_decimal(offered.committed),
            cap=cap,
            drawn="0",
            left=cap,
            at_exhaustion=offered.at_exhaustion.value,
        )
    return view
