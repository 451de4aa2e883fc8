"""The panel: named by the buyer, each declaring his interests first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, NotFound
from marketplace.kernel.limits import EVALUATORS_MAX
from marketplace.organizations.tables import MemberRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.evaluation.panel_schemas import (
    DeclarationInput,
    EvaluatorView,
    LeavingInput,
    PanelInput,
    PanelView,
)
from rfq.evaluation.tables import EvaluatorRow
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.panel import (
    EVALUATOR,
    EvaluatorAction,
    EvaluatorStatus,
    check_access,
    check_still_named,
)
from rfq.rules.procedure import Status, check_words

SCOPE: Final = "evaluations:write"
CHANGES_IN: Final = frozenset(
    [Status.DRAFT, Status.PUBLISHED, Status.CLOSED, Status.QUALIFICATION, Status.EVALUATION]
)
"""The states in which somebody joins or leaves a panel: until its scores are locked."""
_COLUMNS: Final = (
    EvaluatorRow.member_id,
    EvaluatorRow.status,
    EvaluatorRow.declaration,
    EvaluatorRow.left_because,
    EvaluatorRow.named_at,
    EvaluatorRow.declared_at,
    EvaluatorRow.handed_in_at,
    EvaluatorRow.agreed_at,
)


@retries_conflicts
async def name_evaluators(
    platform: Platform, caller: Caller, procedure_id: UUID, data: PanelInput, key: IdempotencyKey
) -> PanelView:
    """Name members of the own company who judge the bids.

    Raises NotFound, WrongState once the scores are locked, InvalidInput for who is no member.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, PanelView)) is not None:
            return earlier
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        check_still_named(loaded.procedure.status, CHANGES_IN)
        await _check_members(tx, caller, data.member_ids)
        at = await tx.clock()
        owner = {"procedure_id": procedure_id, "buyer_id": caller.organization_id, "named_at": at}
        await tx.execute(
            upsert(EvaluatorRow)
            .values(
                [
                    {**owner, "member_id": id_, "status": EvaluatorStatus.NAMED.value}
                    for id_ in dict.fromkeys(data.member_ids)
                ]
            )
            .on_conflict_do_nothing()
        )
        panel = await _panel(tx, procedure_id)
        if len(panel) > EVALUATORS_MAX:
            raise Conflict(f"A panel has at most {EVALUATORS_MAX} members.")
        facts = {"member_ids": sorted(set(data.member_ids))}
        tx.record("panel.named", "procedure", procedure_id, after=facts)
        return await keep(tx, key, _panel_view(panel))


