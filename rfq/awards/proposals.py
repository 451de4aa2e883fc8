"""Proposals of award as values: rows read into what the rules decide on, and moved as they say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from marketplace.approvals.service import withdraw_approval
from marketplace.contracts.documents import read_provenance, read_terms
from marketplace.contracts.rules import Provenance
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.money import Money
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from rfq.awards.tables import AwardLineRow, AwardRow, ComplaintRow, NoticeRow, ProposalRow
from rfq.bids.receiving import bids_lock
from rfq.handover.service import ended_auction
from rfq.ocds.steps import tell_not_awarded
from rfq.procedures.reading import Loaded, load
from rfq.rules import settlement as rules
from rfq.rules.award import Breakdown
from rfq.rules.evaluation import PricedLine
from rfq.rules.procedure import LOT, Line, LotAction, Party
from rfq.rules.progress import status_after_lots
from rfq.rules.settlement import (
    AWARD,
    AwardAction,
    AwardStatus,
    ComplaintAction,
    ComplaintStatus,
    ProposalAction,
    ProposalStatus,
)
from rfq.rules.variants import OpenedVariant
from rfq.tables import LotRow, ProcedureRow

APPROVAL: Final = "award"
"""The kind of document that approvals know proposals by."""


@dataclass(frozen=True, slots=True)
class Award:
    """What one supplier gets, with his lines at the quantities that are his."""

    id: UUID
    proposal_id: UUID
    lot_id: UUID
    supplier_id: UUID
    bid_id: UUID
    status: AwardStatus
    rank: int
    share: int | None
    breakdown: Breakdown
    contract_id: UUID | None
    provenance: tuple[Provenance, ...]
    variant: OpenedVariant | None = None

    def quantities(self) -> dict[UUID, Decimal]:
        """Give what is awarded, by line."""
        return {line.line.id: line.line.quantity for line in self.breakdown.lines}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as stored; `status` is what a reader sees, `stopped_at` since when it is so."""

    row: Row[Any]
    status: ProposalStatus
    stopped_at: datetime | None
    awards: tuple[Award, ...]

    @property
    def id(self) -> UUID:
        """Its identifier."""
        id_: UUID = self.row.id
        return id_

    def hash(self) -> bytes:
        """Give the hash of what was decided, to which an approval is bound."""
        return content_hash(
            {
                "form": "rfq.proposal/1",
                "id": self.id,
                "lot_id": self.row.lot_id,
                "reason": self.row.reason,
                "computation": self.row.computation,
                "days": [self.row.first_day, self.row.last_day, self.row.time_zone],
                "awards": [
                    [award.supplier_id, award.bid_id, award.rank, award.share, *_lines(award)]
                    for award in self.awards
                ],
            }
        )


def _lines(award: Award) -> list[list[object]]:
    return [
        [line.line.id, line.line.quantity, line.unit_amount, line.basis, line.amount.amount]
        for line in award.breakdown.lines
    ]


