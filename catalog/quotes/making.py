"""Make quotes; below a margin floor a second person agrees before the buyer sees them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select

from catalog.customers.recipients import Recipient, recipient_of
from catalog.price_lists.floors import PricedLine, lines_below_floor
from catalog.price_lists.publishing import MARGIN_RULE
from catalog.products.tables import OfferRow
from catalog.quotes.reading import view_of
from catalog.quotes.rules import (
    QuoteState,
    check_quote,
    day_at,
    line_document,
    lowest_amount,
)
from catalog.quotes.schemas import (
    CommitmentInput,
    QuoteInput,
    QuoteLineInput,
    QuoteView,
)
from catalog.quotes.steps import COLUMNS, SUBJECT, facts_of, locked, move, tell
from catalog.quotes.tables import QuoteRow
from marketplace.approvals.rules import Requester
from marketplace.approvals.service import ask_approval
from marketplace.contracts.rules import (
    AtExhaustion,
    Commitment,
    ContractDraft,
    ContractPrice,
    Measure,
    Tier,
    term_of,
)
from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import NAME_CHARACTERS_MAX
from marketplace.kernel.money import Money
from marketplace.kernel.units import check_unit
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@retries_conflicts
async def make_quote(
    platform: Platform, caller: Caller, data: QuoteInput, key: IdempotencyKey
) -> QuoteView:
    """Offer prices to a buyer; below a margin floor a second person agrees before he sees them.

    Raises InvalidInput for an unknown buyer, and pointing at every line that is wrong.
    """
    caller.require("quotes:write")
    if not is_time_zone(data.time_zone):
        detail = f"{data.time_zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("/time_zone", "unknown_time_zone", detail)
    to = await recipient_of(platform, caller, data.organization_id, None)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, QuoteView)) is not None:
            return earlier
        known = await _known(tx, caller, data.lines)
        draft = _draft(caller, data, to, known, tx.opened_at)
        check_quote(draft, known)
        below = await _below_floors(tx, caller, draft)
        row = await _store(tx, caller, data, draft, waits=bool(below))
        if below:
            await _ask_second_person(tx, caller, row, below)
        else:
            tell(tx, "sent", row)
        tx.record("quote.made", SUBJECT, row.id, after={**facts_of(row), "state": row.state})
        return await keep(tx, key, await view_of(tx, row))


async def _known(
    tx: Transaction, caller: Caller, lines: Sequence[QuoteLineInput]
) -> dict[str, str]:
    rows = await tx.all(
        select(OfferRow.sku, OfferRow.name).where(
            OfferRow.supplier_id == caller.organization_id,
            OfferRow.sku.in_({line.sku for line in lines}),
        )
    )
    return {row.sku: row.name for row in rows}


def _draft(
    caller: Caller, data: QuoteInput, to: Recipient, known: dict[str, str], at: datetime
) -> ContractDraft:
    """Give what would be concluded if it were accepted today."""
    if to.company_id is None:
        msg = "a quote goes to an organization"
        raise ValueError(msg)
    return ContractDraft(
        buyer_id=to.company_id,
        supplier_id=caller.organization_id,
        title=data.title,
        currency=data.currency,
        time_zone=data.time_zone,
        first_day=day_at(at, data.time_zone),
        last_day=data.last_day,
        prices=tuple(
            _price(place, line, known.get(line.sku, "")) for place, line in enumerate(data.lines)
        ),
        unit_ids=() if to.id == to.company_id else (to.id,),
    )


def _price(place: int, line: QuoteLineInput, description: str) -> ContractPrice:
    check_unit(line.unit, f"/lines/{place}/unit")
    return ContractPrice(
        sku=line.sku,
        description=description,
        unit=line.unit,
        basis=Decimal(line.basis),
        tiers=tuple(Tier(Decimal(t.minimum_quantity), Decimal(t.amount)) for t in line.tiers),
        commitment=None if line.commitment is None else _commitment(line.commitment),
    )


def _commitment(given: CommitmentInput) -> Commitment:
    return Commitment(
        measure=Measure(given.measure),
        cap=Decimal(given.cap),
        at_exhaustion=AtExhaustion(given.at_exhaustion),
        committed=None if given.committed is None else Decimal(given.committed),
    )


async def _below_floors(tx: Transaction, caller: Caller, draft: ContractDraft) -> list[str]:
    """Tell which lines lie below a margin floor of the supplier's."""
    lines = [
        PricedLine(price.sku, price.unit, price.basis, lowest_amount(price))
        for price in draft.prices
    ]
    below = await lines_below_floor(tx, caller.organization_id, draft.currency, lines)
    return [
        f"{line.sku} at {plain_decimal(line.amount)} per {plain_decimal(line.basis)} "
        f"{line.unit}, its floor is {plain_decimal(floor)}"
        for line, floor in ((lines[place], floor) for place, floor in below)
    ]


async def _store(
    tx: Transaction,
    caller: Caller,
    data: QuoteInput,
    draft: ContractDraft,
    *,
    waits: bool,
) -> Row[Any]:
    quote_id = new_id()
    lines = [line_document(price) for price in draft.prices]
    offered = {
        "id": quote_id,
        "supplier_id": draft.supplier_id,
        "buyer_id": draft.buyer_id,
        "unit_id": draft.unit_ids[0] if draft.unit_ids else None,
        "title": data.title,
        "note": data.note,
        "currency": draft.currency,
        "time_zone": draft.time_zone,
        "last_day": draft.last_day,
        "lines": lines,
    }
    state = QuoteState.IN_APPROVAL if waits else QuoteState.OPEN
    return await tx.one(
        insert(QuoteRow)
        .values(
            **offered,
            valid_until=term_of(draft).until,
            content_hash=content_hash(offered),
            state=state.value,
            version=0 if waits else 1,  # what its buyer reads first is version 1, either way
            made_by=caller.member_id,
            sent_at=None if waits else tx.opened_at,
            approval_id=new_id() if waits else None,
            reason="",
        )
        .returning(*COLUMNS)
    )


async def _ask_second_person(
    tx: Transaction, caller: Caller, row: Row[Any], below: Sequence[str]
) -> None:
    await ask_approval(
        tx,
        MARGIN_RULE,
        Requester(caller.member_id, caller.roles, None),
        approval_id=row.approval_id,
        unit_path=caller.path,
        subject_kind=SUBJECT,
        subject_id=row.id,
        title=f"Quote {row.title!r}: {below[0]}"[:NAME_CHARACTERS_MAX],
        amount=Money.zero(row.currency),
        content_hash=bytes(row.content_hash),
    )
    after = {"approval_id": row.approval_id, "below_margin_floor": list(below)}
    tx.record("quote.approval_asked", SUBJECT, row.id, after=after)


class QuoteApprovals:
    """Quotes below a margin floor, as documents that wait for a second person."""

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Lock the quote and give the hash of what it offers, which never changes."""
        return bytes((await locked(tx, subject_id)).content_hash)

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Send it; raises WrongState where its end has come meanwhile."""
        row = await locked(tx, subject_id)
        sent = await move(tx, row, "approve", sent_at=await tx.clock())
        tell(tx, "sent", sent)

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End it; the buyer never saw it."""
        row = await locked(tx, subject_id)
        await move(tx, row, "reject")
