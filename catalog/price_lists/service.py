"""Keep price lists: make, fill, assign, publish."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    union,
    update,
)
from sqlalchemy.dialects import postgresql

from catalog.customers.recipients import Recipient, hold, recipient_of
from catalog.customers.tables import SegmentMemberRow
from catalog.price_lists import entries as drafts
from catalog.price_lists import floors
from catalog.price_lists.rules import ALWAYS, FOREVER, PriceRecord, bounded, check_list
from catalog.price_lists.schemas import (
    AssignmentInput,
    AssignmentView,
    PriceEntriesInput,
    PriceEntriesView,
    PriceEntryInput,
    PriceEntryView,
    PriceListInput,
    PriceListView,
    PriceTierView,
)
from catalog.price_lists.tables import (
    PriceDiscountRow,
    PriceLadderRow,
    PriceListAssignmentRow,
    PriceListRow,
    StagedPriceRow,
)
from catalog.pricing.terms import Ladder, Level, Reason, Tier
from catalog.products.tables import OfferRow
from catalog.row_error import RowError
from catalog.staging import unstage
from marketplace.approvals.rules import AboveOwnLimit, Requester, Rule
from marketplace.approvals.service import ask_approval, pending_approval, withdraw_approval
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, NotFound, invalid
from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import NAME_CHARACTERS_MAX
from marketplace.kernel.money import Money
from marketplace.kernel.units import check_unit
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    retries_conflicts,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_quantity
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_LIST: Final = (
    PriceListRow.id,
    PriceListRow.supplier_id,
    PriceListRow.name,
    PriceListRow.level,
    PriceListRow.currency,
    PriceListRow.priority,
    PriceListRow.mode,
    PriceListRow.valid_from,
    PriceListRow.valid_until,
    PriceListRow.published_version,
    PriceListRow.published_at,
    PriceListRow.version,
    PriceListRow.created_at,
)
_SUBJECT: Final = "price_list"
BELOW_MARGIN_FLOOR: Final = Reason.BELOW_MARGIN_FLOOR.value
MARGIN_RULE: Final = Rule(
    "price below the margin floor",
    version=1,
    applies=AboveOwnLimit(),  # it is asked for where it applies
    levels=((frozenset({"approver", "administrator"}),),),
)
"""A second person of the supplier; nobody approves what he asked for himself."""
_RIVAL: Final = {
    "base": "both are base lists",
    "organization": "both go to the same one",
    "segment": "a buyer may be in several segments",
}


async def create_price_list(
    platform: Platform, caller: Caller, data: PriceListInput, key: IdempotencyKey
) -> PriceListView:
    """Make an empty list. A base list is everybody's at once; others wait for assignments.

    Raises InvalidInput, and Conflict where a base list of this priority exists.
    """
    caller.require("prices:write")
    valid = (_utc(data.valid_from) or ALWAYS, _utc(data.valid_until) or FOREVER)
    check_list(data.currency, data.priority, valid)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, PriceListView)) is not None:
            return earlier
        row = await tx.one(
            insert(PriceListRow)
            .values(
                id=new_id(),
                supplier_id=caller.organization_id,
                name=data.name,
                level=data.level,
                currency=data.currency,
                priority=data.priority,
                mode=data.mode,
                valid_from=valid[0],
                valid_until=valid[1],
                published_version=0,
            )
            .returning(*_LIST)
        )
        if row.level == Level.BASE:
            await _assign(tx, row, PUBLIC, PUBLIC)
        view = _view(row, 0)
        tx.record("price_list.created", "price_list", view.id, after={"name": view.name})
        return await keep(tx, key, view)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


async def _assign(tx: Transaction, row: Row[Any], scope_id: UUID, company_id: UUID) -> datetime:
    statement = postgresql.insert(PriceListAssignmentRow).values(
        list_id=row.id,
        scope_id=scope_id,
        company_id=company_id,
        supplier_id=row.supplier_id,
        level=row.level,
        priority=row.priority,
        mode=row.mode,
        currency=row.currency,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        title=row.name,
        published_version=row.published_version,
        discounts=_has_discounts(row.id, row.published_version),
    )
    # Of two at once the second waits here until the first is committed, and then finds it.
    created_at = PriceListAssignmentRow.created_at
    at: datetime | None = await tx.scalar(statement.on_conflict_do_nothing().returning(created_at))
    if at is None:
        await _refuse_tie(tx, row, scope_id)
        at = await tx.scalar(
            select(created_at).where(
                PriceListAssignmentRow.list_id == row.id,
                PriceListAssignmentRow.scope_id == scope_id,
            )
        )
    if at is None:
        msg = "what is neither written nor in the way is there already"
        raise ValueError(msg)
    return at


async def _refuse_tie(tx: Transaction, row: Row[Any], scope_id: UUID) -> None:
    """Raise Conflict that names the other list of the same rank, if that is what is in the way."""
    other = PriceListAssignmentRow
    # A buyer may be in several segments: among their lists a priority is unique altogether.
    same_scope = (
        other.level == Level.SEGMENT.value
        if row.level == Level.SEGMENT
        else (other.scope_id == scope_id)
    )
    twin = await tx.maybe(
        select(other.list_id, other.title)
        .where(
            other.supplier_id == row.supplier_id,
            other.level == row.level,
            other.priority == row.priority,
            other.list_id != row.id,
            same_scope,
        )
        .limit(1)
    )
    if twin is not None:
        raise Conflict(
            f"The {row.level} lists {row.name!r} ({row.id}) and {twin.title!r} ({twin.list_id}) "
            f"both have priority {row.priority}, and {_RIVAL[row.level]}; two prices of one rank "
            "would contradict each other. Choose another priority."
        )


async def list_price_lists(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[PriceListView]:
    """List the caller's own price lists, the newest first."""
    caller.require("prices:write")
    statement = _own_lists(caller).order_by(PriceListRow.id.desc()).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(PriceListRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_view(row, row.draft_changes) for row in rows], lambda view: view.id)