async def hold(tx: Transaction, procedure_id: UUID) -> Loaded:
    """Hold a procedure, its bids first, in a transaction of its buyer; raises NotFound.

    Waits for complaints, refusals and breakdowns that are being taken; whoever holds reads the
    clock after.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(bids_lock(procedure_id))))
    return await load(tx, procedure_id, lock=True)


async def hold_proposal(tx: Transaction, proposal_id: UUID) -> tuple[Loaded, Proposal]:
    """Hold a proposal's procedure, and give both; raises NotFound where it is not the buyer's."""
    procedure_id = await tx.scalar(
        select(ProposalRow.procedure_id).where(ProposalRow.id == proposal_id)
    )
    if procedure_id is None:
        raise NotFound("There is no such proposal of award.")
    loaded = await hold(tx, procedure_id)
    return loaded, (await read_proposals(tx, loaded, ProposalRow.id == proposal_id))[0]


async def read_proposals(tx: Transaction, loaded: Loaded, *conditions: Any) -> list[Proposal]:
    """Read proposals of a procedure, the first first, with their awards."""
    rows = await tx.all(
        select(
            ProposalRow.id,
            ProposalRow.version,
            ProposalRow.procedure_id,
            ProposalRow.lot_id,
            ProposalRow.buyer_id,
            ProposalRow.status,
            ProposalRow.reason,
            ProposalRow.total,
            ProposalRow.currency,
            ProposalRow.first_day,
            ProposalRow.last_day,
            ProposalRow.time_zone,
            ProposalRow.computation,
            ProposalRow.approval_id,
            ProposalRow.standstill_until,
            ProposalRow.ended_because,
            ProposalRow.proposed_by,
            ProposalRow.proposed_at,
            ProposalRow.settled_at,
        )
        .where(ProposalRow.procedure_id == loaded.procedure.id, *conditions)
        .order_by(ProposalRow.id)
    )
    ids = [row.id for row in rows]
    complaints = await tx.all(
        select(ComplaintRow.proposal_id, func.min(ComplaintRow.filed_at).label("filed_at"))
        .where(
            ComplaintRow.proposal_id.in_(ids),
            ComplaintRow.status == ComplaintStatus.FILED.value,
        )
        .group_by(ComplaintRow.proposal_id)
    )
    stopped = {each.proposal_id: each.filed_at for each in complaints}
    awards = defaultdict(list)
    for award in await read_awards(tx, loaded, AwardRow.proposal_id.in_(ids)):
        awards[award.proposal_id].append(award)
    return [
        Proposal(
            row,
            rules.present_status(ProposalStatus(row.status), int(row.id in stopped)),
            stopped.get(row.id),
            tuple(awards[row.id]),
        )
        for row in rows
    ]


async def read_awards(tx: Transaction, loaded: Loaded, *conditions: Any) -> list[Award]:
    """Read awards that this transaction may see, with their lines."""
    rows, lines = await stored_awards(tx, AwardRow.procedure_id == loaded.procedure.id, *conditions)
    asked = {line.id: line for lot in loaded.procedure.lots for line in lot.lines}
    return [
        Award(
            id=row.id,
            proposal_id=row.proposal_id,
            lot_id=row.lot_id,
            supplier_id=row.supplier_id,
            bid_id=row.bid_id,
            status=AwardStatus(row.status),
            rank=row.rank,
            share=row.share,
            breakdown=Breakdown(
                tuple(_priced(asked[line.line_id], line, row.currency) for line in lines[row.id]),
                Money(row.total, row.currency),
            ),
            contract_id=row.contract_id,
            provenance=read_provenance(row.provenance),
            variant=None if row.variant is None else OpenedVariant(**row.variant),
        )
        for row in rows
    ]


def _priced(asked: Line, row: Row[Any], currency: str) -> PricedLine:
    return PricedLine(
        replace(asked, quantity=row.quantity),
        row.unit_amount,
        row.basis,
        currency,
        row.sku,
        None if row.terms is None else read_terms(row.terms),
    )


async def stored_awards(
    tx: Transaction, *conditions: Any
) -> tuple[Sequence[Row[Any]], Mapping[UUID, Sequence[Row[Any]]]]:
    """Give the rows of awards that this transaction may see, and of their lines, by award."""
    rows = await tx.all(
        select(
            AwardRow.id,
            AwardRow.proposal_id,
            AwardRow.procedure_id,
            AwardRow.lot_id,
            AwardRow.supplier_id,
            AwardRow.bid_id,
            AwardRow.variant,
            AwardRow.status,
            AwardRow.rank,
            AwardRow.share,
            AwardRow.reason,
            AwardRow.total,
            AwardRow.currency,
            AwardRow.contract_id,
            AwardRow.content_hash,
            AwardRow.provenance,
            AwardRow.awarded_at,
            AwardRow.cause,
            AwardRow.ended_because,
            AwardRow.ended_at,
        )
        .where(*conditions)
        .order_by(AwardRow.id)
    )
    found = await tx.all(
        select(
            AwardLineRow.award_id,
            AwardLineRow.line_id,
            AwardLineRow.sku,
            AwardLineRow.quantity,
            AwardLineRow.unit_amount,
            AwardLineRow.basis,
            AwardLineRow.amount,
            AwardLineRow.terms,
        )
        .where(AwardLineRow.award_id.in_([row.id for row in rows]))
        .order_by(AwardLineRow.award_id, AwardLineRow.position)
    )
    lines: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for line in found:
        lines[line.award_id].append(line)
    return rows, lines


async def move_proposal(
    tx: Transaction,
    proposal: Proposal,
    action: ProposalAction,
    party: Party,
    **values: object,
) -> ProposalStatus:
    """Move a proposal as the rules say; raises NotPermitted, WrongState."""
    status = rules.moved(proposal.status, action, party)
    await tx.execute(
        update(ProposalRow)
        .where(ProposalRow.id == proposal.id)
        .values(status=status.value, version=ProposalRow.version + 1, **values)
    )
    return status


async def move_award(
    tx: Transaction, award: Award, action: AwardAction, **values: object
) -> AwardStatus:
    """Move the award to one supplier as the rules say; raises WrongState."""
    status = AWARD.after(award.status, action)
    await tx.execute(
        update(AwardRow).where(AwardRow.id == award.id).values(status=status.value, **values)
    )
    return status


async def move_lot(tx: Transaction, loaded: Loaded, lot_id: UUID, action: LotAction) -> Loaded:
    """Move a lot, and its procedure with it where that settles or reopens it; give it anew."""
    status = LOT.after(loaded.lot_statuses[lot_id], action)
    statuses = {**loaded.lot_statuses, lot_id: status}
    after = status_after_lots(loaded.procedure.status, list(statuses.values()))
    await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=status.value))
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == loaded.procedure.id)
        .values(status=after.value, version=ProcedureRow.version + 1)
    )
    return loaded.moved(lot_id, status, after)


async def return_lot(tx: Transaction, loaded: Loaded, lot_id: UUID) -> Loaded:
    """Let a lot be decided again: from its auction where that ended, else from its bids."""
    auctioned = await ended_auction(tx, lot_id) is not None
    return await move_lot(tx, loaded, lot_id, rules.lot_return(auctioned=auctioned))


async def drop_proposal(
    tx: Transaction,
    loaded: Loaded,
    proposal: Proposal,
    action: ProposalAction,
    party: Party,
    reason: str,
) -> Loaded:
    """End a proposal that is not awarded: its awards with it, its lot to be decided again.

    Its pending approval was withdrawn before its procedure was held (see `approvals.ports`).
    """
    at = await tx.clock()
    await move_proposal(tx, proposal, action, party, ended_because=reason, settled_at=at)
    for award in proposal.awards:
        if award.status is AwardStatus.PROPOSED:
            await move_award(tx, award, AwardAction.DROP, released_at=at)
    lapsed = rules.COMPLAINT.after(ComplaintStatus.FILED, ComplaintAction.LAPSE)
    await tx.execute(
        update(ComplaintRow)
        .where(
            ComplaintRow.proposal_id == proposal.id,
            ComplaintRow.status == ComplaintStatus.FILED.value,
        )
        .values(
            status=lapsed.value, answer=reason, answered_at=at, version=ComplaintRow.version + 1
        )
    )
    told = await tx.all(
        update(NoticeRow)
        .where(NoticeRow.proposal_id == proposal.id)
        .values(withdrawn_at=at)
        .returning(NoticeRow.bidder_id)
    )
    after = await return_lot(tx, loaded, proposal.row.lot_id)
    facts: dict[str, object] = {
        "procedure_id": loaded.procedure.id,
        "lot_id": proposal.row.lot_id,
        "reason": reason,
    }
    audience = frozenset([loaded.procedure.buyer_id, *(row.bidder_id for row in told)])
    version = proposal.row.version + 1
    tx.emit(Event("award.withdrawn", "award_proposal", proposal.id, version, audience, facts))
    record(tx, loaded, "award.withdrawn", proposal.id, facts)
    if proposal.row.standstill_until is not None:
        await tell_not_awarded(tx, after, [award.id for award in proposal.awards])
    return after


def record(
    tx: Transaction, loaded: Loaded, action: str, proposal_id: UUID, facts: Mapping[str, object]
) -> None:
    """Write to the buyer's audit trail what became of a proposal, whoever moved it."""
    tx.record(
        action,
        "award_proposal",
        proposal_id,
        after=facts,
        organization_id=loaded.procedure.buyer_id,
    )


async def withdraw_pending(tx: Transaction, proposal_id: UUID) -> None:
    """Withdraw a pending approval, before the procedure is held: that is the order of locks."""
    await withdraw_approval(tx, APPROVAL, proposal_id)


async def buyer_of(
    platform: Platform, table: type[ProposalRow | AwardRow], row_id: UUID
) -> UUID | None:
    """Give whose proposal or award this is, for work that no member asked for."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        buyer_id: UUID | None = await tx.scalar(select(table.buyer_id).where(table.id == row_id))
    return buyer_id
