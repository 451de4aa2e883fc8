"""Take a notice over as a draft, or tell what would come of it; read where a draft came from."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import anyio
import msgspec
from anyio.to_thread import run_sync
from sqlalchemy import insert, select

from marketplace.kernel.errors import NotFound
from marketplace.kernel.limits import NOTICES_AT_ONCE_MAX
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.notices.schemas import CheckedNotice, ImportedNotice, ProcedureNoticeView
from rfq.notices.tables import NoticeRow
from rfq.procedures import publishing
from rfq.procedures.schemas import BuyerProcedureView, ProcedureInput
from rfq.rules.notices.importing import draft_of
from rfq.rules.notices.report import NoticeReport

CURRENCY: Final = "EUR"


class NoticeReaders:
    """The threads of a process that read notices: a large one takes a second of a processor."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None

    async def read(self, data: bytes, at: datetime, currency: str) -> CheckedNotice:
        """Read a notice; raises InvalidInput with every reason why it cannot be taken over."""
        if self._limiter is None:  # it belongs to the loop that runs
            self._limiter = anyio.CapacityLimiter(NOTICES_AT_ONCE_MAX)
        return await run_sync(_read, data, at, currency, limiter=self._limiter)


def _read(data: bytes, at: datetime, currency: str) -> CheckedNotice:
    made = draft_of(data, at, currency)
    # Checked as if it came from outside: what a notice says never gets past the rules of a body.
    return CheckedNotice(draft=msgspec.convert(made.terms, ProcedureInput), report=made.report)


async def check_notice(
    platform: Platform, caller: Caller, data: bytes, currency: str
) -> CheckedNotice:
    """Tell what would come of a notice; write nothing. Raises InvalidInput with every reason."""
    caller.require("rfq:write")
    checked = await _checked(platform, caller, data, currency)
    publishing.check_draft_terms(caller, checked.draft)
    return checked


async def _checked(platform: Platform, caller: Caller, data: bytes, currency: str) -> CheckedNotice:
    currency_digits(currency, "?currency")
    async with transaction(platform, caller) as tx:
        at = await tx.clock()
    return await platform.get(NoticeReaders).read(data, at, currency)


@retries_conflicts
async def import_notice(
    platform: Platform, caller: Caller, data: bytes, currency: str, key: IdempotencyKey
) -> ImportedNotice:
    """Make a draft of a notice and keep the account of it beside, or nothing.

    Raises InvalidInput with every reason why it cannot be taken over.
    """
    caller.require("rfq:write")
    # The currency stands beside the body: another one is another request.
    said = hashlib.sha256(key.fingerprint + currency.encode()).digest()
    key = replace(key, fingerprint=said)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ImportedNotice)) is not None:
            return earlier
    # Read outside of a transaction: no connection waits for a parser.
    checked = await _checked(platform, caller, data, currency)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ImportedNotice)) is not None:
            return earlier
        made = await publishing.store_draft(tx, caller, checked.draft)
        await _keep_notice(tx, caller, made, data, checked.report)
        return await keep(tx, key, ImportedNotice(procedure=made, report=checked.report))


async def _keep_notice(
    tx: Transaction, caller: Caller, made: BuyerProcedureView, data: bytes, report: NoticeReport
) -> None:
    digest = hashlib.sha256(data).digest()
    await tx.execute(
        insert(NoticeRow).values(
            procedure_id=made.id,
            buyer_id=caller.organization_id,
            sha256=digest,
            size_bytes=len(data),
            report=msgspec.to_builtins(report),
            imported_by=caller.member_id,
            imported_at=tx.opened_at,
        )
    )
    told = {"format": report.format.value, "notice": report.notice_id, "sha256": digest.hex()}
    tx.record("procedure.imported", "procedure", made.id, after=told)


async def read_notice(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> ProcedureNoticeView:
    """Read which notice a draft of the own company was made of; raises NotFound where of none."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(
                NoticeRow.procedure_id,
                NoticeRow.sha256,
                NoticeRow.size_bytes,
                NoticeRow.imported_by,
                NoticeRow.imported_at,
                NoticeRow.report,
            ).where(
                NoticeRow.procedure_id == procedure_id,
                NoticeRow.buyer_id == caller.organization_id,
            )
        )
    if row is None:
        raise NotFound("There is no such procedure of your company that was made of a notice.")
    return ProcedureNoticeView(
        procedure_id=row.procedure_id,
        sha256=bytes(row.sha256).hex(),
        size_bytes=row.size_bytes,
        imported_by=row.imported_by,
        imported_at=row.imported_at,
        report=msgspec.convert(row.report, NoticeReport),
    )
