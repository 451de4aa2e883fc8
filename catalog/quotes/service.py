"""Make quotes, answer them, read them. Accepting one concludes a contract (decision 0471)."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import UNSET
from sqlalchemy import Row, Select, insert, or_, select, update

from catalog.customers.recipients import Recipient, recipient_of
from catalog.price_lists.publishing import MARGIN_RULE
from catalog.price_lists.tables import MarginFloorRow
from catalog.products.tables import OfferRow
from catalog.quotes.rules import (
    QUOTE,
    QuoteState,
    check_quote,
    line_document,
    lowest_amount,
    quote_state_at,
    read_lines,
)
from catalog.quotes.schemas import (
    CommitmentInput,
    QuoteInput,
    QuoteLineInput,
    QuoteLineView,
    QuoteSummary,
    QuoteView,
)
from catalog.quotes.tables import QuoteRow
from marketplace.approvals.rules import Requester
from marketplace.approvals.service import ask_approval, withdraw_approval
from marketplace.contracts.parties import newest_of_party
from marketplace.contracts.rules import (
    AtExhaustion,
    Commitment,
    ContractDraft,
    ContractPrice,
    Measure,
    Provenance,
    Tier,
    term_of,
)
from marketplace.contracts.schemas import CommitmentView, TierView
from marketplace.contracts.service import commitments_of, conclude
from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import NotFound, StaleVersion, WrongState, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import NAME_CHARACTERS_MAX
from marketplace.kernel.money import Money
from marketplace.kernel.units import check_unit
from marketplace.organizations.rules import check_within, path_to_company
from marketplace.organizations.tree import load_tree
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

SUBJECT: Final = "quote"
_NONE: Final = "There is no such quote."


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
            _tell(tx, "sent", row)
        tx.record("quote.made", SUBJECT, row.id, after={**_facts(row), "state": row.state})
        return await keep(tx, key, await _view(tx, row))


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
        first_day=_day(at, data.time_zone),
        last_day=data.last_day,
        prices=tuple(
            _price(place, line, known.get(line.sku, "")) for place, line in enumerate(data.lines)
        ),
        unit_ids=() if to.id == to.company_id else (to.id,),
    )


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


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
    floor = MarginFloorRow
    rows = await tx.all(
        select(OfferRow.sku, floor.unit, floor.amount)
        .join(OfferRow, OfferRow.id == floor.offer_id)
        .where(
            floor.supplier_id == caller.organization_id,
            floor.currency == draft.currency,
            OfferRow.sku.in_({price.sku for price in draft.prices}),
        )
    )
    floors = {(row.sku, row.unit): row.amount for row in rows}
    return [
        f"{price.sku} at {plain_decimal(lowest_amount(price))} per {plain_decimal(price.basis)} "
        f"{price.unit}, its floor is {plain_decimal(least)}"
        for price in draft.prices
        if (least := floors.get((price.sku, price.unit))) is not None
        and lowest_amount(price) < least * price.basis
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
        .returning(*_COLUMNS)
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
        return bytes((await _locked(tx, subject_id)).content_hash)

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Send it; raises WrongState where its end has come meanwhile."""
        row = await _locked(tx, subject_id)
        sent = await _move(tx, row, "approve", sent_at=await tx.clock())
        _tell(tx, "sent", sent)

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End it; the buyer never saw it."""
        row = await _locked(tx, subject_id)
        await _move(tx, row, "reject")


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
        accepted = await _move(tx, row, "accept", **answer)
        _tell(tx, "accepted", accepted, contract_id=contract_id)
        tx.record("quote.accepted", SUBJECT, quote_id, after={"contract_id": contract_id})
        return await _view(tx, accepted)


def _concluded(row: Row[Any], at: datetime) -> ContractDraft:
    sent = Provenance("quote", row.id, row.sent_at, bytes(row.content_hash).hex())
    return ContractDraft(
        buyer_id=row.buyer_id,
        supplier_id=row.supplier_id,
        title=row.title,
        currency=row.currency,
        time_zone=row.time_zone,
        first_day=_day(at, row.time_zone),
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
        declined = await _move(tx, row, "decline", **answer)
        _tell(tx, "declined", declined)
        tx.record("quote.declined", SUBJECT, quote_id, after={"reason": reason})
        return await _view(tx, declined)


async def _to_answer(tx: Transaction, caller: Caller, quote_id: UUID, version: int) -> Row[Any]:
    """Lock a quote made to the caller's company, for who may answer it.

    That is, of one to a unit, who acts for it, for one below or for one above.
    """
    row = await _locked(tx, quote_id)
    if row.buyer_id != caller.organization_id:
        raise NotFound(_NONE)
    if row.unit_id is not None and row.unit_id not in caller.path:
        tree = await load_tree(tx, caller.organization_id)
        check_within(caller.unit_id, path_to_company(row.unit_id, tree.parents))
    _check_version(row, version)
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
        row = await _locked(tx, quote_id)
        if row.supplier_id != caller.organization_id:
            raise NotFound(_NONE)
        _check_version(row, version)
        withdrawn = await _move(tx, row, "withdraw", reason=reason)
        if row.sent_at is not None:  # else the buyer never heard of it
            _tell(tx, "withdrawn", withdrawn)
        tx.record("quote.withdrawn", SUBJECT, quote_id, after={"reason": reason})
        return await _view(tx, withdrawn)


def _check_version(row: Row[Any], version: int) -> None:
    if row.version != version:
        raise StaleVersion(f"The quote is at version {row.version}; read it again.")


async def _locked(tx: Transaction, quote_id: UUID) -> Row[Any]:
    row = await tx.maybe(select(*_COLUMNS).where(QuoteRow.id == quote_id).with_for_update())
    if row is None:
        raise NotFound(_NONE)
    return row


async def _move(tx: Transaction, row: Row[Any], action: str, **changed: object) -> Row[Any]:
    """Let a locked quote take a step; raises WrongState where it cannot from where it is now."""
    state = quote_state_at(QuoteState(row.state), row.valid_until, await tx.clock())
    return await tx.one(
        update(QuoteRow)
        .where(QuoteRow.id == row.id)
        .values(state=QUOTE.after(state, action).value, version=QuoteRow.version + 1, **changed)
        .returning(*_COLUMNS)
    )


def _facts(row: Row[Any]) -> dict[str, object]:
    return {
        "supplier_id": row.supplier_id,
        "buyer_id": row.buyer_id,
        "title": row.title,
        "last_day": row.last_day,
    }


def _tell(tx: Transaction, fact: str, row: Row[Any], **more: object) -> None:
    audience = frozenset({row.supplier_id, row.buyer_id})
    facts = {**_facts(row), **more}
    tx.emit(Event(f"quote.{fact}", SUBJECT, row.id, row.version, audience, facts))


# Reading


_COLUMNS = (
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
            raise NotFound(_NONE)
        return await _view(tx, row)


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
        raise NotFound(_NONE)
    if row.contract_id is None:
        detail = "Accept the quote first: until then it prices nothing."
        raise WrongState(detail, state=row.state)
    return row.supplier_id, read_lines(row.lines)


def _quotes(caller: Caller) -> Select[*tuple[Any, ...]]:
    own = caller.organization_id
    return select(*_COLUMNS).where(or_(QuoteRow.buyer_id == own, QuoteRow.supplier_id == own))


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


async def _view(tx: Transaction, row: Row[Any]) -> QuoteView:
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
