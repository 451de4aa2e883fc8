"""How a file of each kind becomes rows: read, staged, judged, written; inside one transaction."""

import asyncio
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Row, update

from catalog.imports.formats import AnyReader, FileFormat
from catalog.imports.layouts import OFFERS, PRICES, STOCK
from catalog.imports.likely import with_likely_skus
from catalog.imports.products import PRODUCTS, ProductRows
from catalog.imports.rows import FileReader, Layout
from catalog.imports.schemas import ImportKind, OnError
from catalog.imports.tables import ImportRow
from catalog.price_lists import entries, loading, publishing, reading
from catalog.price_lists.tables import StagedPriceRow
from catalog.products import writing
from catalog.products.tables import StagedOfferRow
from catalog.row_error import RowError
from catalog.staging import unstage
from catalog.stock import writing as stock
from catalog.stock.tables import StagedStockRow
from marketplace.kernel.limits import ERRORS_FETCHED_MAX, IMPORT_BATCH_ROWS, IMPORT_ROW_ERRORS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.telemetry import log

TURN_BYTES: Final = 16 * 1024
"""Read at a stretch: some hundred rows, some milliseconds."""
PROGRESS_SECONDS: Final = 0.5
"""Between two reports of how far an import is."""


ENDED: Final = frozenset({"done", "failed"})
"""States in which an import stays."""


class ImportEnded(Exception):
    """Somebody has ended the import in the meantime; everything rolls back."""


class ImportRefused(Exception):
    """A file cannot be taken as it is; everything rolls back."""

    def __init__(self, errors: Sequence[RowError], error_count: int) -> None:
        super().__init__(f"{error_count} errors")
        self.errors = errors
        self.error_count = error_count


@dataclass(frozen=True, slots=True)
class Outcome:
    """The errors told, their whole number, and what was written."""

    errors: Sequence[RowError]
    error_count: int
    rows: int
    format: str | None
    written: dict[str, Any]


@dataclass(slots=True)
class Work:
    """One import under way: its transaction, and how its owner sees how far it is."""

    platform: Platform
    caller: Caller
    tx: Transaction
    row: Row[Any]
    told_at: float = 0.0

    async def tell(self, phase: str, reader: AnyReader[Any], done: int) -> None:
        """Write how far it is, beside the import's own transaction; not too often.

        Raises ImportEnded where somebody has cancelled it.
        """
        now = time.monotonic()
        if phase == "reading" and now - self.told_at < PROGRESS_SECONDS:
            return
        self.told_at = now
        async with transaction(self.platform, self.caller) as tx:
            told = await tx.maybe(
                update(ImportRow)
                .where(ImportRow.id == self.row.id, ImportRow.status.not_in(ENDED))
                .values(
                    status="running",
                    phase=phase,
                    done=done,
                    rows_read=reader.row_count,
                    format=None if reader.format is None else reader.format.value,
                )
                .returning(ImportRow.id)
            )
        if told is None:
            raise ImportEnded

    async def pieces(self, reader: AnyReader[Any]) -> AsyncIterator[list[Any]]:
        """Read the file in batches of rows; its owner sees how far it is."""
        log.info(
            "import_reads",
            import_id=str(self.row.id),
            layout=reader.layout.name,
            total_bytes=self.row.total,
        )
        done = 0
        async for chunk in self.platform.files.read_stream(self.row.file_key):
            rows = await read_in_turns(reader, chunk)
            done += len(chunk)
            for batch in _batches(rows):
                yield batch
            await self.tell("reading", reader, done)
            if reader.broken:
                break
        for batch in _batches(reader.finish()):
            yield batch
            await self.tell("reading", reader, done)
            await asyncio.sleep(0)
        await self.tell("checking", reader, done)

    def outcome(
        self, reader: AnyReader[Any], judged: tuple[list[RowError], int], written: Any
    ) -> Outcome:
        """Gather what the import came to."""
        errors, count = judged
        kind = None if reader.format is None else reader.format.value
        return Outcome(errors, count, reader.row_count, kind, msgspec.to_builtins(written))


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while batch := list(islice(left, IMPORT_BATCH_ROWS)):
        yield batch


def _reader(row: Row[Any], layout: Layout[Any], **wishes: Any) -> AnyReader[Any]:
    return AnyReader(layout, errors_max=IMPORT_ROW_ERRORS_MAX, decimal=row.decimal_mark, **wishes)


async def _import_offers(work: Work) -> Outcome:
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


async def _import_products(work: Work) -> Outcome:
    reader = _reader(work.row, PRODUCTS)
    rows = ProductRows(work.tx, work.caller, reader, work.platform.settings.public_url)
    async for batch in work.pieces(reader):
        await rows.take(batch)
    return work.outcome(reader, _judge(work.row, reader, rows.errors), rows.written)


async def _import_prices(work: Work) -> Outcome:
    tx, row = work.tx, work.row
    await loading.open_loading(tx)
    price_list = await reading.locked_list(tx, work.caller, row.price_list_id)
    draft = price_list.published_version + 1
    reader = _reader(row, PRICES, plain=True, currency=price_list.currency)
    loaded = await loading.load(tx, work.pieces(reader))
    judged = _judge(row, reader, [])
    owner = work.caller.organization_id
    if reader.format is FileFormat.BMECAT:
        await loading.complete(tx, price_list.id, owner, draft)
    filled = await loading.fill_empty_draft(tx, price_list.id, owner, draft, loaded)
    if filled is not None:
        written = filled.told
    else:
        await loading.to_batch(tx, row.id, owner)
        wrong = await with_likely_skus(tx, await entries.check_staged(tx, row.id))
        judged = _judge(row, reader, wrong)
        await unstage(tx, StagedPriceRow, row.id, [error.line for error in judged[0]])
        await work.tell("writing", reader, row.total)
        written = await entries.write_staged(tx, row.id, price_list.id, draft)
        await unstage(tx, StagedPriceRow, row.id, None)
    outcome = work.outcome(reader, judged, written)
    if row.publish:
        await work.tell("publishing", reader, row.total)
        overlaps = await publishing.publish_locked(tx, price_list, filled=filled)
        if overlaps:
            raise ImportRefused(overlaps, len(overlaps))
        outcome.written["published_version"] = await reading.published_version(tx, price_list.id)
    return outcome


async def _import_stock(work: Work) -> Outcome:
    tx, row = work.tx, work.row
    reader = _reader(row, STOCK)
    async for batch in work.pieces(reader):
        await stock.stage_stock(tx, row.id, work.caller.organization_id, batch)
    wrong = await with_likely_skus(tx, await stock.check_staged_stock(tx, row.id))
    judged = _judge(row, reader, wrong)
    await unstage(tx, StagedStockRow, row.id, [error.line for error in judged[0]])
    await work.tell("writing", reader, row.total)
    await stock.write_staged_stock(tx, row.id)
    counted = await stock.count_staged_stock(tx, row.id)
    await unstage(tx, StagedStockRow, row.id, None)
    return work.outcome(reader, judged, {one.value: count for one, count in counted.items()})


IMPORTERS: Final[Mapping[str, Callable[[Work], Awaitable[Outcome]]]] = {
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
