"""Take files in, and tell what became of them.

The upload is stored as it comes, in constant memory; `catalog.imports.running` does the work.
Sending a file again changes nothing, so an upload needs no idempotency key.
"""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row, insert, select

from catalog.imports.running import JOB, job_of
from catalog.imports.schemas import (
    DecimalWish,
    ImportErrorView,
    ImportKind,
    ImportView,
    OnError,
)
from catalog.imports.tables import IMPORT_COLUMNS, ImportErrorRow, ImportRow
from catalog.price_lists import reading
from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import UPLOAD_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.files import Files
from marketplace.platform.jobs import Progress, enqueue

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

    Raises InvalidInput without a list for prices, NotFound for a list that is not the caller's, and
    BodyTooLarge.
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
    size = await platform.files.write_stream(file_key, chunks, bytes_max=UPLOAD_BYTES_MAX)
    try:
        async with transaction(platform, caller) as tx:
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


async def read_import(platform: Platform, caller: Caller, import_id: UUID) -> ImportView:
    """Tell how far an import of the caller's company is, and what is wrong; raises NotFound."""
    caller.require("imports:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*IMPORT_COLUMNS).where(ImportRow.id == import_id))
        if row is None:
            raise NotFound("There is no such import.")
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
    return _view(row, [ImportErrorView(**error._asdict()) for error in errors])


def _view(row: Row[Any], errors: list[ImportErrorView]) -> ImportView:
    return ImportView(
        id=row.id,
        kind=row.kind,
        on_error=row.on_error,
        status=row.status,
        progress=Progress(done=row.done, total=row.total),
        phase=row.phase,
        dry_run=row.dry_run,
        rows_read=row.rows_read,
        rows_total_estimated=_estimated(row),
        format=UNSET if row.format is None else row.format,
        error_count=row.error_count,
        errors=errors,
        created_at=row.created_at,
        result=row.result,
        price_list_id=UNSET if row.price_list_id is None else row.price_list_id,
        finished_at=UNSET if row.finished_at is None else row.finished_at,
    )


def _estimated(row: Row[Any]) -> int | UnsetType:
    """Guess the rows of the whole file by the bytes of those read."""
    if not row.rows_read or not row.done:
        return UNSET
    return max(int(row.rows_read * row.total / row.done), int(row.rows_read))
