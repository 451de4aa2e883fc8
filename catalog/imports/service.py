"""Take files in, and let the worker write what they say.

The upload is stored as it comes, in constant memory; the job reads it in batches, stages them,
checks them as a whole and applies them, all in one transaction of the member who sent it: nothing
is ever half written, and row security holds for the job as for him. Sending a file again changes
nothing, so an upload needs no idempotency key.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, func, insert, select, update

from catalog.imports.layouts import OFFERS, PRICES
from catalog.imports.rows import Layout, RowReader
from catalog.imports.schemas import ImportErrorView, ImportKind, ImportView, OnError
from catalog.imports.tables import ImportErrorRow, ImportRow
from catalog.price_lists import entries, service
from catalog.price_lists.tables import StagedPriceRow
from catalog.products import writing
from catalog.products.tables import StagedOfferRow
from catalog.row_error import RowError
from catalog.staging import ERRORS_FETCHED_MAX, unstage
from marketplace.kernel.errors import MarketplaceError, NotFound, Unavailable, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import (
    IMPORT_BATCH_ROWS,
    IMPORT_ROW_ERRORS_MAX,
    UPLOAD_BYTES_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.files import Files
from marketplace.platform.jobs import Progress, enqueue
from marketplace.platform.telemetry import log

JOB: Final = "catalog.import"
TURN_BYTES: Final = 16 * 1024
"""Read at a stretch: some hundred rows, some milliseconds."""

_IMPORT: Final = (
    ImportRow.id,
    ImportRow.organization_id,
    ImportRow.kind,
    ImportRow.on_error,
    ImportRow.price_list_id,
    ImportRow.publish,
    ImportRow.file_key,
    ImportRow.status,
    ImportRow.done,
    ImportRow.total,
    ImportRow.error_count,
    ImportRow.result,
    ImportRow.created_at,
    ImportRow.finished_at,
)
_SCOPE: Final = {ImportKind.OFFERS: "catalog:write", ImportKind.PRICES: "prices:write"}


class ImportRefused(Exception):
    """A file cannot be taken as it is; everything rolls back."""

    def __init__(self, errors: Sequence[RowError], error_count: int) -> None:
        super().__init__(f"{error_count} errors")
        self.errors = errors
        self.error_count = error_count


class _Job(msgspec.Struct):
    """What the worker needs to act for the member who sent the file."""

    import_id: UUID
    organization_id: UUID
    unit_id: UUID
    path: tuple[UUID, ...]
    member_id: UUID
    roles: list[str]
    scopes: list[str]
    request_id: str

    def caller(self) -> Caller:
        """Give the member as the caller he was."""
        return Caller(
            organization_id=self.organization_id,
            unit_id=self.unit_id,
            path=self.path,
            member_id=self.member_id,
            roles=frozenset(self.roles),
            scopes=frozenset(self.scopes),
            request_id=self.request_id,
        )


# What members ask


async def start_import(
    platform: Platform,
    caller: Caller,
    kind: ImportKind,
    on_error: OnError,
    price_list_id: UUID | None,
    chunks: AsyncIterator[bytes],
    *,
    publish: bool = False,
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
        await service.read_price_list(platform, caller, price_list_id)
    elif price_list_id is not None or publish:
        detail = "Offers belong to no price list; leave price_list_id and publish out."
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
                    file_key=file_key,
                    status="queued",
                    done=0,
                    total=size,
                )
                .returning(*_IMPORT)
            )
            await enqueue(tx, JOB, msgspec.to_builtins(_job_of(import_id, caller)))
            after = {"kind": kind.value, "bytes": size}
            tx.record("import.started", "import", import_id, after=after)
    except Exception:
        await platform.files.delete(file_key)
        raise
    return _view(row, [])


def _job_of(import_id: UUID, caller: Caller) -> _Job:
    return _Job(
        import_id=import_id,
        organization_id=caller.organization_id,
        unit_id=caller.unit_id,
        path=caller.path,
        member_id=caller.member_id,
        roles=sorted(caller.roles),
        scopes=sorted(caller.scopes),
        request_id=caller.request_id,
    )


async def read_import(platform: Platform, caller: Caller, import_id: UUID) -> ImportView:
    """Tell how far an import of the caller's company is, and what is wrong; raises NotFound."""
    caller.require("imports:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*_IMPORT).where(ImportRow.id == import_id))
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
        error_count=row.error_count,
        errors=errors,
        created_at=row.created_at,
        result=row.result,
        price_list_id=UNSET if row.price_list_id is None else row.price_list_id,
        finished_at=UNSET if row.finished_at is None else row.finished_at,
    )


