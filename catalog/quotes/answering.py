"""Answer quotes, or withdraw them. Accepting one concludes a contract (decision 0471)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from catalog.quotes.reading import view_of
from catalog.quotes.rules import (
    QUOTE,
    QuoteState,
    day_at,
    quote_state_at,
    read_lines,
)
from catalog.quotes.schemas import (
    QuoteView,
)
from catalog.quotes.steps import NO_QUOTE, SUBJECT, check_version, locked, move, tell
from marketplace.approvals.service import withdraw_approval
from marketplace.contracts.concluding import conclude
from marketplace.contracts.rules import (
    ContractDraft,
    Provenance,
)
from marketplace.kernel.errors import NotFound
from marketplace.organizations.rules import check_within, path_to_company
from marketplace.organizations.tree import load_tree
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction


@retries_conflicts
async def accept_quote(
    platform: Platform, caller: Caller, quote_id: UUID, version: int
) -> QuoteView:
    """Accept a quote as a whole: its prices count for the buyer from today on, to its end.

    Raises NotFound, NotPermitted for who acts for another unit, StaleVersion, and WrongState for
    one that is answered, withdrawn or past its end.
    """
    caller.require("quotes:answer")
    async with transaction(platform, caller) as tx:
        row = await _to_answer(tx, caller, quote_id, version)
        at = await tx.clock()
        QUOTE.after(quote_state_at(QuoteState(row.state), row.valid_until, at), "accept")
        contract_id = await conclude(tx, _concluded(row, at))
        answer = {"answered_by": caller.member_id, "answered_at": at, "contract_id": contract_id}
        accepted = await move(tx, row, "accept", **answer)
        tell(tx, "accepted", accepted, contract_id=contract_id)
        tx.record("quote.accepted", SUBJECT, quote_id, after={"contract_id": contract_id})
        return await view_of(tx, accepted)


def _concluded(row: Row[Any], at: datetime) -> ContractDraft:
    sent = Provenance("quote", row.id, row.sent_at, bytes(row.content_hash).hex())
    return ContractDraft(
        buyer_id=row.buyer_id,
        supplier_id=row.supplier_id,
        title=row.title,
        currency=row.currency,
        time_zone=row.time_zone,
        first_day=day_at(at, row.time_zone),
        last_day=row.last_day,
        prices=read_lines(row.lines),
        unit_ids=() if row.unit_id is None else (row.unit_id,),
        provenance=(sent,),
    )


@retries_conflicts
async def decline_quote(
    platform: Platform, caller: Caller, quote_id: UUID, reason: str, version: int
) -> QuoteView:
    """Decline a quote; raises what `accept_quote` raises."""
    caller.require("quotes:answer")
    async with transaction(platform, caller) as tx:
        row = await _to_answer(tx, caller, quote_id, version)
        at = await tx.clock()
        answer = {"answered_by": caller.member_id, "answered_at": at, "reason": reason}
        declined = await move(tx, row, "decline", **answer)
        tell(tx, "declined", declined)
        tx.record("quote.declined", SUBJECT, quote_id, after={"reason": reason})
        return await view_of(tx, declined)


async def _to_answer(tx: Transaction, caller: Caller, quote_id: UUID, version: int) -> Row[Any]:
    """Lock a quote made to the caller's company, for who may answer it.

    That is, of one to a unit, who acts for it, for one below or for one above.
    """
    row = await locked(tx, quote_id)
    if row.buyer_id != caller.organization_id:
        raise NotFound(NO_QUOTE)
    if row.unit_id is not None and row.unit_id not in caller.path:
        tree = await load_tree(tx, caller.organization_id)
        check_within(caller.unit_id, path_to_company(row.unit_id, tree.parents))
    check_version(row, version)
    return row


@retries_conflicts
async def withdraw_quote(
    platform: Platform, caller: Caller, quote_id: UUID, reason: str, version: int
) -> QuoteView:
    """Withdraw a quote that is not answered; what is accepted stays.

    Raises NotFound, StaleVersion and WrongState.
    """
    caller.require("quotes:write")
    async with transaction(platform, caller) as tx:
        await withdraw_approval(tx, SUBJECT, quote_id)
        row = await locked(tx, quote_id)
        if row.supplier_id != caller.organization_id:
            raise NotFound(NO_QUOTE)
        check_version(row, version)
        withdrawn = await move(tx, row, "withdraw", reason=reason)
        if row.sent_at is not None:  # else the buyer never heard of it
            tell(tx, "withdrawn", withdrawn)
        tx.record("quote.withdrawn", SUBJECT, quote_id, after={"reason": reason})
        return await view_of(tx, withdrawn)
