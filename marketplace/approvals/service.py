"""Ask for approval, decide, withdraw, read."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, update

from marketplace.approvals.ports import ApprovalSubjects
from marketplace.approvals.rules import (
    APPROVAL,
    AboveOwnLimit,
    ApprovalState,
    Decision,
    Request,
    Requester,
    Rule,
    Verdict,
    judge,
    waits_for,
)
from marketplace.approvals.schemas import ApprovalView, DecisionInput, DecisionView
from marketplace.approvals.tables import ApprovalDecisionRow, ApprovalRow
from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money
from marketplace.organizations.rules import check_within
from marketplace.organizations.tree import present_path
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@dataclass(frozen=True, slots=True)
class Said:
    """A decision with the words that came with it."""

    decision: Decision
    comment: str


async def ask_approval(
    tx: Transaction,
    rule: Rule,
    requester: Requester,
    *,
    approval_id: UUID,
    unit_path: Sequence[UUID],
    subject_kind: str,
    subject_id: UUID,
    title: str,
    amount: Money,
    content_hash: bytes,
) -> None:
    """Let a document wait, bound to its content; joins the open transaction.

    `unit_path` leads from the unit that asks up to its company.
    """
    await tx.execute(
        insert(ApprovalRow).values(
            id=approval_id,
            organization_id=unit_path[-1],
            unit_path=list(unit_path),
            subject_kind=subject_kind,
            subject_id=subject_id,
            title=title,
            rule=_rule_document(rule),
            requester_id=requester.member_id,
            amount=amount.amount,
            currency=amount.currency,
            content_hash=content_hash,
            state=ApprovalState.PENDING.value,
            created_at=tx.opened_at,
        )
    )


@retries_conflicts
async def decide(
    platform: Platform,
    caller: Caller,
    approval_id: UUID,
    data: DecisionInput,
    key: IdempotencyKey,
) -> ApprovalView:
    """Approve or reject; the last approval needed lets the document go on, in this transaction.

    Raises NotPermitted for who acts for a unit beside or below the one that asks (where it stands
    now), what `rules.judge` raises, and what the document's own next step raises: then nothing is
    decided and the request still waits.
    """
    caller.require("orders:approve")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ApprovalView)) is not None:
            return earlier
        row = await tx.maybe(_approvals().where(ApprovalRow.id == approval_id).with_for_update())
        if row is None:
            raise NotFound("There is no such request for approval.")
        asking = row.unit_path[0]
        check_within(caller.unit_id, await present_path(tx, row.organization_id, asking))
        said = (await _said_of(tx, [approval_id]))[approval_id]
        subject = platform.get(ApprovalSubjects).of(row.subject_kind)
        present_hash = await subject.content_hash(tx, row.subject_id)
        decision = Decision(caller.member_id, caller.roles, Verdict(data.verdict), await tx.clock())
        state = judge(_request(row, said), decision, present_hash)
        decided = await _store(tx, row, Said(decision, data.comment), state)
        if state is ApprovalState.APPROVED:
            await subject.approved(tx, row.subject_id)
        elif state is ApprovalState.REJECTED:
            await subject.rejected(tx, row.subject_id)
        return await keep(tx, key, _view(decided, [*said, Said(decision, data.comment)]))


async def _store(tx: Transaction, row: Row[Any], said: Said, state: ApprovalState) -> Row[Any]:
    decision = said.decision
    await tx.execute(
        insert(ApprovalDecisionRow).values(
            approval_id=row.id,
            member_id=decision.member_id,
            organization_id=row.organization_id,
            roles=sorted(decision.roles),
            verdict=decision.verdict.value,
            comment=said.comment,
            decided_at=decision.at,
        )
    )
    tx.record(
        f"approval.{decision.verdict.value}",
        row.subject_kind,
        row.subject_id,
        before={"approval": row.id, "state": row.state},
        after={"approval": row.id, "state": state.value, "comment": said.comment},
    )
    over = state is not ApprovalState.PENDING
    return await tx.one(
        update(ApprovalRow)
        .where(ApprovalRow.id == row.id)
        .values(
            state=state.value,
            version=ApprovalRow.version + 1,
            decided_at=decision.at if over else None,
        )
        .returning(*_COLUMNS)
    )


async def pending_approval(tx: Transaction, subject_kind: str, subject_id: UUID) -> Row[Any] | None:
    """Lock and give the pending request of a document (id, content_hash), if there is one.

    Joins the open transaction; before the document is locked.
    """
    return await tx.maybe(
        select(ApprovalRow.id, ApprovalRow.content_hash)
        .where(
            ApprovalRow.subject_kind == subject_kind,
            ApprovalRow.subject_id == subject_id,
            ApprovalRow.state == ApprovalState.PENDING.value,
        )
        .with_for_update()
    )


async def withdraw_approval(tx: Transaction, subject_kind: str, subject_id: UUID) -> None:
    """Withdraw the pending request of a document, if there is one; before the document is locked.

    Joins the open transaction.
    """
    row = await tx.maybe(
        select(ApprovalRow.id, ApprovalRow.state)
        .where(
            ApprovalRow.subject_kind == subject_kind,
            ApprovalRow.subject_id == subject_id,
            ApprovalRow.state == ApprovalState.PENDING.value,
        )
        .with_for_update()
    )
    if row is None:
        return
    state = APPROVAL.after(ApprovalState(row.state), "withdraw")
    await tx.execute(
        update(ApprovalRow)
        .where(ApprovalRow.id == row.id)
        .values(state=state.value, version=ApprovalRow.version + 1, decided_at=tx.opened_at)
    )
    tx.record(
        "approval.withdraw",
        subject_kind,
        subject_id,
        before={"approval": row.id, "state": row.state},
        after={"approval": row.id, "state": state.value},
    )


async def list_approvals(
    platform: Platform, caller: Caller, asked: PageRequest, state: ApprovalState | None
) -> Page[ApprovalView]:
    """List the company's requests, the newest first."""
    caller.require("orders:read")
    statement = _approvals().order_by(ApprovalRow.id.desc()).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ApprovalRow.id < after)
    if state is not None:
        statement = statement.where(ApprovalRow.state == state.value)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        said = await _said_of(tx, [row.id for row in rows])
    views = [_view(row, said[row.id]) for row in rows]
    return page(asked, views, lambda view: view.id)


