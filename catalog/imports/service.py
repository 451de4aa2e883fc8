"""Take files in, and let the worker write what they say.

The upload is stored as it comes, in constant memory; the job reads it in batches, stages them,
checks them as a whole and applies them, all in one transaction of the member who sent it: nothing
is ever half written, and row security holds for the job as for him. Sending a file again changes
nothing, so an upload needs no idempotency key.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row, func, insert, select, update

from catalog.imports.formats import AnyReader, FileFormat
from catalog.imports.layouts import OFFERS, PRICES, STOCK
from catalog.imports.products import PRODUCTS, ProductRows
from catalog.imports.rows import FileReader, Layout, PlainRows
from catalog.imports.schemas import (
    DecimalWish,
    ImportErrorView,
    ImportKind,
    ImportView,
    OnError,
)
from catalog.imports.tables import ImportErrorRow, ImportRow
from catalog.price_lists import entries, loading, publishing, reading
from catalog.price_lists.tables import StagedPriceRow
from catalog.products import writing
from catalog.products.tables import StagedOfferRow
from catalog.row_error import RowError
from catalog.staging import ERRORS_FETCHED_MAX, unstage
from catalog.stock import writing as stock
from catalog.stock.tables import StagedStockRow
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
PROGRESS_SECONDS: Final = 0.5
"""Between two reports of how far an import is."""

_IMPORT: Final = (
    ImportRow.id,
    ImportRow.organization_id,
    ImportRow.kind,
    ImportRow.on_error,
    ImportRow.price_list_id,
    ImportRow.publish,
    ImportRow.dry_run,
    ImportRow.decimal_mark,
    ImportRow.format,
    ImportRow.phase,
    ImportRow.rows_read,
    ImportRow.file_key,
    ImportRow.status,
    ImportRow.done,
    ImportRow.total,
    ImportRow.error_count,
    ImportRow.result,
    ImportRow.created_at,
    ImportRow.finished_at,
)
_SCOPE: Final = {
    ImportKind.OFFERS: "catalog:write",
    ImportKind.PRODUCTS: "catalog:write",
    ImportKind.PRICES: "prices:write",
    ImportKind.STOCK: "stock:write",
}


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
                .returning(*_IMPORT)
            )
            await enqueue(tx, JOB, msgspec.to_builtins(_job_of(import_id, caller)))
            after = {"kind": kind.value, "bytes": size, "dry_run": dry_run}
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


async def _import_file(platform: Platform, caller: Caller, import_id: UUID) -> None:
    try:
        await _import_in_transaction(platform, caller, import_id)
    except _Rehearsed as rehearsal:
        async with transaction(platform, caller) as tx:
            row = await tx.one(select(*_IMPORT).where(ImportRow.id == import_id))
            if row.status not in {"done", "failed"}:
                await _finish(tx, row, rehearsal.outcome)


@retries_conflicts
async def _import_in_transaction(platform: Platform, caller: Caller, import_id: UUID) -> None:
    async with transaction(platform, caller, patient=True) as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(_lock_number(import_id)))):
            return  # another worker has it
        row = await tx.maybe(select(*_IMPORT).where(ImportRow.id == import_id))
        if row is None or row.status in {"done", "failed"}:
            return
        outcome = await _IMPORTERS[row.kind](_Work(platform, caller, tx, row))
        if row.dry_run:
            raise _Rehearsed(outcome)
        await _finish(tx, row, outcome)


async def _finish(tx: Transaction, row: Row[Any], outcome: "_Outcome") -> None:
    await _store_errors(tx, row, outcome.errors)
    await tx.execute(
        update(ImportRow)
        .where(ImportRow.id == row.id)
        .values(
            status="done",
            phase="finished",
            done=row.total,
            format=outcome.format,
            rows_read=outcome.rows,
            error_count=outcome.error_count,
            result={"rows": outcome.rows, **outcome.written},
            finished_at=func.clock(),
        )
    )
    tx.record("import.done", "import", row.id, after={"dry_run": row.dry_run, **outcome.written})


def _lock_number(import_id: UUID) -> int:
    digest = hashlib.sha256(b"catalog.import" + import_id.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The errors told, their whole number, and what was written."""

    errors: Sequence[RowError]
    error_count: int
    rows: int
    format: str | None
    written: dict[str, Any]


class _Rehearsed(Exception):
    """A dry run came to its end: everything rolls back but the report."""

    def __init__(self, outcome: _Outcome) -> None:
        super().__init__("dry run")
        self.outcome = outcome


@dataclass(slots=True)
class _Work:
    """One import under way: its transaction, and how its owner sees how far it is."""

    platform: Platform
    caller: Caller
    tx: Transaction
    row: Row[Any]
    told_at: float = 0.0

    async def tell(self, phase: str, reader: AnyReader[Any], done: int) -> None:
        """Write how far it is, beside the import's own transaction; not too often."""
        now = time.monotonic()
        if phase == "reading" and now - self.told_at < PROGRESS_SECONDS:
            return
        self.told_at = now
        async with transaction(self.platform, self.caller) as tx:
            await tx.execute(
                update(ImportRow)
                .where(ImportRow.id == self.row.id)
                .values(
                    status="running",
                    phase=phase,
                    done=done,
                    rows_read=reader.row_count,
                    format=None if reader.format is None else reader.format.value,
                )
            )

    async def pieces(self, reader: AnyReader[Any]) -> AsyncIterator[list[Any]]:
        """Read the file in batches of rows; its owner sees how far it is."""
        log.info(
            "import_reads",
            import_id=str(self.row.id),
            layout=reader.layout.name,
            total_bytes=self.row.total,
        )
        waiting: list[Any] = []
        done = 0
        async for chunk in self.platform.files.read_stream(self.row.file_key):
            waiting += await read_in_turns(reader, chunk)
            done += len(chunk)
            while len(waiting) >= IMPORT_BATCH_ROWS:
                yield waiting[:IMPORT_BATCH_ROWS]
                del waiting[:IMPORT_BATCH_ROWS]
            await self.tell("reading", reader, done)
            if reader.broken:
                break
        for row in reader.finish():
            waiting.append(row)
            if len(waiting) >= IMPORT_BATCH_ROWS:
                yield waiting
                waiting = []
                await self.tell("reading", reader, done)
                await asyncio.sleep(0)
        if waiting:
            yield waiting
        await self.tell("checking", reader, done)

    def outcome(
        self, reader: AnyReader[Any], judged: tuple[list[RowError], int], written: Any
    ) -> _Outcome:
        """Gather what the import came to."""
        errors, count = judged
        kind = None if reader.format is None else reader.format.value
        return _Outcome(errors, count, reader.row_count, kind, msgspec.to_builtins(written))


