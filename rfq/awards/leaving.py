"""Awards that do not come about, or end: withdrawn, declined, failed; and lots that end without.

Whoever falls away gives way: his contract ends or never begins, and what he was to deliver is open
in the lot again, for the next of its ranking.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from marketplace.contracts.signing import end_contract, is_in_signing
from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.timers import set_timer
from rfq.awards.proposals import (
    Award,
    Proposal,
    buyer_of,
    drop_proposal,
    hold_proposal,
    move_award,
    move_lot,
    read_awards,
    record,
    return_lot,
    withdraw_pending,
)
from rfq.awards.reading import proposal_view, supplier_award_view
from rfq.awards.schemas import (
    AwardDeclineInput,
    AwardFailureInput,
    AwardProposalView,
    AwardWithdrawalInput,
    LotEndInput,
    SupplierAwardView,
)
from rfq.awards.tables import AwardRow, ProposalRow
from rfq.bids.receiving import bids_lock, hold_own
from rfq.ocds.steps import tell_award_ended, tell_progress
from rfq.procedures.publishing import check_version
from rfq.procedures.reading import Loaded, buyer_view, load
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.procedure import LotAction, Party, check_bids_readable, check_words
from rfq.rules.settlement import (
    AWARD,
    AwardAction,
    AwardStatus,
    ProposalAction,
    ProposalStatus,
    check_decline,
)

DECLINED_TIMER: Final = "rfq.declined_award"


@retries_conflicts
async def withdraw_proposal(
    platform: Platform, caller: Caller, proposal_id: UUID, data: AwardWithdrawalInput, version: int
) -> AwardProposalView:
    """Take a proposal back before it is awarded; the lot is to be decided again.

    Raises NotFound, StaleVersion, WrongState once it is awarded, InvalidInput without a reason.
    """
    caller.require("rfq:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        await withdraw_pending(tx, proposal_id)
        loaded, proposal = await hold_proposal(tx, proposal_id)
        _check_version(proposal, version)
        action = ProposalAction.WITHDRAW
        await drop_proposal(tx, loaded, proposal, action, Party.BUYER, data.reason)
        return await proposal_view(tx, loaded, proposal_id)


def _check_version(proposal: Proposal, version: int) -> None:
    if proposal.row.version != version:
        detail = f"The proposal is at version {proposal.row.version}, not {version}."
        raise StaleVersion(detail)


@retries_conflicts
async def decline_award(
    platform: Platform, caller: Caller, award_id: UUID, data: AwardDeclineInput
) -> SupplierAwardView:
    """Refuse an award before its contract is in force; the next of the ranking follows.

    Raises NotFound, WrongState, Conflict once the contract is in force, InvalidInput without a
    reason.
    """
    view = await _decline(platform, caller, award_id, data)
    # The buyer's rows are not the winner's to write; should this process die here, a timer does it.
    await give_way(platform, award_id)
    return view


async def _decline(
    platform: Platform, caller: Caller, award_id: UUID, data: AwardDeclineInput
) -> SupplierAwardView:
    caller.require("bids:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        procedure_id = await _procedure_of(tx, award_id, AwardRow.supplier_id, caller)
        # Shared with bids, alone for the end of the standstill.
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
        loaded = await load(tx, procedure_id)
        award = (await read_awards(tx, loaded, AwardRow.id == award_id))[0]
        signing = award.contract_id is not None and await is_in_signing(tx, award.contract_id)
        if award.status is AwardStatus.AWARDED:
            check_decline(in_force=not signing)
        at = await tx.clock()
        action = AwardAction.DECLINE
        await move_award(tx, award, action, ended_because=data.reason, ended_at=at)
        await set_timer(tx, DECLINED_TIMER, award_id, at)
        facts: dict[str, object] = {
            "procedure_id": procedure_id,
            "lot_id": award.lot_id,
            "reason": data.reason,
        }
        audience = frozenset([loaded.procedure.buyer_id, caller.organization_id])
        tx.emit(Event("award.declined", "award", award_id, 2, audience, facts))
        tx.record("award.declined", "award", award_id, after=facts)
        return await supplier_award_view(tx, award_id)


async def _procedure_of(tx: Transaction, award_id: UUID, party: Any, caller: Caller) -> UUID:
    procedure_id: UUID | None = await tx.scalar(
        select(AwardRow.procedure_id).where(
            AwardRow.id == award_id, party == caller.organization_id
        )
    )
    if procedure_id is None:
        raise NotFound("There is no such award of your company.")
    return procedure_id


@retries_conflicts
async def give_way(platform: Platform, award_id: UUID) -> None:
    """Open again what a winner declined: once, by his own request or by the timer it set."""
    buyer_id = await buyer_of(platform, AwardRow, award_id)
    if buyer_id is None:
        return
    async with system_transaction(platform, Role.API, organization_id=buyer_id) as tx:
        proposal_id = await tx.scalar(select(AwardRow.proposal_id).where(AwardRow.id == award_id))
        await withdraw_pending(tx, proposal_id)
        loaded, proposal = await hold_proposal(tx, proposal_id)
        award = next(each for each in proposal.awards if each.id == award_id)
        if await _released(tx, award):
            return
        await _release(tx, loaded, proposal, award, "The winner declined.", Party.CLOCK)


async def _released(tx: Transaction, award: Award) -> bool:
    released_at = await tx.scalar(select(AwardRow.released_at).where(AwardRow.id == award.id))
    return released_at is not None


@retries_conflicts
async def fail_award(
    platform: Platform, caller: Caller, award_id: UUID, data: AwardFailureInput, version: int
) -> AwardProposalView:
    """Say that a winner falls away: bankrupt, excluded, or does not sign; the next follows.

    `version` is the proposal's. His contract ends, or never begins; orders placed before stand.
    Raises NotFound, StaleVersion, WrongState, InvalidInput without a reason.
    """
    caller.require("rfq:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        await _procedure_of(tx, award_id, AwardRow.buyer_id, caller)
        proposal_id = await tx.scalar(select(AwardRow.proposal_id).where(AwardRow.id == award_id))
        await withdraw_pending(tx, proposal_id)
        loaded, proposal = await hold_proposal(tx, proposal_id)
        _check_version(proposal, version)
        award = next(each for each in proposal.awards if each.id == award_id)
        AWARD.after(award.status, AwardAction.FAIL)
        await move_award(
            tx,
            award,
            AwardAction.FAIL,
            cause=data.cause.value,
            ended_because=data.reason,
            ended_at=await tx.clock(),
        )
        proposal = (await hold_proposal(tx, proposal_id))[1]
        await _release(tx, loaded, proposal, award, data.reason, Party.BUYER)
        facts: dict[str, object] = {
            "procedure_id": loaded.procedure.id,
            "lot_id": award.lot_id,
            "cause": data.cause,
            "reason": data.reason,
        }
        # Nobody learns of it before he was told that he would win.
        known = proposal.status is not ProposalStatus.IN_APPROVAL
        audience = {loaded.procedure.buyer_id} | ({award.supplier_id} if known else set())
        tx.emit(Event("award.failed", "award", award_id, 2, frozenset(audience), facts))
        tx.record("award.failed", "award", award_id, after=facts)
        return await proposal_view(tx, loaded, proposal_id)


async def _release(
    tx: Transaction, loaded: Loaded, proposal: Proposal, award: Award, reason: str, party: Party
) -> None:
    """Give what was awarded back to the lot, and end the contract where there is one."""
    if proposal.status is not ProposalStatus.AWARDED:
        await drop_proposal(tx, loaded, proposal, ProposalAction.WITHDRAW, party, reason)
    else:
        signing, contract_id = False, award.contract_id
        if contract_id is not None:
            signing = await is_in_signing(tx, contract_id)
            await end_contract(tx, contract_id, reason)
        await _reopen(tx, loaded, proposal)
        await tell_award_ended(
            tx, loaded.procedure.id, award.id, contract_id, was_signed=not signing
        )
    await tx.execute(
        update(AwardRow).where(AwardRow.id == award.id).values(released_at=await tx.clock())
    )
    await tx.execute(
        update(ProposalRow)
        .where(ProposalRow.id == proposal.id)
        .values(version=ProposalRow.version + 1)
    )


async def _reopen(tx: Transaction, loaded: Loaded, proposal: Proposal) -> None:
    """Let the lot be decided again, unless an earlier winner who fell away has opened it."""
    lot_id = proposal.row.lot_id
    if loaded.lot_statuses[lot_id].value == ProposalStatus.AWARDED.value:
        await return_lot(tx, loaded, lot_id)
    facts: dict[str, object] = {"lot_id": lot_id}
    record(tx, loaded, "award.reopened", proposal.id, facts)


@retries_conflicts
async def end_lot(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    lot_id: UUID,
    data: LotEndInput,
    version: int,
) -> BuyerProcedureView:
    """End a lot that is open: unsuccessful, or with the awards that stand.

    Raises NotFound, StaleVersion, WrongState, InvalidInput without a reason.
    """
    caller.require("rfq:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        loaded = await hold_own(tx, caller, procedure_id)
        check_version(loaded, version)
        check_bids_readable(loaded.procedure)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        standing = await _standing(tx, lot_id)
        after = await move_lot(tx, loaded, lot_id, LotAction.KEEP if standing else LotAction.FAIL)
        facts: dict[str, object] = {
            "lot_id": lot_id,
            "status": after.lot_statuses[lot_id],
            "reason": data.reason,
        }
        _tell_ended(tx, after, facts)
        await tell_progress(tx, loaded)
        return await buyer_view(tx, after)


async def _standing(tx: Transaction, lot_id: UUID) -> Row[Any] | None:
    return await tx.maybe(
        select(AwardRow.id)
        .where(AwardRow.lot_id == lot_id, AwardRow.status == AwardStatus.AWARDED.value)
        .limit(1)
    )


def _tell_ended(tx: Transaction, loaded: Loaded, facts: Mapping[str, object]) -> None:
    procedure = loaded.procedure
    audience = loaded.may_be_seen_by()
    tx.emit(Event("lot.ended", "procedure", procedure.id, loaded.version, audience, facts))
    tx.record("lot.ended", "procedure", procedure.id, after=facts)
