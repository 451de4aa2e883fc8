"""Names that other companies' systems have for our things."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from marketplace.integration.schemas import ExternalIdInput, ExternalIdView
from marketplace.integration.tables import ExternalIdRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import Page, PageRequest, page

_COLUMNS: Final = tuple(getattr(ExternalIdRow, name) for name in ExternalIdView.__struct_fields__)
_NAME: Final = (ExternalIdRow.system, ExternalIdRow.kind, ExternalIdRow.external_id)


async def put_external_id(
    platform: Platform, caller: Caller, data: ExternalIdInput
) -> ExternalIdView:
    """Let a name of a system mean one of our things, whatever it meant before.

    Many at once make one row. The same again changes nothing.
    """
    caller.require("external_ids:write")
    name = {"system": data.system, "kind": data.kind, "external_id": data.external_id}
    statement = insert(ExternalIdRow).values(
        organization_id=caller.organization_id, id=data.id, **name
    )
    upsert = statement.on_conflict_do_update(
        index_elements=["organization_id", *name],
        set_={
            "id": data.id,
            "version": ExternalIdRow.version + 1,
            "updated_at": func.clock(),
        },
        where=ExternalIdRow.id != data.id,
    ).returning(*_COLUMNS)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(upsert)
        if row is None:
            return _view(await tx.one(select(*_COLUMNS).filter_by(**name)))
        tx.record("external_id.put", "external_id", data.id, after={**name, "id": data.id})
    return _view(row)


async def list_external_ids(
    platform: Platform,
    caller: Caller,
    request: PageRequest,
    *,
    system: str | None,
    kind: str | None,
    external_id: str | None,
    ours: UUID | None,
) -> Page[ExternalIdView]:
    """List names, all or those of a system, a kind, a name or one of our things."""
    caller.require("external_ids:read")
    statement = select(*_COLUMNS)
    for column, value in (
        (ExternalIdRow.system, system),
        (ExternalIdRow.kind, kind),
        (ExternalIdRow.external_id, external_id),
        (ExternalIdRow.id, ours),
    ):
        if value is not None:
            statement = statement.where(column == value)
    after = request.key(tuple[str, str, str])
    if after is not None:
        statement = statement.where(tuple_(*_NAME) > tuple_(*after))
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement.order_by(*_NAME).limit(request.fetch))
    return page(
        request,
        [_view(row) for row in rows],
        lambda view: (view.system, view.kind, view.external_id),
    )


def _view(row: Any) -> ExternalIdView:
    return ExternalIdView(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
