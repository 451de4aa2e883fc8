"""To whom price lists go; two of one rank never to the same one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    exists,
    select,
)
from sqlalchemy.dialects import postgresql

from catalog.customers.recipients import Recipient, hold, recipient_of
from catalog.price_lists.reading import locked_list
from catalog.price_lists.schemas import (
    AssignmentInput,
    AssignmentView,
)
from catalog.price_lists.tables import (
    PriceDiscountRow,
    PriceListAssignmentRow,
)
from catalog.pricing.terms import Level
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    retries_conflicts,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page

_RIVAL: Final = {
    "base": "both are base lists",
    "organization": "both go to the same one",
    "segment": "a buyer may be in several segments",
}


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
        await assign(tx, row, to.id, to.company_id or to.id)
        after = {"segment_id" if to.is_segment else "organization_id": to.id}
        tx.record("price_list.assigned", "price_list", list_id, after=after)
        return _assignment_view(await tx.one(assigned))


def _check_level(level: str, to: Recipient) -> None:
    if level == Level.BASE:
        raise Conflict("A base list is everybody's; it cannot be assigned.")
    if (level == Level.SEGMENT) != to.is_segment:
        goes = "a segment" if level == Level.SEGMENT else "companies and units"
        raise Conflict(f"A list of the level {level} goes to {goes}.")


async def assign(tx: Transaction, row: Row[Any], scope_id: UUID, company_id: UUID) -> datetime:
    """Give a locked list to a scope and tell since when; raises Conflict for a list of its rank."""
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
        discounts=has_discounts(row.id, row.published_version),
    )
    # Of two at once the second waits here until the first is committed, and then finds it.
    created_at = PriceListAssignmentRow.created_at
    at: datetime | None = await tx.scalar(statement.on_conflict_do_nothing().returning(created_at))
    if at is None:
        await refuse_tie(tx, row, (scope_id,))
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


async def refuse_tie(tx: Transaction, row: Row[Any], scopes: Sequence[UUID] | Select[Any]) -> None:
    """Raise Conflict that names a list of the same rank for one of the scopes, if there is one."""
    other = PriceListAssignmentRow
    # A buyer may be in several segments: among their lists a priority is unique altogether.
    same_scope = (
        other.level == Level.SEGMENT.value
        if row.level == Level.SEGMENT
        else other.scope_id.in_(scopes)
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


def has_discounts(list_id: UUID, version: int) -> ColumnElement[bool]:
    """Say in SQL whether a version of a list holds percentages off another."""
    row = PriceDiscountRow
    return exists(
        select(row.list_id).where(
            row.list_id == list_id, row.from_version <= version, row.until_version > version
        )
    )


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