# What the worker does


async def run_import(platform: Platform, payload: Mapping[str, Any]) -> None:
    """Import one file. Harmless when run again: a finished import is left alone."""
    job = msgspec.convert(payload, _Job)
    caller = job.caller()
    try:
        await _import_file(platform, caller, job.import_id)
    except ImportRefused as refused:
        await _fail(platform, caller, job.import_id, refused.errors, refused.error_count)
    except Unavailable:
        raise  # the queue tries again
    except Exception as error:
        detail = (
            error.detail
            if isinstance(error, MarketplaceError)
            else "This is our fault; the import's id helps to find it."
        )
        wrong = RowError(line=0, column="", code="failed", detail=detail, value="")
        await _fail(platform, caller, job.import_id, [wrong], 1)
        if not isinstance(error, MarketplaceError):
            raise
    await platform.files.delete(Files.key("imports", job.import_id))


@retries_conflicts
async def _import_file(platform: Platform, caller: Caller, import_id: UUID) -> None:
    async with transaction(platform, caller) as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(_lock_number(import_id)))):
            return  # another worker has it
        row = await tx.maybe(select(*_IMPORT).where(ImportRow.id == import_id))
        if row is None or row.status in {"done", "failed"}:
            return
        if row.kind == ImportKind.OFFERS:
            errors, count, result = await _import_offers(platform, tx, caller, row)
        else:
            errors, count, result = await _import_prices(platform, tx, caller, row)
        await _store_errors(tx, row, errors)
        await tx.execute(
            update(ImportRow)
            .where(ImportRow.id == import_id)
            .values(
                status="done",
                done=row.total,
                error_count=count,
                result=result,
                finished_at=func.clock(),
            )
        )
        tx.record("import.done", "import", import_id, after=result)


