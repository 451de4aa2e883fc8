"""What the worker does with an upload: all of it in one transaction of the member who sent it.

The file is read in pieces, staged, checked as a whole and applied: nothing is ever half written,
and row security holds for the job as for the member. A job that starts again after a crash finds
an import that is not finished, and nothing of it written.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, insert, select, update

from catalog.imports.importers import (
    ENDED,
    IMPORTERS,
    ImportEnded,
    ImportRefused,
    Outcome,
    Work,
)
from catalog.imports.tables import IMPORT_COLUMNS, ImportErrorRow, ImportRow
from catalog.row_error import RowError
from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.limits import IMPORT_ROW_ERRORS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.files import Files

JOB: Final = "catalog.import"
CANCELLED: Final = "cancelled"
"""The code of the one error of an import that was cancelled."""


class ImportJob(msgspec.Struct):
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


def job_of(import_id: UUID, caller: Caller) -> ImportJob:
    """Let the worker act for the caller."""
    return ImportJob(
        import_id=import_id,
        organization_id=caller.organization_id,
        unit_id=caller.unit_id,
        path=caller.path,
        member_id=caller.member_id,
        roles=sorted(caller.roles),
        scopes=sorted(caller.scopes),
        request_id=caller.request_id,
    )


class _Rehearsed(Exception):
    """A dry run came to its end: everything rolls back but the report."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("dry run")
        self.outcome = outcome


async def run_import(platform: Platform, payload: Mapping[str, Any]) -> None:
    """Import one file. Harmless when run again: a finished import is left alone."""
    job = msgspec.convert(payload, ImportJob)
    caller = job.caller()
    try:
        await _import_file(platform, caller, job.import_id)
    except ImportRefused as refused:
        await _fail(platform, caller, job.import_id, refused.errors, refused.error_count)
    except Unavailable:
        raise  # the queue tries again
    except ImportEnded:
        pass  # it was cancelled, which rolled back what was written
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
            row = await tx.one(select(*IMPORT_COLUMNS).where(ImportRow.id == import_id))
            await _finish(tx, row, rehearsal.outcome)


@retries_conflicts
async def _import_in_transaction(platform: Platform, caller: Caller, import_id: UUID) -> None:
    async with transaction(platform, caller, patient=True) as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(_lock_number(import_id)))):
            # Or had it, and its session has not noticed yet that nobody is there: never a reason to
            # call the job done, or to delete the file.
            raise Unavailable("This import is under way in another process.", retry_after_s=5)
        row = await tx.maybe(select(*IMPORT_COLUMNS).where(ImportRow.id == import_id))
        if row is None or row.status in ENDED:
            return
        outcome = await IMPORTERS[row.kind](Work(platform, caller, tx, row))
        if row.dry_run:
            raise _Rehearsed(outcome)
        await _finish(tx, row, outcome)


async def _finish(tx: Transaction, row: Row[Any], outcome: Outcome) -> None:
    # First of all: whoever cancels holds the row, and either he waits for this, or this finds it
    # ended. Its errors then say that, and there is no room beside them.
    finished = await tx.maybe(
        update(ImportRow)
        .where(ImportRow.id == row.id, ImportRow.status.not_in(ENDED))
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
        .returning(ImportRow.id)
    )
    if finished is None:
        raise ImportEnded
    await _store_errors(tx, row, outcome.errors)
    tx.record("import.done", "import", row.id, after={"dry_run": row.dry_run, **outcome.written})


def _lock_number(import_id: UUID) -> int:
    digest = hashlib.sha256(b"catalog.import" + import_id.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


async def _fail(
    platform: Platform,
    caller: Caller,
    import_id: UUID,
    errors: Sequence[RowError],
    error_count: int,
) -> None:
    async with transaction(platform, caller) as tx:
        row = await tx.one(
            select(*IMPORT_COLUMNS).where(ImportRow.id == import_id).with_for_update()
        )
        if row.status in ENDED:
            return
        await end_failed(tx, row, errors, error_count)
        tx.record("import.failed", "import", import_id, after={"errors": error_count})


async def end_failed(
    tx: Transaction, row: Row[Any], errors: Sequence[RowError], error_count: int
) -> None:
    """End an import whose row is locked, and say why; it has written nothing."""
    await _store_errors(tx, row, errors)
    await tx.execute(
        update(ImportRow)
        .where(ImportRow.id == row.id)
        .values(
            status="failed",
            phase="finished",
            error_count=error_count,
            finished_at=func.clock(),
        )
    )


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