def _reader(row: Row[Any], layout: Layout[Any], **wishes: Any) -> AnyReader[Any]:
    return AnyReader(layout, errors_max=IMPORT_ROW_ERRORS_MAX, decimal=row.decimal_mark, **wishes)


async def _import_offers(work: _Work) -> _Outcome:
    tx, row = work.tx, work.row
    reader = _reader(row, OFFERS)
    async for batch in work.pieces(reader):
        await writing.stage_offers(tx, row.id, work.caller.organization_id, batch)
    judged = _judge(row, reader, await writing.check_staged(tx, row.id))
    await unstage(tx, StagedOfferRow, row.id, [error.line for error in judged[0]])
    await work.tell("writing", reader, row.total)
    written = await writing.write_staged(tx, row.id)
    await unstage(tx, StagedOfferRow, row.id, None)
    return work.outcome(reader, judged, written)


async def _import_products(work: _Work) -> _Outcome:
    reader = _reader(work.row, PRODUCTS)
    rows = ProductRows(work.tx, work.caller, reader)
    async for batch in work.pieces(reader):
        await rows.take(batch)
    return work.outcome(reader, _judge(work.row, reader, rows.errors), rows.written)


async def _import_prices(work: _Work) -> _Outcome:
    tx, row = work.tx, work.row
    await loading.open_loading(tx)
    price_list = await reading.locked_list(tx, work.caller, row.price_list_id)
    draft = price_list.published_version + 1
    reader = _reader(row, PRICES, plain=True, currency=price_list.currency)
    async for batch in work.pieces(reader):
        records = []
        for one in batch:
            if isinstance(one, PlainRows):
                await loading.load_lines(tx, one.columns, one.text)
            else:
                records.append(one)
        await loading.load_records(tx, records)
    judged = _judge(row, reader, [])
    owner = work.caller.organization_id
    if reader.format is FileFormat.BMECAT:
        await loading.complete(tx, price_list.id, owner, draft)
    filled = await loading.fill_empty_draft(tx, price_list.id, owner, draft)
    if filled is not None:
        written = filled.told
    else:
        await loading.to_batch(tx, row.id, owner)
        judged = _judge(row, reader, await entries.check_staged(tx, row.id))
        await unstage(tx, StagedPriceRow, row.id, [error.line for error in judged[0]])
        await work.tell("writing", reader, row.total)
        written = await entries.write_staged(tx, row.id, price_list.id, draft)
        await unstage(tx, StagedPriceRow, row.id, None)
    outcome = work.outcome(reader, judged, written)
    if row.publish:
        await work.tell("publishing", reader, row.total)
        alone = filled is not None and filled.cannot_overlap
        overlaps = await publishing.publish_locked(tx, price_list, cannot_overlap=alone)
        if overlaps:
            raise ImportRefused(overlaps, len(overlaps))
        outcome.written["published_version"] = await reading.published_version(tx, price_list.id)
    return outcome


async def _import_stock(work: _Work) -> _Outcome:
    tx, row = work.tx, work.row
    reader = _reader(row, STOCK)
    async for batch in work.pieces(reader):
        await stock.stage_stock(tx, row.id, work.caller.organization_id, batch)
    judged = _judge(row, reader, await stock.check_staged_stock(tx, row.id))
    await unstage(tx, StagedStockRow, row.id, [error.line for error in judged[0]])
    await work.tell("writing", reader, row.total)
    await stock.write_staged_stock(tx, row.id)
    counted = await stock.count_staged_stock(tx, row.id)
    await unstage(tx, StagedStockRow, row.id, None)
    return work.outcome(reader, judged, {one.value: count for one, count in counted.items()})


_IMPORTERS: Final[Mapping[str, Callable[[_Work], Awaitable[_Outcome]]]] = {
    ImportKind.OFFERS.value: _import_offers,
    ImportKind.PRODUCTS.value: _import_products,
    ImportKind.PRICES.value: _import_prices,
    ImportKind.STOCK.value: _import_stock,
}


async def read_in_turns(reader: FileReader[Any], chunk: bytes) -> list[Any]:
    """Read a chunk bit by bit, so that the worker can fire its timers in between."""
    rows: list[Any] = []
    for start in range(0, len(chunk), TURN_BYTES):
        rows += reader.feed(chunk[start : start + TURN_BYTES])
        await asyncio.sleep(0)
    return rows


def _judge(
    row: Row[Any], reader: FileReader[Any], staged: Sequence[RowError]
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
            .values(
                status="failed",
                phase="finished",
                error_count=error_count,
                finished_at=func.clock(),
            )
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
