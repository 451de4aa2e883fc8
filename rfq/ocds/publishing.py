"""Publish a release: in the transaction of its step, or not at all.

A release shows the state as its step leaves it and commits with the step, so none is lost, doubled,
or late by a step. Its place in the feed is given afterwards (`feeding`). Rows of releases are the
engine's: whoever takes a step, buyer, supplier or timer, writes none as himself.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType, structs
from sqlalchemy import Row, insert, select, update

from auctions.ledger import acting_as_engine
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from rfq.ocds.codelists import ReleaseTag
from rfq.ocds.facts import Asked
from rfq.ocds.release import (
    Amendment,
    Award,
    Bids,
    Contract,
    Party,
    Reference,
    Release,
    Tender,
    encode,
)
from rfq.ocds.tables import ProcessRow, ReleaseRow

RELEASED: Final = "release.published"
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step makes public; `amendment` is completed with the ids of releases."""

    tags: tuple[ReleaseTag, ...]
    tender: Tender | UnsetType = UNSET
    buyer: Reference | UnsetType = UNSET
    parties: list[Party] | UnsetType = UNSET
    bids: Bids | UnsetType = UNSET
    awards: list[Award] | UnsetType = UNSET
    contracts: list[Contract] | UnsetType = UNSET
    amendment: Amendment | None = None


async def begin_process(platform: Platform, tx: Transaction, asked: Asked) -> None:
    """Give a procedure that goes public its ocid; a later change of the prefix does not move it."""
    ocid = f"{platform.settings.ocid_prefix}-{asked.id}"
    async with acting_as_engine(tx):
        await tx.execute(
            insert(ProcessRow).values(
                procedure_id=asked.id, buyer_id=asked.buyer.id, ocid=ocid, chain=GENESIS
            )
        )


async def publish(tx: Transaction, procedure_id: UUID, step: Step) -> None:
    """Publish one step of a process; nothing where the procedure is none.

    A private procedure is none, nor is one that was published before there were releases.
    """
    async with acting_as_engine(tx):
        process = await tx.maybe(_PROCESS.where(ProcessRow.procedure_id == procedure_id))
        if process is None:
            return
        at = _later(await tx.clock(), process.released_at)
        release = _release(process, step, at)
        row = _row(process, release, at)
        await tx.execute(insert(ReleaseRow).values(row))
        await tx.execute(
            update(ProcessRow)
            .where(ProcessRow.procedure_id == procedure_id)
            .values(releases=row["number"], released_at=at, chain=row["chain"])
        )
    facts: dict[str, object] = {
        "procedure_id": procedure_id,
        "ocid": process.ocid,
        "release_id": release.id,
        "tags": row["tags"],
    }
    # Its buyer learns of it here; everybody else reads the feed of releases.
    tx.emit(Event(RELEASED, "release", row["id"], 1, frozenset([process.buyer_id]), facts))


_PROCESS: Final = select(
    ProcessRow.procedure_id,
    ProcessRow.buyer_id,
    ProcessRow.ocid,
    ProcessRow.releases,
    ProcessRow.released_at,
    ProcessRow.chain,
).with_for_update()


def _later(at: datetime, last: datetime | None) -> datetime:
    """Give an instant after the last release's: merges order releases by their dates."""
    return at if last is None else max(at, last + _MOMENT)


def release_id(ocid: str, number: int) -> str:
    """Name a release of a process."""
    return f"{ocid}-{number}"


def _release(process: Row[Any], step: Step, at: datetime) -> Release:
    id_ = release_id(process.ocid, process.releases + 1)
    tender = step.tender
    if step.amendment is not None and tender is not UNSET:
        amendment = structs.replace(
            step.amendment,
            date=rfc3339(at),
            amends_release_id=release_id(process.ocid, process.releases),
            release_id=id_,
        )
        tender = structs.replace(tender, amendments=[amendment])
    return Release(
        ocid=process.ocid,
        id=id_,
        date=rfc3339(at),
        tag=list(step.tags),
        initiation_type="tender",
        parties=step.parties,
        buyer=step.buyer,
        tender=tender,
        bids=step.bids,
        awards=step.awards,
        contracts=step.contracts,
    )


def _row(process: Row[Any], release: Release, at: datetime) -> dict[str, Any]:
    document = encode(release)
    return {
        "id": new_id(),
        "procedure_id": process.procedure_id,
        "number": process.releases + 1,
        "ocid": process.ocid,
        "release_id": release.id,
        "tags": msgspec.to_builtins(release.tag),
        "released_at": at,
        "document": document.decode(),
        "digest": hashlib.sha256(document).digest(),
        "chain": hashlib.sha256(bytes(process.chain) + document).digest(),
    }