def _lock_number(import_id: UUID) -> int:
    digest = hashlib.sha256(b"catalog.import" + import_id.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


_Outcome = tuple[Sequence[RowError], int, dict[str, Any]]
"""The errors told, their whole number, and what was written."""


async def _import_offers(
    platform: Platform, tx: Transaction, caller: Caller, row: Row[Any]
) -> _Outcome:
    reader = RowReader(OFFERS, errors_max=IMPORT_ROW_ERRORS_MAX)
    async for batch in _batches(platform, caller, row, reader, OFFERS):
        await writing.stage_offers(tx, row.id, caller.organization_id, batch)
    errors = await writing.check_staged(tx, row.id)
    errors, count = _judge(row, reader, errors)
    await unstage(tx, StagedOfferRow, row.id, [error.line for error in errors])
    written = await writing.write_staged(tx, row.id)
    await unstage(tx, StagedOfferRow, row.id, None)
    return errors, count, {"rows": reader.row_count, **msgspec.to_builtins(written)}


async def _import_prices(
    platform: Platform, tx: Transaction, caller: Caller, row: Row[Any]
) -> _Outcome:
    reader = RowReader(PRICES, errors_max=IMPORT_ROW_ERRORS_MAX)
    async for batch in _batches(platform, caller, row, reader, PRICES):
        await entries.stage_prices(tx, row.id, caller.organization_id, batch)
    errors = await entries.check_staged(tx, row.id)
    errors, count = _judge(row, reader, errors)
    await unstage(tx, StagedPriceRow, row.id, [error.line for error in errors])
    price_list = await service.locked_list(tx, caller, row.price_list_id)
    draft = price_list.published_version + 1
    written = await entries.write_staged(tx, row.id, price_list.id, draft)
    await unstage(tx, StagedPriceRow, row.id, None)
    result = {"rows": reader.row_count, **msgspec.to_builtins(written)}
    if row.publish:
        overlaps = await service.publish_locked(tx, price_list)
        if overlaps:
            raise ImportRefused(overlaps, len(overlaps))
        result["published_version"] = await service.published_version(tx, price_list.id)
    return errors, count, result


async def _batches(
    platform: Platform, caller: Caller, row: Row[Any], reader: RowReader[Any], layout: Layout[Any]
) -> AsyncIterator[list[Any]]:
    """Read the file in batches of rows; its owner sees how far it is."""
    log.info("import_reads", import_id=str(row.id), layout=layout.name, total_bytes=row.total)
    waiting: list[Any] = []
    done = 0
    async for chunk in platform.files.read_stream(row.file_key):
        waiting += await read_in_turns(reader, chunk)
        done += len(chunk)
        while len(waiting) >= IMPORT_BATCH_ROWS:
            yield waiting[:IMPORT_BATCH_ROWS]
            del waiting[:IMPORT_BATCH_ROWS]
        await _report(platform, caller, row.id, done)
        if reader.broken:
            break
    waiting += reader.finish()
    for start in range(0, len(waiting), IMPORT_BATCH_ROWS):
        yield waiting[start : start + IMPORT_BATCH_ROWS]


async def read_in_turns(reader: RowReader[Any], chunk: bytes) -> list[Any]:
    """Read a chunk bit by bit, so that the worker can fire its timers in between."""
    rows: list[Any] = []
    for start in range(0, len(chunk), TURN_BYTES):
        rows += reader.feed(chunk[start : start + TURN_BYTES])
        await asyncio.sleep(0)
    return rows


async def _report(platform: Platform, caller: Caller, import_id: UUID, done: int) -> None:
    async with transaction(platform, caller) as tx:
        await tx.execute(
            update(ImportRow).where(ImportRow.id == import_id).values(status="running", done=done)
        )


def _judge(
    row: Row[Any], reader: RowReader[Any], staged: Sequence[RowError]
) -> tuple[list[RowError], int]:
    """Refuse the file, or give the errors of the rows to leave out and their number.

    A file that cannot be read to its end, or with too many errors, is refused in any case.
    """
    errors = sorted([*reader.errors, *staged], key=lambda error: error.line)
    count = reader.error_count + len(staged)
    hopeless = reader.broken or len(staged) >= ERRORS_FETCHED_MAX
    if count and (hopeless or row.on_error == OnError.REFUSE_ALL):
        raise ImportRefused(errors, count)
    return errors, count


async def _fail(
    platform: Platform,
    caller: Caller,
    import_id: UUID,
    errors: Sequence[RowError],
    error_count: int,
) -> None:
    async with transaction(platform, caller) as tx:
        row = await tx.one(select(*_IMPORT).where(ImportRow.id == import_id).with_for_update())
        if row.status in {"done", "failed"}:
            return
        await _store_errors(tx, row, errors)
        await tx.execute(
            update(ImportRow)
            .where(ImportRow.id == import_id)
            .values(status="failed", error_count=error_count, finished_at=func.clock())
        )
        tx.record("import.failed", "import", import_id, after={"errors": error_count})


async def _store_errors(tx: Transaction, row: Row[Any], errors: Sequence[RowError]) -> None:
    kept = errors[:IMPORT_ROW_ERRORS_MAX]
    if kept:
        await tx.execute(
            insert(ImportErrorRow),
            [
                {
                    "import_id": row.id,
                    "number": number,
                    "organization_id": row.organization_id,
                    "line": error.line,
                    "column_name": error.column,
                    "code": error.code,
                    "detail": error.detail,
                    "value": error.value.replace("\0", "\ufffd"),
                }
                for number, error in enumerate(kept)
            ],
        )
