"""Change what a list says of itself: its name, its rank, when it is valid. Its prices stay.

It is no part of a version: like an assignment it counts from the next request on (decision 0788).
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, exists, select, update
from sqlalchemy.exc import IntegrityError

from catalog.price_lists.assigning import refuse_tie
from catalog.price_lists.reading import LIST_COLUMNS, list_view, locked_list, own_lists
from catalog.price_lists.rules import ALWAYS, FOREVER, bounded, check_list
from catalog.price_lists.schemas import PriceListChange, PriceListView
from catalog.price_lists.tables import PriceListAssignmentRow, PriceListRow
from marketplace.kernel.errors import StaleVersion
from marketplace.platform.caller import Caller
from marketplace.platform.columns import another
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    constraint_of,
    retries_conflicts,
    transaction,
)

_RANKS: Final = frozenset(
    {"uq_price_list_assignments_rank", "uq_price_list_assignments_segment_rank"}
)


async def change_price_list(
    platform: Platform, caller: Caller, list_id: UUID, data: PriceListChange, version: int
) -> PriceListView:
    """Rename a list, give it another rank, let it begin or end at another instant.

    Raises NotFound, StaleVersion, InvalidInput for a validity that never is, and Conflict where a
    list of the new rank goes to the same one, with the names of both.
    """
    caller.require("prices:write")
    try:
        return await _change(platform, caller, list_id, data, version)
    except IntegrityError as error:
        if constraint_of(error) not in _RANKS:
            raise
        # Another one took this rank at the same moment. It is committed now, and can be named.
        return await _change(platform, caller, list_id, data, version)


@retries_conflicts
async def _change(
    platform: Platform, caller: Caller, list_id: UUID, data: PriceListChange, version: int
) -> PriceListView:
    async with transaction(platform, caller) as tx:
        before = await locked_list(tx, caller, list_id)
        if before.version != version:
            raise StaleVersion(f"The present version is {before.version}; read it again.")
        values = _changed(before, data)
        check_list(
            before.currency, values["priority"], (values["valid_from"], values["valid_until"])
        )
        if values != _values(before):
            await _write(tx, before, values)
        changed = await tx.one(own_lists(caller).where(PriceListRow.id == list_id))
    return list_view(changed, changed.draft_changes)


async def _write(tx: Transaction, before: Row[Any], values: dict[str, Any]) -> None:
    row = await tx.one(
        update(PriceListRow)
        .where(PriceListRow.id == before.id)
        .values(**values, version=before.version + 1)
        .returning(*LIST_COLUMNS)
    )
    await _show(tx, row)
    was, now = _values(before), _values(row)
    changes = [name for name in now if was[name] != now[name]]
    tx.record(
        "price_list.changed",
        "price_list",
        row.id,
        before={name: was[name] for name in changes},
        after={name: now[name] for name in changes},
    )


def _values(row: Row[Any]) -> dict[str, Any]:
    """Give what a list says of itself; an open end is the instant that stands for it."""
    return {
        "name": row.name,
        "priority": row.priority,
        "mode": row.mode,
        "valid_from": bounded(row.valid_from) or ALWAYS,
        "valid_until": bounded(row.valid_until) or FOREVER,
    }


def _changed(row: Row[Any], data: PriceListChange) -> dict[str, Any]:
    """Give the values a list is to have; what is left out stays."""
    values = _values(row)
    for name, given in msgspec.structs.asdict(data).items():
        if given is not UNSET:
            values[name] = given
    values["valid_from"] = _instant(values["valid_from"], ALWAYS)
    values["valid_until"] = _instant(values["valid_until"], FOREVER)
    return values


def _instant(at: datetime | None, open_end: datetime) -> datetime:
    return open_end if at is None else at.astimezone(UTC)


async def _show(tx: Transaction, row: Row[Any]) -> None:
    """Let all faces of a list say what it says; raises Conflict that names a list of its rank."""
    face = PriceListAssignmentRow
    own = another(face)
    scopes = select(own.scope_id).where(own.list_id == row.id)
    if not await tx.scalar(select(exists(scopes))):
        return
    await refuse_tie(tx, row, scopes)
    await tx.execute(
        update(face)
        .where(face.list_id == row.id)
        .values(
            title=row.name,
            priority=row.priority,
            mode=row.mode,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
    )
