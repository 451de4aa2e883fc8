"""The door through which sealed bids come: its locks, its clock, and who may pass.

Lock order: the procedure's bids (shared; the closing takes it alone), then the bidder's own. What
counts is when all of the request was here: the clock, read after both locks, less the time it has
waited since. The closing waits a while for bids that had arrived (`rfq.procedures.settling`) and
for every transaction that has the lock; none gets in behind it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Uuid,
    bindparam,
    func,
    select,
    true,
)

from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from rfq.procedures.known import KnownProcedures
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load, no_such_procedure
from rfq.rules import procedure as rules
from rfq.rules.bid import BidStatus
from rfq.rules.envelopes import Commitments
from rfq.rules.procedure import Procedure
from rfq.rules.receipt import Receipt
from rfq.rules.variants import MAIN
from rfq.tables import ProcedureRow, SealedBidRow


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a bid as it is stored, but for its envelope; `parts` are there with two."""

    procedure_id: UUID
    bidder_id: UUID
    id: UUID
    version: int
    status: BidStatus
    terms_version: int
    submitted_at: datetime
    commitment: bytes
    parts: Commitments | None = None
    variant: int = MAIN

    def receipt(self) -> Receipt:
        """Give what its receipt says."""
        return Receipt(
            self.procedure_id,
            self.bidder_id,
            self.id,
            self.version,
            self.submitted_at,
            self.commitment,
            self.variant,
        )


def version_of(row: Row[Any], procedure_id: UUID, bidder_id: UUID) -> Version:
    """Read a row of the columns `VERSION`."""
    return Version(
        procedure_id=procedure_id,
        bidder_id=bidder_id,
        id=row.id,
        version=row.version,
        status=BidStatus(row.status),
        terms_version=row.terms_version,
        submitted_at=row.submitted_at,
        commitment=bytes(row.commitment),
        parts=None
        if row.technical_commitment is None
        else Commitments(bytes(row.technical_commitment), bytes(row.financial_commitment)),
        variant=row.variant,
    )


_LOCKS: Final = select(
    func.pg_advisory_xact_lock_shared(bindparam("all_bids", type_=BigInteger)),
    func.pg_advisory_xact_lock(bindparam("own", type_=BigInteger)),
)
_BIDDER: Final = bindparam("bidder", type_=Uuid)
VERSION: Final = (
    SealedBidRow.id,
    SealedBidRow.version,
    SealedBidRow.status,
    SealedBidRow.terms_version,
    SealedBidRow.submitted_at,
    SealedBidRow.commitment,
    SealedBidRow.technical_commitment,
    SealedBidRow.financial_commitment,
    SealedBidRow.variant,
)
"""The columns of a `Version`."""


def _receiving(which: ColumnElement[bool]) -> Select[Any]:
    """Select what decides whether a bid is received, with the latest version of one of his own."""
    latest = (
        select(*VERSION)
        .where(
            SealedBidRow.procedure_id == bindparam("procedure"),
            SealedBidRow.bidder_id == _BIDDER,
            which,
        )
        .order_by(SealedBidRow.version.desc())
        .limit(1)
        .lateral("latest")
    )
    return (
        select(
            ProcedureRow.version.label("row_version"),
            ProcedureRow.status.label("procedure_status"),
            ProcedureRow.deadline_at,
            (ProcedureRow.audience.any_() == _BIDDER).label("invited"),
            select(OrganizationRow.supplier & OrganizationRow.active)
            .where(OrganizationRow.id == _BIDDER)
            .scalar_subquery()
            .label("sells"),
            func.clock().label("at"),
            *latest.c,
        )
        .select_from(ProcedureRow)
        .outerjoin(latest, true())
        .where(ProcedureRow.id == bindparam("procedure"))
    )


_RECEIVING_NUMBERED: Final = _receiving(SealedBidRow.variant == bindparam("variant"))
_RECEIVING_NAMED: Final = _receiving(SealedBidRow.id == bindparam("bid", type_=Uuid))


def bids_lock(procedure_id: UUID) -> int:
    """Give the number of the advisory lock on a procedure's bids."""
    return _lock_number(f"rfq.bids/{procedure_id}")


async def hold_own(tx: Transaction, caller: Caller, procedure_id: UUID) -> Loaded:
    """Hold a procedure of the caller's company, its bids first; raises NotFound.

    Waits for bids, questions and breakdowns that are being taken; whoever holds reads the clock
    after.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(bids_lock(procedure_id))))
    return await load_own(tx, caller, procedure_id, lock=True)


def _lock_number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


async def load_for_bidder(tx: Transaction, caller: Caller, procedure_id: UUID) -> Loaded:
    """Read a procedure the caller's company may bid in; raises NotFound, NotPermitted."""
    bidder_id = caller.organization_id
    loaded = await load(tx, procedure_id)
    sells = await tx.scalar(
        select(OrganizationRow.supplier & OrganizationRow.active).where(
            OrganizationRow.id == bidder_id
        )
    )
    invited = bidder_id in loaded.row.audience
    rules.check_bidder(loaded.procedure, bidder_id, invited=invited, sells=bool(sells))
    return loaded


async def numbers_of(tx: Transaction, caller: Caller, procedure_id: UUID) -> Mapping[int, bool]:
    """Give the numbers of the caller's offers, main bid and variants, and whether each is live."""
    rows = await tx.all(
        select(
            SealedBidRow.variant,
            func.bool_or(SealedBidRow.status == BidStatus.LIVE.value).label("live"),
        )
        .where(
            SealedBidRow.procedure_id == procedure_id,
            SealedBidRow.bidder_id == caller.organization_id,
        )
        .group_by(SealedBidRow.variant)
    )
    return {row.variant: row.live for row in rows}


async def receiving(
    platform: Platform,
    tx: Transaction,
    caller: Caller,
    procedure_id: UUID,
    bid_id: UUID | None = None,
    *,
    variant: int = MAIN,
) -> tuple[Procedure, Version | None, datetime]:
    """Take the locks; give the procedure, the bidder's latest version and when the request arrived.

    It is the version of his bid `bid_id`, or of that with this number, which is his main bid.

    Two statements, and two more where this process does not know the procedure's version yet. The
    second is one of its own: it sees what was committed while the locks were waited for.
    """
    bidder_id = caller.organization_id
    locks = {
        "all_bids": bids_lock(procedure_id),
        "own": _lock_number(f"rfq.bidder/{procedure_id}/{bidder_id}"),
    }
    await tx.execute(_LOCKS, locks)
    # Before the clock is read: so the instant is never earlier than the request was here.
    waited = caller.arrival.ago()
    asked = {"procedure": procedure_id, "bidder": bidder_id}
    if bid_id is None:
        found = await tx.maybe(_RECEIVING_NUMBERED, {**asked, "variant": variant})
    else:
        found = await tx.maybe(_RECEIVING_NAMED, {**asked, "bid": bid_id})
    if found is None:
        raise no_such_procedure()
    known = platform.get(KnownProcedures)
    procedure = known.at(procedure_id, found.row_version)
    if procedure is None:
        procedure = known.keep(await load(tx, procedure_id))
    procedure = replace(
        procedure, status=rules.Status(found.procedure_status), deadline_at=found.deadline_at
    )
    rules.check_bidder(procedure, bidder_id, invited=found.invited, sells=bool(found.sells))
    arrived_at = found.at - waited
    rules.check_receiving(procedure, arrived_at)
    latest = None if found.id is None else version_of(found, procedure_id, bidder_id)
    return procedure, latest, arrived_at