async def read_approval(platform: Platform, caller: Caller, approval_id: UUID) -> ApprovalView:
    """Read one request of the company; raises NotFound."""
    caller.require("orders:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_approvals().where(ApprovalRow.id == approval_id))
        if row is None:
            raise NotFound("There is no such request for approval.")
        said = await _said_of(tx, [approval_id])
    return _view(row, said[approval_id])


_COLUMNS = (
    ApprovalRow.id,
    ApprovalRow.organization_id,
    ApprovalRow.unit_path,
    ApprovalRow.subject_kind,
    ApprovalRow.subject_id,
    ApprovalRow.title,
    ApprovalRow.rule,
    ApprovalRow.requester_id,
    ApprovalRow.amount,
    ApprovalRow.currency,
    ApprovalRow.content_hash,
    ApprovalRow.state,
    ApprovalRow.version,
    ApprovalRow.created_at,
    ApprovalRow.decided_at,
)


def _approvals() -> Select[Any]:
    return select(*_COLUMNS)


async def _said_of(tx: Transaction, approval_ids: Sequence[UUID]) -> defaultdict[UUID, list[Said]]:
    found: defaultdict[UUID, list[Said]] = defaultdict(list)
    if approval_ids:
        rows = await tx.all(
            select(
                ApprovalDecisionRow.approval_id,
                ApprovalDecisionRow.member_id,
                ApprovalDecisionRow.roles,
                ApprovalDecisionRow.verdict,
                ApprovalDecisionRow.comment,
                ApprovalDecisionRow.decided_at,
            )
            .where(ApprovalDecisionRow.approval_id.in_(approval_ids))
            .order_by(ApprovalDecisionRow.decided_at, ApprovalDecisionRow.member_id)
        )
        for row in rows:
            verdict = Verdict(row.verdict)
            decision = Decision(row.member_id, frozenset(row.roles), verdict, row.decided_at)
            found[row.approval_id].append(Said(decision, row.comment))
    return found


def _rule_document(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "version": rule.version,
        "levels": [[sorted(roles) for roles in level] for level in rule.levels],
        "self_approval": rule.self_approval,
    }


def _request(row: Row[Any], said: Sequence[Said]) -> Request:
    rule = Rule(
        name=row.rule["name"],
        version=row.rule["version"],
        applies=AboveOwnLimit(),  # it applied; only the levels matter from here on
        levels=tuple(tuple(frozenset(r) for r in level) for level in row.rule["levels"]),
        self_approval=row.rule["self_approval"],
    )
    return Request(
        state=ApprovalState(row.state),
        rule=rule,
        requester_id=row.requester_id,
        content_hash=bytes(row.content_hash),
        decisions=tuple(item.decision for item in said),
    )


def _view(row: Row[Any], said: Sequence[Said]) -> ApprovalView:
    request = _request(row, said)
    waiting = waits_for(request.state, request.rule, request.decisions)
    return ApprovalView(
        id=row.id,
        version=row.version,
        state=row.state,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        title=row.title,
        amount=MoneyView.of(Money(row.amount, row.currency)),
        requester_id=row.requester_id,
        rule=request.rule.name,
        rule_version=request.rule.version,
        waits_for=[sorted(roles) for roles in waiting],
        decisions=[
            DecisionView(
                member_id=item.decision.member_id,
                verdict=item.decision.verdict.value,
                comment=item.comment,
                decided_at=item.decision.at,
            )
            for item in said
        ],
        created_at=row.created_at,
        decided_at=row.decided_at,
    )
