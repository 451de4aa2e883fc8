"""Let a proposal go on: tell the bidders, stand still, conclude the contracts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, distinct, func, select, update

from catalog.products.service import add_private_offers
from marketplace.contracts.concluding import conclude
from marketplace.contracts.documents import provenance_document
from marketplace.contracts.rules import (
    AtExhaustion,
    Commitment,
    ContractDraft,
    ContractPrice,
    Measure,
    Provenance,
    Tier,
)
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.clock import start_of_day
from marketplace.kernel.events import Event
from marketplace.kernel.units import decimals_allowed
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, retries_conflicts, system_transaction
from marketplace.platform.timers import set_timer
from rfq.awards.notices import tell_bidders
from rfq.awards.proposals import (
    Award,
    Proposal,
    buyer_of,
    drop_proposal,
    hold_proposal,
    move_award,
    move_lot,
    move_proposal,
    record,
)
from rfq.awards.tables import AwardLineRow, NoticeRow, ProposalRow
from rfq.negotiation.agreed import call_off_for_lot
from rfq.ocds.facts import Awarded
from rfq.ocds.steps import companies, is_public, tell_awarded, tell_standstill
from rfq.procedures.reading import Loaded
from rfq.rules.award import Breakdown
from rfq.rules.procedure import LotAction, Party
from rfq.rules.settlement import (
    AwardAction,
    AwardStatus,
    ProposalAction,
    check_end,
    first_day,
    standstill_until,
)
from rfq.tables import OpenedBidRow
from rfq.validity.reading import why_not_to_conclude

STANDSTILL_TIMER: Final = "rfq.standstill"


async def go_on(tx: Transaction, loaded: Loaded, proposal: Proposal, at: datetime) -> Loaded:
    """Tell all who bid, and stand still or award; the caller holds the procedure.

    Gives the procedure as it is then.
    """
    until = standstill_until(at, loaded.procedure.awarding)
    await tell_bidders(tx, loaded, proposal, until, at)
    if until is None:
        return await award(tx, loaded, proposal, at, Party.BUYER)
    action = ProposalAction.STAND_STILL
    await move_proposal(tx, proposal, action, Party.BUYER, standstill_until=until)
    await set_timer(tx, STANDSTILL_TIMER, proposal.id, until)
    facts: dict[str, object] = {"lot_id": proposal.row.lot_id, "standstill_until": until}
    record(tx, loaded, "award.standstill", proposal.id, facts)
    award_ids = [each.id for each in proposal.awards]
    await tell_standstill(tx, loaded, proposal.row.lot_id, award_ids)
    return loaded


@retries_conflicts
async def end_standstill(platform: Platform, proposal_id: UUID) -> None:
    """Award what nobody stopped in time: a timer's work, once, however many workers try.

    A winner whose bid ended in the meantime is no longer bound: the lot is to be decided again.
    A complaint that was decided before the end is seen here, for the procedure's lock is waited
    for; none gets in behind it.
    """
    buyer_id = await buyer_of(platform, ProposalRow, proposal_id)
    if buyer_id is None:
        return
    async with system_transaction(platform, Role.API, organization_id=buyer_id) as tx:
        loaded, proposal = await hold_proposal(tx, proposal_id)
        at, until = await tx.clock(), proposal.row.standstill_until
        if until is None or not check_end(proposal.status, until, at):
            return
        why = await why_not_to_conclude(tx, loaded, proposal, at)
        if why is None:
            await award(tx, loaded, proposal, at, Party.CLOCK)
        else:
            action = ProposalAction.WITHDRAW
            await drop_proposal(tx, loaded, proposal, action, Party.CLOCK, why)


async def award(
    tx: Transaction, loaded: Loaded, proposal: Proposal, at: datetime, party: Party
) -> Loaded:
    """Conclude the contracts of a proposal, or have them signed where that is asked for.

    Gives the procedure as it is then.
    """
    await move_proposal(tx, proposal, ProposalAction.AWARD, party, settled_at=at)
    contracts = {
        each.id: await _conclude(tx, loaded, proposal, each, at)
        for each in proposal.awards
        if each.status is AwardStatus.PROPOSED
    }
    winners = [each.supplier_id for each in proposal.awards]
    await call_off_for_lot(tx, proposal.row.lot_id, winners)
    loaded = await move_lot(tx, loaded, proposal.row.lot_id, LotAction.AWARD)
    procedure = loaded.procedure
    facts: dict[str, object] = {"lot_id": proposal.row.lot_id, "status": procedure.status}
    bidders = await _told(tx, proposal)
    audience = frozenset({procedure.buyer_id, *bidders})
    tx.emit(Event("procedure.awarded", "procedure", procedure.id, loaded.version, audience, facts))
    after = {
        **facts,
        "awards": [
            {"id": each.id, "supplier_id": each.supplier_id, "total": each.breakdown.total.amount}
            for each in proposal.awards
        ],
    }
    record(tx, loaded, "procedure.awarded", proposal.id, after)
    if is_public(loaded):
        await _publish(tx, loaded, proposal, contracts, at)
    return loaded


async def _publish(
    tx: Transaction,
    loaded: Loaded,
    proposal: Proposal,
    contracts: Mapping[UUID, UUID],
    at: datetime,
) -> None:
    """Make the awards public, and now how many bids were opened."""
    given = [each for each in proposal.awards if each.id in contracts]
    named = await companies(tx, [each.supplier_id for each in given])
    lot, zone = loaded.procedure.lot(proposal.row.lot_id), proposal.row.time_zone
    begins_on = first_day(proposal.row.first_day, at, zone)
    awarded = [
        Awarded(
            id=each.id,
            lot_id=each.lot_id,
            lot_title=loaded.row.title if lot is None else lot.title,
            supplier=named[each.supplier_id],
            bid_id=each.bid_id,
            is_variant=each.variant is not None,
            total=each.breakdown.total,
            quantities=each.quantities(),
            contract_id=contracts[each.id],
            signed=not loaded.procedure.awarding.signatures,
            begins_at=start_of_day(begins_on, zone),
            ends_at=start_of_day(proposal.row.last_day + timedelta(days=1), zone),
        )
        for each in given
    ]
    opened = await tx.one(
        select(
            func.count().label("bids"),
            func.count(distinct(OpenedBidRow.bidder_id)).label("bidders"),
        ).where(OpenedBidRow.procedure_id == loaded.procedure.id)
    )
    await tell_awarded(
        tx,
        loaded,
        awarded,
        at,
        opened_bids=opened.bids,
        bidders=opened.bidders,
        was_pending=proposal.row.standstill_until is not None,
    )


async def _conclude(
    tx: Transaction, loaded: Loaded, proposal: Proposal, given: Award, at: datetime
) -> UUID:
    made = await _with_skus(tx, loaded, given)
    digest = _hash(proposal, made)
    published_at: datetime = loaded.row.published_at
    provenance = (
        Provenance("rfq.procedure", loaded.procedure.id, published_at, loaded.terms_hash()),
        *made.provenance,
        Provenance("rfq.award", made.id, at, digest.hex()),
    )
    contract_id = await conclude(
        tx,
        _contract(loaded, proposal, made, provenance, at),
        signatures=loaded.procedure.awarding.signatures,
    )
    await move_award(
        tx,
        made,
        AwardAction.AWARD,
        contract_id=contract_id,
        content_hash=digest,
        provenance=provenance_document(provenance),
        awarded_at=at,
    )
    return contract_id


async def _with_skus(tx: Transaction, loaded: Loaded, given: Award) -> Award:
    """Make an offer for this buyer alone of each line whose bid named no SKU."""
    unnamed = [line.line for line in given.breakdown.lines if line.sku is None]
    if not unnamed:
        return given
    things = [(line.description, line.unit) for line in unnamed]
    buyer_id = loaded.procedure.buyer_id
    made = await add_private_offers(tx, given.supplier_id, buyer_id, things)
    skus = {line.id: sku for line, sku in zip(unnamed, made, strict=True)}
    await tx.execute(
        update(AwardLineRow)
        .where(AwardLineRow.award_id == given.id, AwardLineRow.line_id == bindparam("of_line"))
        .values(sku=bindparam("its_sku")),
        [{"of_line": line_id, "its_sku": sku} for line_id, sku in skus.items()],
    )
    lines = (
        line if line.sku is not None else replace(line, sku=skus[line.line.id])
        for line in given.breakdown.lines
    )
    return replace(given, breakdown=Breakdown(tuple(lines), given.breakdown.total))


def _hash(proposal: Proposal, made: Award) -> bytes:
    """Give the hash of what was decided, for the award's own step of provenance."""
    commitment = next(step.hash for step in made.provenance if step.kind == "rfq.bid")
    return content_hash(
        {
            "form": "rfq.award/2",
            "award_id": made.id,
            "lot_id": proposal.row.lot_id,
            "bid_id": made.bid_id,
            "bidder_id": made.supplier_id,
            "commitment": bytes.fromhex(commitment),
            "rank": made.rank,
            "share": made.share,
            "reason": proposal.row.reason,
            "computation": content_hash(proposal.row.computation),
            "total": made.breakdown.total.amount,
            "currency": made.breakdown.total.currency,
            "lines": [
                [
                    line.line.id,
                    line.sku,
                    line.line.quantity,
                    line.unit_amount,
                    line.basis,
                    line.amount.amount,
                ]
                for line in made.breakdown.lines
            ],
        }
    )