async def read_price_list(platform: Platform, caller: Caller, list_id: UUID) -> PriceListView:
    """Read one of the caller's own price lists; raises NotFound."""
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_own_lists(caller).where(PriceListRow.id == list_id))
    if row is None:
        raise NotFound("There is no such price list of yours.")
    return _view(row, row.draft_changes)


def _own_lists(caller: Caller) -> Select[*tuple[Any, ...]]:
    draft = PriceListRow.published_version + 1
    changes = []
    for row in (PriceLadderRow, PriceDiscountRow):
        added = select(func.count()).where(
            row.list_id == PriceListRow.id, row.from_version == draft
        )
        ended = select(func.count()).where(
            row.list_id == PriceListRow.id, row.until_version == draft, row.from_version < draft
        )
        changes += [added.scalar_subquery(), ended.scalar_subquery()]
    return select(*_LIST, sum(changes[1:], changes[0]).label("draft_changes")).where(
        PriceListRow.supplier_id == caller.organization_id
    )


def _view(row: Row[Any], draft_changes: int) -> PriceListView:
    return PriceListView(
        id=row.id,
        name=row.name,
        level=row.level,
        currency=row.currency,
        priority=row.priority,
        mode=row.mode,
        published_version=row.published_version,
        draft_changes=draft_changes,
        version=row.version,
        created_at=row.created_at,
        valid_from=bounded(row.valid_from) or UNSET,
        valid_until=bounded(row.valid_until) or UNSET,
        published_at=UNSET if row.published_at is None else row.published_at,
    )


