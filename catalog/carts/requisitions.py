"""Requisition lists: what a unit orders again and again, kept by SKU and quantity."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from catalog.carts.adding import Looked, Wanted, look_at, refuse_all
from catalog.carts.adding import Refused as RefusedLine
from catalog.carts.schemas import (
    RequisitionLine,
    RequisitionListInput,
    RequisitionListSummary,
    RequisitionListView,
)
from catalog.carts.tables import RequisitionListRow
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import REQUISITION_LISTS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, constraint_of, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_quantity
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_SUMMARY: Final[tuple[Any, ...]] = (
    RequisitionListRow.id,
    RequisitionListRow.version,
    RequisitionListRow.name,
    RequisitionListRow.unit_id,
    func.jsonb_array_length(RequisitionListRow.lines).label("line_count"),
    RequisitionListRow.created_at,
    RequisitionListRow.updated_at,
)
_WHOLE: Final = (*_SUMMARY, RequisitionListRow.lines)
_NO_CURRENCY: Final = "XXX"
"""ISO 4217 for none: lists are looked at for what exists; the cart that takes one asks prices."""


def _lists_of(caller: Caller, *columns: Any) -> Any:
    """Select lists of the unit the caller acts for, and of those above it."""
    return select(*columns).where(
        RequisitionListRow.company_id == caller.organization_id,
        RequisitionListRow.unit_id.in_(caller.path),
    )


async def fetch_list(tx: Transaction, caller: Caller, list_id: UUID) -> Row[Any]:
    """Read a list the caller may use; raises NotFound."""
    return _there(
        await tx.maybe(_lists_of(caller, *_WHOLE).where(RequisitionListRow.id == list_id))
    )


def _there(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise NotFound("The unit you act for has no such requisition list.")
    return row


def lines_of_list(row: Row[Any]) -> list[RequisitionLine]:
    """Read the lines of a list."""
    return msgspec.convert(row.lines, list[RequisitionLine])


def _view(row: Row[Any]) -> RequisitionListView:
    fields = {**row._mapping, "lines": lines_of_list(row)}  # noqa: SLF001 - SQLAlchemy's name
    return RequisitionListView(**fields)


async def list_lists(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[RequisitionListSummary]:
    """List the lists of the unit the caller acts for and of those above it, the newest first."""
    caller.require("carts:read")
    statement = (
        _lists_of(caller, *_SUMMARY).order_by(RequisitionListRow.id.desc()).limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(RequisitionListRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    views = [RequisitionListSummary(**row._mapping) for row in rows]  # noqa: SLF001
    return page(asked, views, lambda view: view.id)


async def read_list(platform: Platform, caller: Caller, list_id: UUID) -> RequisitionListView:
    """Read a list; raises NotFound."""
    caller.require("carts:read")
    async with transaction(platform, caller) as tx:
        return _view(await fetch_list(tx, caller, list_id))


async def create_list(
    platform: Platform, caller: Caller, data: RequisitionListInput, key: IdempotencyKey
) -> RequisitionListView:
    """Keep a new list of the unit the caller acts for.

    Raises InvalidInput pointing at lines that do not exist for him, Conflict for a name that is
    taken or too many lists.
    """
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, RequisitionListView)) is not None:
            return earlier
        await _check_room(tx, caller)
        statement = insert(RequisitionListRow).values(
            id=new_id(),
            company_id=caller.organization_id,
            unit_id=caller.unit_id,
            name=data.name,
            lines=await _checked(tx, caller, data),
            created_by=caller.member_id,
        )
        try:
            row = await tx.one(statement.returning(*_WHOLE))
        except IntegrityError as error:
            raise _named(error, data.name) from error
        view = _view(row)
        after = {"name": view.name, "lines": view.line_count}
        tx.record("requisition_list.created", "requisition_list", view.id, after=after)
        return await keep(tx, key, view)


async def _check_room(tx: Transaction, caller: Caller) -> None:
    count: int = await tx.scalar(
        select(func.count())
        .select_from(RequisitionListRow)
        .where(
            RequisitionListRow.company_id == caller.organization_id,
            RequisitionListRow.unit_id == caller.unit_id,
        )
    )
    if count >= REQUISITION_LISTS_MAX:
        raise Conflict(f"This unit has {count} requisition lists; remove some first.")


def _named(error: IntegrityError, name: str) -> Exception:
    if constraint_of(error) == "uq_requisition_lists_name":
        return Conflict(f"This unit has a requisition list named {name!r} already.")
    return error


async def _checked(
    tx: Transaction, caller: Caller, data: RequisitionListInput
) -> list[dict[str, Any]]:
    """Give the lines as they are kept, with the units they were meant in."""
    wanted = [
        Wanted(
            line=number,
            supplier_id=line.supplier_id,
            sku=line.sku,
            quantity=Decimal(line.quantity),
            unit=line.unit,
            cost_centre=line.cost_centre,
        )
        for number, line in enumerate(data.lines, start=1)
    ]
    looked = await look_at(tx, caller, wanted, _NO_CURRENCY)
    refuse_all([one for one in looked if isinstance(one, RefusedLine)])
    return [
        {
            "supplier_id": str(one.wanted.supplier_id),
            "sku": one.wanted.sku,
            "quantity": shown_quantity(one.quantity),
            "unit": one.unit,
            "cost_centre": one.wanted.cost_centre,
        }
        for one in looked
        if isinstance(one, Looked)
    ]


async def _locked(tx: Transaction, caller: Caller, list_id: UUID, version: int) -> Row[Any]:
    """Lock a list of the very unit the caller acts for; raises NotFound, StaleVersion."""
    row = _there(
        await tx.maybe(
            _lists_of(caller, *_SUMMARY)
            .where(RequisitionListRow.id == list_id, RequisitionListRow.unit_id == caller.unit_id)
            .with_for_update()
        )
    )
    if row.version != version:
        raise StaleVersion(f"The list is at version {row.version}; read it again.")
    return row


async def put_list(
    platform: Platform, caller: Caller, list_id: UUID, data: RequisitionListInput, version: int
) -> RequisitionListView:
    """Set a list whole; raises NotFound, StaleVersion, InvalidInput, Conflict."""
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, caller, list_id, version)
        statement = (
            update(RequisitionListRow)
            .where(RequisitionListRow.id == list_id)
            .values(
                name=data.name,
                lines=await _checked(tx, caller, data),
                version=RequisitionListRow.version + 1,
                updated_at=func.clock(),
            )
        )
        try:
            row = await tx.one(statement.returning(*_WHOLE))
        except IntegrityError as error:
            raise _named(error, data.name) from error
        view = _view(row)
        tx.record(
            "requisition_list.changed",
            "requisition_list",
            list_id,
            before={"name": before.name, "lines": before.line_count},
            after={"name": view.name, "lines": view.line_count},
        )
        return view


async def remove_list(platform: Platform, caller: Caller, list_id: UUID, version: int) -> None:
    """Remove a list; raises NotFound, StaleVersion."""
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, caller, list_id, version)
        await tx.execute(delete(RequisitionListRow).where(RequisitionListRow.id == list_id))
        was = {"name": before.name, "lines": before.line_count}
        tx.record("requisition_list.removed", "requisition_list", list_id, before=was)
