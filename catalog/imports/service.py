"""Take files in, and tell what became of them.

The upload is stored as it comes, in constant memory; `catalog.imports.running` does the work.
Sending a file again changes nothing, so an upload needs no idempotency key.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row, func, insert, select

from catalog.imports.importers import ENDED
from catalog.imports.running import CANCELLED, JOB, end_failed, job_of
from catalog.imports.schemas import (
    DecimalWish,
    ImportErrorView,
    ImportKind,
    ImportSummary,
    ImportView,
    OnError,
)
from catalog.imports.tables import IMPORT_COLUMNS, ImportErrorRow, ImportRow
from catalog.price_lists import reading
from catalog.row_error import RowError
from marketplace.kernel.errors import Conflict, NotFound, WrongState, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import (
    IMPORTS_WAITING_HOURS,
    IMPORTS_WAITING_MAX,
    UPLOAD_BYTES_MAX,
    UPLOADS_AT_ONCE_MAX,
    UPLOADS_OF_COMPANY_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.files import Files
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.jobs import Progress, enqueue
from marketplace.platform.shares import Shares

_LOOKED_AT: Final = 10 * IMPORTS_WAITING_MAX
"""Imports of a company, the newest: one that waits behind so many that are done is not counted."""


class Uploads(Shares):
    """How many files this process is being sent, and by whom."""

    def __init__(self) -> None:
        refusal = "Other files are being sent; send this one again."
        super().__init__(
            UPLOADS_AT_ONCE_MAX, UPLOADS_OF_COMPANY_MAX, refusal=refusal, retry_after_s=10
        )


_NO_IMPORT: Final = "There is no such import."
_SCOPE: Final = {
    ImportKind.OFFERS: "catalog:write",
    ImportKind.PRODUCTS: "catalog:write",
    ImportKind.PRICES: "prices:write",
    ImportKind.STOCK: "stock:write",
}


async def start_import(
    platform: Platform,
    caller: Caller,
    kind: ImportKind,
    on_error: OnError,
    price_list_id: UUID | None,
    chunks: AsyncIterator[bytes],
    *,
    publish: bool = False,
    dry_run: bool = False,
    decimal: DecimalWish = DecimalWish.AUTO,
) -> ImportView:
    """Store an upload and have the worker import it.

    Raises InvalidInput without a list for prices, NotFound for a list that is not the caller's,
    BodyTooLarge, Conflict where too many of the company wait, Unavailable where many arrive.
    """
    caller.require("imports:write")
    caller.require(_SCOPE[kind])
    if kind is ImportKind.PRICES:
        if price_list_id is None:
            raise invalid("?price_list_id", "missing", "Say which price list the prices are of.")
        await reading.read_price_list(platform, caller, price_list_id)
    elif price_list_id is not None or publish:
        detail = "Only prices belong to a price list; leave price_list_id and publish out."
        raise invalid("?price_list_id", "not_for_offers", detail)
    import_id = new_id()
    file_key = Files.key("imports", import_id)
    with platform.get(Uploads).room(caller.organization_id):
        async with transaction(platform, caller) as tx:
            await _check_room(tx, caller)
        size = await platform.files.write_stream(file_key, chunks, bytes_max=UPLOAD_BYTES_MAX)
    try:
        async with transaction(platform, caller) as tx:
            await _check_room(tx, caller)
            row = await tx.one(
                insert(ImportRow)
                .values(
                    id=import_id,
                    organization_id=caller.organization_id,
                    kind=kind.value,
                    on_error=on_error.value,
                    price_list_id=price_list_id,
                    publish=publish,
                    dry_run=dry_run,
                    decimal_mark=decimal.value,
                    file_key=file_key,
                    status="queued",
                    done=0,
                    total=size,
                )
                .returning(*IMPORT_COLUMNS)
            )
            await enqueue(tx, JOB, msgspec.to_builtins(job_of(import_id, caller)))
            after = {"kind": kind.value, "bytes": size, "dry_run": dry_run}
            tx.record("import.started", "import", import_id, after=after)
    except Exception:
        await platform.files.delete(file_key)
        raise
    return _view(row, [])


async def _check_room(tx: Transaction, caller: Caller) -> None:
    newest = (
        select(ImportRow.status, ImportRow.created_at)
        .where(ImportRow.organization_id == caller.organization_id)
        .order_by(ImportRow.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    waiting: int = await tx.scalar(
        select(func.count()).where(
            newest.c.status.in_(("queued", "running")),
            newest.c.created_at > func.clock() - timedelta(hours=IMPORTS_WAITING_HOURS),
        )
    )
    if waiting >= IMPORTS_WAITING_MAX:
        detail = f"{waiting} imports of your company are not done yet; wait, or cancel one."
        raise Conflict(detail)


async def read_import(platform: Platform, caller: Caller, import_id: UUID) -> ImportView:
    """Tell how far an import of the caller's company is, and what is wrong; raises NotFound."""
    caller.require("imports:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*IMPORT_COLUMNS).where(ImportRow.id == import_id))
        if row is None:
            raise NotFound(_NO_IMPORT)
        return _view(row, await _errors_of(tx, import_id))


async def list_imports(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[ImportSummary]:
    """List imports of the caller's company, the latest first."""
    caller.require("imports:write")
    statement = select(*IMPORT_COLUMNS).order_by(ImportRow.id.desc()).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ImportRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [ImportSummary(**_told(row)) for row in rows], lambda view: view.id)


async def cancel_import(platform: Platform, caller: Caller, import_id: UUID) -> ImportView:
    """End an import before it has written anything.

    Nothing of it is written from then on, though the worker may notice only at its end. To cancel
    it once more changes nothing. Raises NotFound, and WrongState for one that is finished.
    """
    caller.require("imports:write")
    async with transaction(platform, caller) as tx:
        found = select(*IMPORT_COLUMNS).where(ImportRow.id == import_id).with_for_update()
        row = await tx.maybe(found)
        if row is None:
            raise NotFound(_NO_IMPORT)
        errors = await _errors_of(tx, import_id)
        if [error.code for error in errors] == [CANCELLED]:
            return _view(row, errors)
        if row.status in ENDED:
            detail = "This import is finished; it cannot be cancelled any more."
            raise WrongState(detail, state=row.status)
        told = RowError(line=0, column="", code=CANCELLED, detail="It was cancelled.", value="")
        await end_failed(tx, row, [told], 1)
        tx.record("import.cancelled", "import", import_id)
        ended = await tx.one(select(*IMPORT_COLUMNS).where(ImportRow.id == import_id))
        view = _view(ended, await _errors_of(tx, import_id))
    if row.status == "queued":
        # Of one that runs the worker has the file open; it deletes it.
        await platform.files.delete(row.file_key)
    return view


async def _errors_of(tx: Transaction, import_id: UUID) -> list[ImportErrorView]:
    errors = await tx.all(
        select(
            ImportErrorRow.line,
            ImportErrorRow.column_name.label("column"),
            ImportErrorRow.code,
            ImportErrorRow.detail,
            ImportErrorRow.value,
        )
        .where(ImportErrorRow.import_id == import_id)
        .order_by(ImportErrorRow.number)
    )
    return [ImportErrorView(**error._asdict()) for error in errors]


def _view(row: Row[Any], errors: list[ImportErrorView]) -> ImportView:
    return ImportView(errors=errors, **_told(row))


def _told(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "on_error": row.on_error,
        "status": row.status,
        "progress": Progress(done=row.done, total=row.total),
        "phase": row.phase,
        "dry_run": row.dry_run,
        "rows_read": row.rows_read,
        "rows_total_estimated": _estimated(row),
        "format": UNSET if row.format is None else row.format,
        "error_count": row.error_count,
        "created_at": row.created_at,
        "result": row.result,
        "price_list_id": UNSET if row.price_list_id is None else row.price_list_id,
        "finished_at": UNSET if row.finished_at is None else row.finished_at,
    }


def _estimated(row: Row[Any]) -> int | UnsetType:
    """Guess the rows of the whole file by the bytes of those read."""
    if not row.rows_read or not row.done:
        return UNSET
    return max(int(row.rows_read * row.total / row.done), int(row.rows_read))