async def locked_list(tx: Transaction, caller: Caller, list_id: UUID) -> Row[Any]:
    """Read and lock one of the caller's lists: its draft has one writer; raises NotFound."""
    row = await tx.maybe(
        select(*_LIST)
        .where(PriceListRow.id == list_id, PriceListRow.supplier_id == caller.organization_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("There is no such price list of yours.")
    return row


@retries_conflicts
async def put_entries(
    platform: Platform, caller: Caller, list_id: UUID, data: PriceEntriesInput
) -> PriceEntriesView:
    """Set and remove ladders in the draft of a list; all or none.

    Raises NotFound, and InvalidInput with a pointer for every entry that is wrong.
    """
    caller.require("prices:write")
    records = _records(data.entries)
    keys = [
        PriceRecord(line, key.sku, key.unit, Decimal(1), Decimal(0), valid_from=_begin(key))
        for line, key in enumerate(data.removed)
    ]
    async with transaction(platform, caller) as tx:
        row = await locked_list(tx, caller, list_id)
        draft, batch_id = row.published_version + 1, new_id()
        removed = await drafts.remove_entries(tx, list_id, row.supplier_id, draft, keys)
        await drafts.stage_prices(tx, batch_id, row.supplier_id, records)
        _refuse(await drafts.check_staged(tx, batch_id))
        written = await drafts.write_staged(tx, batch_id, list_id, draft)
        await unstage(tx, StagedPriceRow, batch_id, None)
        after = {"written": written.written, "removed": removed, "draft_version": draft}
        tx.record("price_list.drafted", "price_list", list_id, after=after)
    return PriceEntriesView(
        draft_version=draft,
        written=written.written,
        unchanged=written.unchanged,
        removed=removed,
    )


def _begin(entry: Any) -> datetime:
    return _utc(entry.valid_from) or ALWAYS


def _records(given: Iterable[PriceEntryInput]) -> list[PriceRecord]:
    """Check ladders one by one and take them apart into tiers; a line is an entry's index."""
    records: list[PriceRecord] = []
    errors: list[FieldError] = []
    for place, entry in enumerate(given):
        try:
            records += _tiers(place, entry)
        except InvalidInput as error:
            errors += error.errors
    if errors:
        raise InvalidInput("Some entries cannot be taken.", errors=errors)
    return records


def _tiers(place: int, entry: PriceEntryInput) -> list[PriceRecord]:
    pointer = f"/entries/{place}"
    check_unit(entry.unit, f"{pointer}/unit")
    tiers = tuple(Tier(Decimal(t.minimum_quantity), Decimal(t.amount)) for t in entry.tiers)
    basis = Decimal(entry.basis)
    Ladder.checked(tiers, entry.unit, basis=basis, pointer=pointer)
    begin, end = _begin(entry), _utc(entry.valid_until) or FOREVER
    if begin >= end:
        detail = "valid_until must be later than valid_from."
        raise invalid(f"{pointer}/valid_until", "ends_before_it_begins", detail)
    return [
        PriceRecord(
            place,
            entry.sku,
            entry.unit,
            tier.minimum_quantity,
            tier.amount,
            basis,
            begin,
            end,
            number,
            entry.volume_mode,
        )
        for number, tier in enumerate(tiers)
    ]


def _refuse(errors: Iterable[RowError]) -> None:
    told = [
        FieldError(f"/entries/{error.line}/{error.column}".rstrip("/"), error.code, error.detail)
        for error in errors
    ]
    if told:
        raise InvalidInput("Some entries cannot be taken.", errors=told)


async def list_entries(
    platform: Platform, caller: Caller, list_id: UUID, asked: PageRequest
) -> Page[PriceEntryView]:
    """List the ladders of the draft of a list, by SKU, unit and beginning; raises NotFound."""
    caller.require("prices:write")
    ladder = PriceLadderRow
    key = func.row(OfferRow.sku, ladder.unit, ladder.valid_from)
    statement = (
        select(
            OfferRow.sku,
            ladder.unit,
            ladder.basis,
            ladder.volume_mode,
            ladder.tiers,
            ladder.from_version,
            ladder.valid_from,
            ladder.valid_until,
        )
        .join_from(ladder, OfferRow, OfferRow.id == ladder.offer_id)
        .join(
            PriceListRow,
            and_(
                PriceListRow.id == ladder.list_id,
                ladder.from_version <= PriceListRow.published_version + 1,
                ladder.until_version > PriceListRow.published_version + 1,
            ),
        )
        .where(ladder.list_id == list_id, PriceListRow.supplier_id == caller.organization_id)
        .order_by(OfferRow.sku, ladder.unit, ladder.valid_from)
        .limit(asked.fetch)
    )
    if (after := asked.key(tuple[str, str, datetime])) is not None:
        statement = statement.where(key > func.row(*after))
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await locked_list(tx, caller, list_id)
    shown = page(asked, rows, lambda row: (row.sku, row.unit, bounded(row.valid_from) or ALWAYS))
    return Page(items=[_entry_view(row) for row in shown.items], next=shown.next)


def _entry_view(row: Row[Any]) -> PriceEntryView:
    tiers = msgspec.convert(row.tiers, tuple[Tier, ...])
    return PriceEntryView(
        sku=row.sku,
        unit=row.unit,
        basis=shown_quantity(row.basis),
        volume_mode=row.volume_mode,
        tiers=[
            PriceTierView(
                minimum_quantity=shown_quantity(tier.minimum_quantity),
                amount=shown_quantity(tier.amount),
            )
            for tier in tiers
        ],
        since_version=row.from_version,
        valid_from=bounded(row.valid_from) or UNSET,
        valid_until=bounded(row.valid_until) or UNSET,
    )


@retries_conflicts
async def assign_price_list(
    platform: Platform, caller: Caller, list_id: UUID, data: AssignmentInput
) -> AssignmentView:
    """Give a list to a company, to a unit and all below it, or to a segment.

    Once assigned it stays so. Raises NotFound, InvalidInput for an organization or segment that is
    not known, and Conflict for a list of another level, or where another list of this priority goes
    to the same one.
    """
    caller.require("prices:write")
    to = await recipient_of(platform, caller, data.organization_id, data.segment_id)
    async with transaction(platform, caller) as tx:
        row = await locked_list(tx, caller, list_id)
        _check_level(row.level, to)
        await hold(tx, caller, to)
        assigned = _assignments(list_id).where(PriceListAssignmentRow.scope_id == to.id)
        if (earlier := await tx.maybe(assigned)) is not None:
            return _assignment_view(earlier)
        # A segment's list is no company's: its row of the column is the segment itself.
        await _assign(tx, row, to.id, to.company_id or to.id)
        after = {"segment_id" if to.is_segment else "organization_id": to.id}
        tx.record("price_list.assigned", "price_list", list_id, after=after)
        return _assignment_view(await tx.one(assigned))


def _check_level(level: str, to: Recipient) -> None:
    if level == Level.BASE:
        raise Conflict("A base list is everybody's; it cannot be assigned.")
    if (level == Level.SEGMENT) != to.is_segment:
        goes = "a segment" if level == Level.SEGMENT else "companies and units"
        raise Conflict(f"A list of the level {level} goes to {goes}.")


def _assignments(list_id: UUID) -> Select[*tuple[Any, ...]]:
    row = PriceListAssignmentRow
    return select(row.list_id, row.scope_id, row.level, row.created_at).where(
        row.list_id == list_id, row.scope_id != PUBLIC
    )


def _assignment_view(row: Row[Any]) -> AssignmentView:
    to_segment = row.level == Level.SEGMENT
    return AssignmentView(
        price_list_id=row.list_id,
        created_at=row.created_at,
        organization_id=UNSET if to_segment else row.scope_id,
        segment_id=row.scope_id if to_segment else UNSET,
    )


async def list_assignments(
    platform: Platform, caller: Caller, list_id: UUID, asked: PageRequest
) -> Page[AssignmentView]:
    """List to whom one of the caller's lists goes; raises NotFound."""
    caller.require("prices:write")
    row = PriceListAssignmentRow
    statement = (
        _assignments(list_id)
        .where(row.supplier_id == caller.organization_id)
        .order_by(row.scope_id)
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(row.scope_id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await locked_list(tx, caller, list_id)
    shown = page(asked, rows, lambda each: each.scope_id)
    return Page(items=[_assignment_view(each) for each in shown.items], next=shown.next)


async def withdraw_assignment(
    platform: Platform, caller: Caller, list_id: UUID, assignee_id: UUID
) -> None:
    """Take a list back from whom it goes to, from the next request on; raises NotFound."""
    caller.require("prices:write")
    row = PriceListAssignmentRow
    async with transaction(platform, caller) as tx:
        count = await tx.execute(
            delete(row).where(
                row.list_id == list_id,
                row.scope_id == assignee_id,
                row.scope_id != PUBLIC,
                row.supplier_id == caller.organization_id,
            )
        )
        if not count:
            raise NotFound("This list is not assigned to it.")
        before = {"assignee_id": assignee_id}
        tx.record("price_list.assignment_withdrawn", "price_list", list_id, before=before)


@retries_conflicts
async def publish_price_list(platform: Platform, caller: Caller, list_id: UUID) -> PriceListView:
    """Make the draft the next version; buyers have its prices from the next request on.

    A draft without changes leaves the published version as it is; one with prices below a margin
    floor waits for a second person. Raises NotFound, and Conflict with every overlap of validities.
    """
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        waiting = await pending_approval(tx, _SUBJECT, list_id)
        row = await locked_list(tx, caller, list_id)
        errors = await publish_locked(tx, row)
        approval_id: UUID | UnsetType = UNSET
        if errors and all(error.code == BELOW_MARGIN_FLOOR for error in errors):
            approval_id = await _ask_second_person(tx, caller, row, errors, waiting)
        elif errors:
            told = [FieldError(f"/{e.column}", e.code, e.detail) for e in errors]
            raise Conflict(" ".join(error.detail for error in errors), errors=told)
        elif waiting is not None:
            await withdraw_approval(tx, _SUBJECT, list_id)
        changed = await tx.one(_own_lists(caller).where(PriceListRow.id == list_id))
    view = _view(changed, changed.draft_changes)
    view.approval_id = approval_id
    return view


async def _ask_second_person(
    tx: Transaction,
    caller: Caller,
    row: Row[Any],
    errors: Sequence[RowError],
    waiting: Row[Any] | None,
) -> UUID:
    """Let a publication wait, bound to the draft as it is; give the request."""
    digest = await _draft_hash(tx, row)
    if waiting is not None:
        if bytes(waiting.content_hash) == digest:
            same: UUID = waiting.id
            return same
        await withdraw_approval(tx, _SUBJECT, row.id)
    approval_id = new_id()
    await ask_approval(
        tx,
        MARGIN_RULE,
        Requester(caller.member_id, caller.roles, None),
        approval_id=approval_id,
        unit_path=caller.path,
        subject_kind=_SUBJECT,
        subject_id=row.id,
        title=f"Publish {row.name!r}: {errors[0].detail}"[:NAME_CHARACTERS_MAX],
        amount=Money.zero(row.currency),
        content_hash=digest,
    )
    after = {"approval_id": approval_id, "below_margin_floor": [e.detail for e in errors]}
    tx.record("price_list.approval_asked", _SUBJECT, row.id, after=after)
    return approval_id


async def _draft_hash(tx: Transaction, row: Row[Any]) -> bytes:
    draft = row.published_version + 1
    content = await floors.draft_content(tx, row.id, draft)
    return content_hash({"list": row.id, "version": draft, "content": content})


class PublicationApprovals:
    """Publications as documents that wait for a second person (`ApprovalSubject`)."""

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Lock the list and hash its draft as it is now."""
        return await _draft_hash(tx, await self._locked(tx, subject_id))

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Publish; raises Conflict where validities overlap by now."""
        errors = await publish_locked(tx, await self._locked(tx, subject_id), approved=True)
        if errors:
            raise Conflict(" ".join(error.detail for error in errors))

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """Leave the draft a draft."""
        tx.record("price_list.publication_rejected", _SUBJECT, subject_id)

    async def _locked(self, tx: Transaction, list_id: UUID) -> Row[Any]:
        row = await tx.maybe(select(*_LIST).where(PriceListRow.id == list_id).with_for_update())
        if row is None:
            raise NotFound("There is no such price list.")
        return row


async def publish_locked(
    tx: Transaction, row: Row[Any], *, cannot_overlap: bool = False, approved: bool = False
) -> list[RowError]:
    """Publish a locked list, or give what forbids it.

    That is overlaps; and prices below a margin floor, unless a second person `approved` them.
    `cannot_overlap` is for a list of which all is known: that all its ladders begin at one instant.
    """
    draft = row.published_version + 1
    changes = await drafts.count_changes(tx, row.id, draft)
    if not changes:
        return []
    if not cannot_overlap and (errors := await drafts.overlaps(tx, row.id, draft)):
        return errors
    if not approved and (errors := await _below_floors(tx, row, draft)):
        return errors
    await tx.execute(
        update(PriceListRow)
        .where(PriceListRow.id == row.id)
        .values(published_version=draft, published_at=func.clock(), version=row.version + 1)
    )
    await tx.execute(
        update(PriceListAssignmentRow)
        .where(PriceListAssignmentRow.list_id == row.id)
        .values(published_version=draft, discounts=_has_discounts(row.id, draft))
    )
    _tell(tx, row, draft, changes, await _companies(tx, row.id))
    return []


async def _below_floors(tx: Transaction, row: Row[Any], draft: int) -> list[RowError]:
    if not await floors.has_floors(tx, row.supplier_id):
        return []
    below, number = await floors.below_floor(tx, row.id, draft, row.currency)
    return [
        RowError(
            line=0,
            column="amount",
            code=BELOW_MARGIN_FLOOR,
            detail=f"{number} below the margin floor: {each.told()}.",
            value=each.sku,
        )
        for each in below
    ]


def _has_discounts(list_id: UUID, version: int) -> ColumnElement[bool]:
    row = PriceDiscountRow
    return exists(
        select(row.list_id).where(
            row.list_id == list_id, row.from_version <= version, row.until_version > version
        )
    )


async def _companies(tx: Transaction, list_id: UUID) -> frozenset[UUID]:
    """Give the companies a list goes to, those in its segment included."""
    row, member = PriceListAssignmentRow, SegmentMemberRow
    rows = await tx.all(
        union(
            select(row.company_id).where(row.list_id == list_id, row.level != Level.SEGMENT),
            select(member.company_id)
            .join(row, row.scope_id == member.segment_id)
            .where(row.list_id == list_id, row.level == Level.SEGMENT),
        )
    )
    return frozenset(company_id for (company_id,) in rows)


async def published_version(tx: Transaction, list_id: UUID) -> int:
    """Read the published version of a list."""
    version: int = await tx.scalar(
        select(PriceListRow.published_version).where(PriceListRow.id == list_id)
    )
    return version


def _tell(
    tx: Transaction, row: Row[Any], version: int, changes: int, companies: frozenset[UUID]
) -> None:
    facts: dict[str, object] = {
        "supplier_id": row.supplier_id,
        "level": row.level,
        "currency": row.currency,
        "changes": changes,
    }
    audience = companies | {row.supplier_id}
    tx.emit(Event("price_list.published", "price_list", row.id, version, audience, facts))
    after = {**facts, "published_version": version}
    tx.record("price_list.published", "price_list", row.id, after=after)