def _contract(
    loaded: Loaded,
    proposal: Proposal,
    made: Award,
    provenance: tuple[Provenance, ...],
    at: datetime,
) -> ContractDraft:
    lot = loaded.procedure.lot(proposal.row.lot_id)
    title = loaded.row.title if lot is None else f"{loaded.row.title}: {lot.title}"
    title = title if made.variant is None else f"{title} ({made.variant})"
    return ContractDraft(
        buyer_id=loaded.procedure.buyer_id,
        supplier_id=made.supplier_id,
        title=title,
        currency=loaded.procedure.currency,
        time_zone=proposal.row.time_zone,
        first_day=first_day(proposal.row.first_day, at, proposal.row.time_zone),
        last_day=proposal.row.last_day,
        prices=tuple(
            ContractPrice(
                sku=line.sku or "",
                description=line.line.description,
                unit=line.line.unit,
                basis=line.basis,
                # Of the lot's price there is one tier: from the least quantity there is.
                tiers=(Tier(_least(line.line.unit), line.unit_amount),),
                commitment=_commitment(loaded, line.line.quantity),
                terms=line.terms,
            )
            for line in made.breakdown.lines
        ),
        provenance=provenance,
        framework_id=loaded.procedure.offering.framework_id,
    )


def _commitment(loaded: Loaded, quantity: Decimal) -> Commitment | None:
    """Give the commitment to the awarded quantity, where the procedure says there is one."""
    beyond = loaded.row.beyond_quantity
    if beyond is None:
        return None
    return Commitment(Measure.QUANTITY, cap=quantity, at_exhaustion=AtExhaustion(beyond))


def _least(unit: str) -> Decimal:
    return Decimal(1).scaleb(-decimals_allowed(unit))


async def _told(tx: Transaction, proposal: Proposal) -> frozenset[UUID]:
    rows = await tx.all(select(NoticeRow.bidder_id).where(NoticeRow.proposal_id == proposal.id))
    return frozenset(row.bidder_id for row in rows)
