"""The audit trail: every change of state in a chain of hashes, one chain per company.

Business transactions write entries to an intake, so that two changes of one company do not wait for
each other; one worker at a time gives them their number and hash. `verify_trail` finds any change,
deletion or re-ordering in what is stored; the head that `heads_of` gives, kept elsewhere, also
finds the truncation of the end.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, cast, delete, func, insert, select

from marketplace.kernel.canonical import (
    GENESIS,
    BrokenLink,
    canonical_bytes,
    chain_hash,
    first_broken_link,
)
from marketplace.kernel.limits import EVENT_BATCH_MAX
from marketplace.platform.database import HasDatabase, Role, Transaction, system_transaction
from marketplace.platform.tables import AuditIntakeRow, AuditRow

CHAINING_LOCK: Final = 0x6D61726B_00000002


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a company's trail."""

    organization_id: UUID
    number: int
    hash: bytes


def entry_bytes(row: Any) -> bytes:
    """Give the canonical bytes of an entry, the same from the intake and from the trail."""
    return canonical_bytes(
        {
            "organization": row.organization_id,
            "entry": row.entry,
            "recorded_at": row.recorded_at,
        }
    )


async def chain_entries(platform: HasDatabase) -> int:
    """Move one batch of entries into their chains; give how many."""
    pool = await platform.database.fast(Role.WORKER)
    if not await pool.fetchval("select exists (select from audit_intake)"):
        return 0  # all that an idle worker asks here
    async with system_transaction(platform, Role.WORKER) as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(CHAINING_LOCK))):
            return 0
        intake = await tx.all(
            select(
                AuditIntakeRow.id,
                AuditIntakeRow.organization_id,
                AuditIntakeRow.entry,
                AuditIntakeRow.recorded_at,
            )
            .order_by(AuditIntakeRow.id)
            .limit(EVENT_BATCH_MAX)
        )
        if not intake:
            return 0
        heads = {
            h.organization_id: h
            for h in await heads_of(tx, {row.organization_id for row in intake})
        }
        numbers = defaultdict(int, {k: h.number for k, h in heads.items()})
        hashes = defaultdict(lambda: GENESIS, {k: h.hash for k, h in heads.items()})
        rows = []
        for row in intake:
            organization = row.organization_id
            numbers[organization] += 1
            hashes[organization] = chain_hash(hashes[organization], entry_bytes(row))
            rows.append(
                {
                    "organization_id": organization,
                    "number": numbers[organization],
                    "entry": row.entry,
                    "recorded_at": row.recorded_at,
                    "hash": hashes[organization],
                }
            )
        await tx.execute(insert(AuditRow), rows)
        await tx.execute(
            delete(AuditIntakeRow).where(AuditIntakeRow.id.in_([row.id for row in intake]))
        )
    return len(rows)


async def heads_of(tx: Transaction, organizations: set[UUID]) -> list[Head]:
    """Give the ends of these companies' trails, of those that have begun.

    One step into the index per company, however long its trail is.
    """
    asked = func.unnest(cast(list(organizations), ARRAY(Uuid))).column_valued("asked")
    end = (
        select(AuditRow.number, AuditRow.hash)
        .where(AuditRow.organization_id == asked)
        .order_by(AuditRow.number.desc())
        .limit(1)
        .lateral("trail_end")
    )
    rows = await tx.all(select(asked.label("organization_id"), end.c.number, end.c.hash))
    return [Head(row.organization_id, row.number, row.hash) for row in rows]


async def verify_trail(tx: Transaction, organization_id: UUID) -> BrokenLink | None:
    """Find the first entry of a company's trail that does not fit; None if all do.

    Numbers must follow without gap from one; a head kept elsewhere finds a cut end. A trail of any
    length is read in batches.
    """
    checked, previous = 0, GENESIS
    while rows := await _entries_after(tx, organization_id, checked):
        links = (
            # An entry under another number than its place fits nowhere.
            (entry_bytes(row) if row.number == place else b"", row.hash)
            for place, row in enumerate(rows, start=checked + 1)
        )
        broken = first_broken_link(links, checked=checked, previous=previous)
        if broken is not None:
            return broken
        checked, previous = checked + len(rows), rows[-1].hash
    return None


async def _entries_after(tx: Transaction, organization_id: UUID, number: int) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            AuditRow.organization_id,
            AuditRow.number,
            AuditRow.entry,
            AuditRow.recorded_at,
            AuditRow.hash,
        )
        .where(AuditRow.organization_id == organization_id, AuditRow.number > number)
        .order_by(AuditRow.number)
        .limit(EVENT_BATCH_MAX)
    )
