"""Publish price lists: a draft becomes the next version, or it is said what is in the way."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import (
    Row,
    func,
    select,
    union,
    update,
)

from catalog.customers.tables import SegmentMemberRow
from catalog.price_lists import entries as drafts
from catalog.price_lists import floors
from catalog.price_lists.assigning import has_discounts
from catalog.price_lists.loading import Filled
from catalog.price_lists.reading import LIST_COLUMNS, list_view, locked_list, own_lists
from catalog.price_lists.schemas import (
    PriceListView,
)
from catalog.price_lists.tables import (
    PriceListAssignmentRow,
    PriceListRow,
)
from catalog.pricing.terms import Level, Reason
from catalog.row_error import RowError
from marketplace.approvals.rules import AboveOwnLimit, Requester, Rule
from marketplace.approvals.service import ask_approval, pending_approval, withdraw_approval
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.errors import Conflict, FieldError, NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import NAME_CHARACTERS_MAX
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    retries_conflicts,
    transaction,
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
        changed = await tx.one(own_lists(caller).where(PriceListRow.id == list_id))
    view = list_view(changed, changed.draft_changes)
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
    """Hash a draft, with all of it that lies below a floor."""
    await floors.hold(tx, row.supplier_id)
    draft = row.published_version + 1
    content = await floors.draft_content(tx, row.id, draft, row.currency)
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
        row = await tx.maybe(
            select(*LIST_COLUMNS).where(PriceListRow.id == list_id).with_for_update()
        )
        if row is None:
            raise NotFound("There is no such price list.")
        return row


async def publish_locked(
    tx: Transaction, row: Row[Any], *, filled: Filled | None = None, approved: bool = False
) -> list[RowError]:
    """Publish a locked list, or give what forbids it.

    That is overlaps; and prices below a margin floor, unless a second person `approved` them.
    `filled` is for a list all of whose ladders have just been written, of which that much is known.
    """
    draft = row.published_version + 1
    ladders = None if filled is None else filled.written
    changes = await drafts.count_changes(tx, row.id, draft, ladders=ladders)
    if not changes:
        return []
    ordered = filled is not None and filled.cannot_overlap
    if not ordered and (errors := await drafts.overlaps(tx, row.id, draft)):
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
        .values(published_version=draft, discounts=has_discounts(row.id, draft))
    )
    _tell(tx, row, draft, changes, await _companies(tx, row.id))
    return []


async def _below_floors(tx: Transaction, row: Row[Any], draft: int) -> list[RowError]:
    if not await floors.has_floors(tx, row.supplier_id):
        return []
    await floors.hold(tx, row.supplier_id)
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


def _tell(
    tx: Transaction, row: Row[Any], version: int, changes: int, companies: frozenset[UUID]
) -> None:
    """Tell whom the list goes to; how much of it changed may be of offers they do not see."""
    facts: dict[str, object] = {
        "supplier_id": row.supplier_id,
        "level": row.level,
        "currency": row.currency,
    }
    audience = companies | {row.supplier_id}
    tx.emit(Event("price_list.published", "price_list", row.id, version, audience, facts))
    after = {**facts, "changes": changes, "published_version": version}
    tx.record("price_list.published", "price_list", row.id, after=after)
