"""Awards that wait for a second person: above which amount, and what an approval sets off."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.approvals.awards import threshold_rule
from marketplace.approvals.rules import Requester, needs_approval
from marketplace.approvals.service import ask_approval
from marketplace.approvals.tables import AwardPolicyRow
from marketplace.kernel.errors import Conflict, StaleVersion
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.organizations.tree import present_path
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.awards.proposals import APPROVAL, Proposal, drop_proposal, hold_proposal, move_proposal
from rfq.awards.schemas import AwardPolicyInput, AwardPolicyView
from rfq.awards.settling import go_on
from rfq.procedures.reading import Loaded
from rfq.rules.procedure import Party
from rfq.rules.settlement import ProposalAction
from rfq.validity.reading import why_not_to_conclude


async def ask_or_go_on(
    tx: Transaction,
    caller: Caller,
    loaded: Loaded,
    proposal: Proposal,
    at: datetime,
    *,
    decided: Money | None = None,
) -> Loaded:
    """Let a new proposal wait where the company's policy says so; else it goes on at once.

    The amount that counts is what is `decided` in all, where lots are decided together. Gives the
    procedure as it is then.
    """
    rule = await threshold_rule(tx, caller.organization_id)
    requester = Requester(caller.member_id, caller.roles, None)
    amount = Money(proposal.row.total, proposal.row.currency)
    if rule is None or not needs_approval(rule, requester, decided or amount):
        return await go_on(tx, loaded, proposal, at)
    approval_id = new_id()
    await ask_approval(
        tx,
        rule,
        requester,
        approval_id=approval_id,
        unit_path=await _path(tx, loaded),
        subject_kind=APPROVAL,
        subject_id=proposal.id,
        title=f"Award of {loaded.row.title}",
        amount=amount,
        content_hash=proposal.hash(),
    )
    action = ProposalAction.ASK_APPROVAL
    await move_proposal(tx, proposal, action, Party.BUYER, approval_id=approval_id)
    return loaded


async def _path(tx: Transaction, loaded: Loaded) -> Sequence[UUID]:
    """Give the unit that runs the procedure and its ancestors, as the tree is now."""
    return await present_path(tx, loaded.procedure.buyer_id, loaded.row.unit_id)


class AwardApprovals:
    """Proposals of award as documents that wait for approval (`ApprovalSubject`)."""

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Hold the proposal's procedure and hash what is decided, as it is now."""
        _, proposal = await hold_proposal(tx, subject_id)
        return proposal.hash()

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Go on: to the standstill, or to the contracts."""
        loaded, proposal = await hold_proposal(tx, subject_id)
        at = await tx.clock()
        if (why := await why_not_to_conclude(tx, loaded, proposal, at)) is not None:
            raise Conflict(f"{why} Withdraw the proposal, and decide again.")
        await go_on(tx, loaded, proposal, at)

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End the proposal; the lot is to be decided again, and no bidder heard of it."""
        loaded, proposal = await hold_proposal(tx, subject_id)
        reason = "It was not approved."
        await drop_proposal(tx, loaded, proposal, ProposalAction.REJECT, Party.BUYER, reason)


async def read_policy(platform: Platform, caller: Caller) -> AwardPolicyView:
    """Read above which amount awards of the caller's company wait for approval."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        return _view(await _policy(tx, caller.organization_id))


@retries_conflicts
async def put_policy(
    platform: Platform, caller: Caller, data: AwardPolicyInput, version: int
) -> AwardPolicyView:
    """Say above which amount awards of the caller's company wait; what waits already still does.

    `version` is 0 where there was no policy. Raises StaleVersion.
    """
    caller.require("rfq:administer")
    above = None if data.approval_above is None else data.approval_above.value("/approval_above")
    values: dict[str, object] = {
        "approval_above": None if above is None else above.amount,
        "currency": None if above is None else above.currency,
        "changed_by": caller.member_id,
    }
    async with transaction(platform, caller) as tx:
        before = _view(await _policy(tx, caller.organization_id))
        if before.version != version:
            raise StaleVersion(f"The policy is at version {before.version}, not {version}.")
        values["changed_at"] = await tx.clock()
        owner = {"organization_id": caller.organization_id}
        changed = await tx.scalar(
            upsert(AwardPolicyRow)
            .values(**owner, **values, version=1)
            .on_conflict_do_update(
                index_elements=["organization_id"],
                set_={**values, "version": version + 1},
                where=AwardPolicyRow.version == version,
            )
            .returning(AwardPolicyRow.version)
        )
        if changed is None:
            raise StaleVersion("The policy was changed meanwhile; read it again.")
        view = _view(await _policy(tx, caller.organization_id))
        tx.record(
            "award_policy.changed",
            "organization",
            caller.organization_id,
            before={"approval_above": before.approval_above},
            after={"approval_above": view.approval_above},
        )
    return view


async def _policy(tx: Transaction, organization_id: UUID) -> Row[Any] | None:
    return await tx.maybe(
        select(
            AwardPolicyRow.version, AwardPolicyRow.approval_above, AwardPolicyRow.currency
        ).where(AwardPolicyRow.organization_id == organization_id)
    )


def _view(row: Row[Any] | None) -> AwardPolicyView:
    if row is None:
        return AwardPolicyView(version=0, approval_above=None)
    above = None
    if row.approval_above is not None:
        above = MoneyView.of(Money(row.approval_above, row.currency))
    return AwardPolicyView(version=row.version, approval_above=above)
