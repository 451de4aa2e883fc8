"""A quote under its lock: found, moved from state to state, told of."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from catalog.quotes.rules import (
    QUOTE,
    QuoteState,
    quote_state_at,
)
from catalog.quotes.tables import QuoteRow
from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.database import Transaction

SUBJECT: Final = "quote"
NO_QUOTE: Final = "There is no such quote."

COLUMNS = (
    QuoteRow.id,
    QuoteRow.version,
    QuoteRow.state,
    QuoteRow.supplier_id,
    QuoteRow.buyer_id,
    QuoteRow.unit_id,
    QuoteRow.title,
    QuoteRow.note,
    QuoteRow.currency,
    QuoteRow.time_zone,
    QuoteRow.last_day,
    QuoteRow.valid_until,
    QuoteRow.lines,
    QuoteRow.content_hash,
    QuoteRow.created_at,
    QuoteRow.sent_at,
    QuoteRow.approval_id,
    QuoteRow.answered_at,
    QuoteRow.reason,
    QuoteRow.contract_id,
)


def check_version(row: Row[Any], version: int) -> None:
    """Raise StaleVersion unless this is the version that was read."""
    if row.version != version:
        raise StaleVersion(f"The quote is at version {row.version}; read it again.")


async def locked(tx: Transaction, quote_id: UUID) -> Row[Any]:
    """Lock a quote; raises NotFound for one the caller's company has no part in."""
    row = await tx.maybe(select(*COLUMNS).where(QuoteRow.id == quote_id).with_for_update())
    if row is None:
        raise NotFound(NO_QUOTE)
    return row


async def move(tx: Transaction, row: Row[Any], action: str, **changed: object) -> Row[Any]:
    """Let a locked quote take a step; raises WrongState where it cannot from where it is now."""
    state = quote_state_at(QuoteState(row.state), row.valid_until, await tx.clock())
    return await tx.one(
        update(QuoteRow)
        .where(QuoteRow.id == row.id)
        .values(state=QUOTE.after(state, action).value, version=QuoteRow.version + 1, **changed)
        .returning(*COLUMNS)
    )


def facts_of(row: Row[Any]) -> dict[str, object]:
    """Give what is told of a quote, to the audit trail and in events."""
    return {
        "supplier_id": row.supplier_id,
        "buyer_id": row.buyer_id,
        "title": row.title,
        "last_day": row.last_day,
    }


def tell(tx: Transaction, fact: str, row: Row[Any], **more: object) -> None:
    """Tell both companies what became of a quote."""
    audience = frozenset({row.supplier_id, row.buyer_id})
    facts = {**facts_of(row), **more}
    tx.emit(Event(f"quote.{fact}", SUBJECT, row.id, row.version, audience, facts))
