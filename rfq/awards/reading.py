"""Awards and proposals as their readers see them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.contracts.documents import read_provenance
from marketplace.contracts.reading import provenance_view
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.awards.proposals import Proposal, read_proposals, stored_awards
from rfq.awards.schemas import (
    AwardLineView,
    AwardProposalList,
    AwardProposalView,
    BuyerAwardList,
    BuyerAwardView,
    SupplierAwardList,
    SupplierAwardView,
)
from rfq.awards.tables import AwardRow, ProposalRow
from rfq.hexadecimal import hexadecimal
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.settlement import AwardStatus, Cause
from rfq.rules.variants import OpenedVariant
from rfq.variants.schemas import VariantView


async def list_awards(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> BuyerAwardList | SupplierAwardList:
    """List a procedure's awards: all to its buyer, his own to a supplier. Raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        own = reads_as_buyer(caller, loaded)
        rows, lines = await stored_awards(tx, AwardRow.procedure_id == procedure_id)
    if own:
        return BuyerAwardList(items=[_buyer_view(row, lines) for row in rows])
    return SupplierAwardList(items=[SupplierAwardView(**_shared(row, lines)) for row in rows])


async def supplier_award_view(tx: Transaction, award_id: UUID) -> SupplierAwardView:
    """Show an award to its winner."""
    rows, lines = await stored_awards(tx, AwardRow.id == award_id)
    return SupplierAwardView(**_shared(rows[0], lines))


async def list_proposals(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> AwardProposalList:
    """List what was proposed in an own procedure, the first first; raises NotFound."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        proposals = await read_proposals(tx, loaded)
        rows, lines = await stored_awards(tx, AwardRow.procedure_id == procedure_id)
    return AwardProposalList(items=[_proposal(each, rows, lines) for each in proposals])


async def read_proposal(platform: Platform, caller: Caller, proposal_id: UUID) -> AwardProposalView:
    """Read a proposal of an own procedure; raises NotFound."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        procedure_id = await tx.scalar(
            select(ProposalRow.procedure_id).where(ProposalRow.id == proposal_id)
        )
        if procedure_id is None:
            raise NotFound("There is no such proposal of award.")
        return await proposal_view(tx, await load_own(tx, caller, procedure_id), proposal_id)


async def proposal_view(tx: Transaction, loaded: Loaded, proposal_id: UUID) -> AwardProposalView:
    """Show a proposal as it is now, with its awards."""
    proposal = (await read_proposals(tx, loaded, ProposalRow.id == proposal_id))[0]
    rows, lines = await stored_awards(tx, AwardRow.proposal_id == proposal_id)
    return _proposal(proposal, rows, lines)


def _proposal(
    proposal: Proposal, rows: Sequence[Row[Any]], lines: Mapping[UUID, Sequence[Row[Any]]]
) -> AwardProposalView:
    row = proposal.row
    return AwardProposalView(
        id=row.id,
        version=row.version,
        procedure_id=row.procedure_id,
        lot_id=row.lot_id,
        status=proposal.status,
        reason=row.reason,
        total=MoneyView.of(Money(row.total, row.currency)),
        first_day=row.first_day,
        last_day=row.last_day,
        time_zone=row.time_zone,
        approval_id=row.approval_id,
        standstill_until=row.standstill_until,
        stopped_at=proposal.stopped_at,
        ended_because=row.ended_because,
        proposed_at=row.proposed_at,
        settled_at=row.settled_at,
        awards=[_buyer_view(each, lines) for each in rows if each.proposal_id == row.id],
    )


def _buyer_view(row: Row[Any], lines: Mapping[UUID, Sequence[Row[Any]]]) -> BuyerAwardView:
    return BuyerAwardView(
        **_shared(row, lines),
        rank=row.rank,
        reason=row.reason,
        cause=None if row.cause is None else Cause(row.cause),
    )


def _shared(row: Row[Any], lines: Mapping[UUID, Sequence[Row[Any]]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "proposal_id": row.proposal_id,
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "supplier_id": row.supplier_id,
        "bid_id": row.bid_id,
        "variant": row.variant and VariantView.of(OpenedVariant(**row.variant)),
        "status": AwardStatus(row.status),
        "share": row.share,
        "total": MoneyView.of(Money(row.total, row.currency)),
        "contract_id": row.contract_id,
        "hash": hexadecimal(row.content_hash),
        "awarded_at": row.awarded_at,
        "ended_because": row.ended_because,
        "ended_at": row.ended_at,
        "provenance": [provenance_view(step) for step in read_provenance(row.provenance)],
        "lines": [
            AwardLineView(
                line_id=line.line_id,
                sku=line.sku,
                quantity=plain_decimal(line.quantity),
                unit_amount=plain_decimal(line.unit_amount),
                basis=plain_decimal(line.basis),
                amount=MoneyView.of(Money(line.amount, row.currency)),
            )
            for line in lines.get(row.id, ())
        ],
    }