async def _check_members(tx: Transaction, caller: Caller, member_ids: Sequence[UUID]) -> None:
    rows = await tx.all(
        select(MemberRow.id).where(
            MemberRow.company_id == caller.organization_id,
            MemberRow.id.in_(member_ids),
            MemberRow.active,
        )
    )
    known = {row.id for row in rows}
    errors = [
        FieldError(f"/member_ids/{n}", "unknown_member", f"{id_} is no member of your company.")
        for n, id_ in enumerate(member_ids)
        if id_ not in known
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


async def list_panel(platform: Platform, caller: Caller, procedure_id: UUID) -> PanelView:
    """Show the panel to the buyer; raises NotFound."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        await load_own(tx, caller, procedure_id)
        return _panel_view(await _panel(tx, procedure_id))


@retries_conflicts
async def declare_interest(
    platform: Platform, caller: Caller, procedure_id: UUID, data: DeclarationInput
) -> EvaluatorView:
    """Declare the own conflict of interest, or that there is none.

    Raises NotFound for who is not on the panel, WrongState for what was declared or is over,
    InvalidInput for a conflict without words.
    """
    caller.require(SCOPE)
    if data.conflict:
        check_words(data.statement, "/statement")
    declared = EvaluatorAction.DECLARE_CONFLICT if data.conflict else EvaluatorAction.DECLARE_NONE
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        check_still_named(loaded.procedure.status, CHANGES_IN)
        at = await tx.clock()
        return await move_evaluator(
            tx,
            procedure_id,
            caller.member_id,
            declared,
            declaration=data.statement,
            declared_at=at,
        )


@retries_conflicts
async def leave_panel(
    platform: Platform, caller: Caller, procedure_id: UUID, member_id: UUID, data: LeavingInput
) -> EvaluatorView:
    """Take a member off the panel who has not handed in; what he gave so far does not count.

    The buyer may, and each for himself. Raises NotFound, WrongState, InvalidInput without a reason.
    """
    caller.require(SCOPE if member_id == caller.member_id else "rfq:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        check_still_named(loaded.procedure.status, CHANGES_IN)
        return await move_evaluator(
            tx, procedure_id, member_id, EvaluatorAction.LEAVE, left_because=data.reason
        )


async def move_evaluator(
    tx: Transaction,
    procedure_id: UUID,
    member_id: UUID,
    action: EvaluatorAction,
    **values: str | datetime,
) -> EvaluatorView:
    """Move a member of a panel, whose procedure is held; raises NotFound, WrongState."""
    row = await find_evaluator(tx, procedure_id, member_id)
    if row is None:
        raise NotFound("There is no such member of this panel.")
    status = EVALUATOR.after(EvaluatorStatus(row.status), action)
    moved = await tx.one(
        update(EvaluatorRow)
        .where(EvaluatorRow.procedure_id == procedure_id, EvaluatorRow.member_id == member_id)
        .values(status=status.value, **values)
        .returning(*_COLUMNS)
    )
    facts = {"member_id": member_id, "status": status}
    before = {"status": row.status}
    tx.record("evaluator.moved", "procedure", procedure_id, before=before, after=facts)
    return _view(moved)


async def find_evaluator(tx: Transaction, procedure_id: UUID, member_id: UUID) -> Row[Any] | None:
    """Read one member of a panel; None where he is not on it."""
    return await tx.maybe(
        select(*_COLUMNS).where(
            EvaluatorRow.procedure_id == procedure_id, EvaluatorRow.member_id == member_id
        )
    )


async def own_part(tx: Transaction, caller: Caller, loaded: Loaded) -> EvaluatorStatus | None:
    """Give where the caller stands on the panel, None where he is not on it any more.

    Raises NotPermitted for who has not declared his interests, or has a conflict: row security
    hides from him what is judged, and what he decided would be decided on nothing.
    """
    row = await find_evaluator(tx, loaded.procedure.id, caller.member_id)
    status = None if row is None else EvaluatorStatus(row.status)
    if status is None or status is EvaluatorStatus.LEFT:
        return None
    check_access(status)
    return status


async def statuses(tx: Transaction, loaded: Loaded) -> dict[UUID, EvaluatorStatus]:
    """Give where each member of the panel stands."""
    rows = await _panel(tx, loaded.procedure.id)
    return {row.member_id: EvaluatorStatus(row.status) for row in rows}


async def agreed(tx: Transaction, loaded: Loaded) -> list[UUID]:
    """List who has agreed to the panel's scores as they stand."""
    rows = await _panel(tx, loaded.procedure.id)
    return [row.member_id for row in rows if row.agreed_at is not None]


async def _panel(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*_COLUMNS)
        .where(EvaluatorRow.procedure_id == procedure_id)
        .order_by(EvaluatorRow.named_at, EvaluatorRow.member_id)
    )


def _panel_view(rows: Sequence[Row[Any]]) -> PanelView:
    return PanelView(items=[_view(row) for row in rows])


def _view(row: Row[Any]) -> EvaluatorView:
    return EvaluatorView(
        member_id=row.member_id,
        status=EvaluatorStatus(row.status),
        declaration=row.declaration,
        left_because=row.left_because,
        named_at=row.named_at,
        declared_at=row.declared_at,
        handed_in_at=row.handed_in_at,
        agreed_at=row.agreed_at,
    )
