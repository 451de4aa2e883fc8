"""Scenarios as rows: found, read back into what was asked, and shown."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money, currency_digits
from marketplace.platform.database import Transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.rules.scenario import gap_of
from rfq.rules.scenario_run import ScenarioStatus
from rfq.scenarios.messages import ScenarioPhase
from rfq.scenarios.schemas import (
    ScenarioInput,
    ScenarioProgress,
    ScenarioResult,
    ScenarioSummary,
    ScenarioView,
)
from rfq.scenarios.tables import ScenarioRow

SUMMARY: Final = (
    ScenarioRow.id,
    ScenarioRow.version,
    ScenarioRow.procedure_id,
    ScenarioRow.name,
    ScenarioRow.status,
    ScenarioRow.currency,
    ScenarioRow.result["total"].label("total"),
    ScenarioRow.created_at,
    ScenarioRow.finished_at,
    ScenarioRow.proposed_at,
)
"""The columns of a scenario in a list."""
_ALL: Final = (
    *SUMMARY,
    ScenarioRow.asked,
    ScenarioRow.phase,
    ScenarioRow.solutions_done,
    ScenarioRow.solutions_total,
    ScenarioRow.best,
    ScenarioRow.bound,
    ScenarioRow.problem_hash,
    ScenarioRow.result,
    ScenarioRow.failure,
)


async def find(tx: Transaction, scenario_id: UUID, *, lock: bool = False) -> Row[Any]:
    """Read a scenario of the transaction's company; raises NotFound."""
    statement = select(*_ALL).where(ScenarioRow.id == scenario_id)
    row = await tx.maybe(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("There is no such scenario of your company.")
    return row


def asked_of(row: Row[Any]) -> ScenarioInput:
    """Give what was asked."""
    return msgspec.convert(row.asked, ScenarioInput)


def summary(row: Row[Any]) -> ScenarioSummary:
    """Show a scenario in a list."""
    return ScenarioSummary(**_shared(row))


def view(row: Row[Any]) -> ScenarioView:
    """Show a scenario."""
    asked = asked_of(row)
    return ScenarioView(
        **_shared(row),
        constraints=asked.constraints,
        conditions=asked.conditions,
        gap_percent=asked.gap_percent,
        seconds=asked.seconds,
        progress=_progress(row),
        failure=row.failure,
        result=None if row.result is None else msgspec.convert(row.result, ScenarioResult),
    )


def _progress(row: Row[Any]) -> ScenarioProgress:
    gap = None
    if row.best is not None and row.bound is not None:
        digits = currency_digits(row.currency)
        best, bound = (int(amount.scaleb(digits)) for amount in (row.best, row.bound))
        gap = f"{gap_of(best, bound):f}"
    return ScenarioProgress(
        phase=ScenarioPhase(row.phase),
        done=row.solutions_done,
        total=row.solutions_total,
        best=None if row.best is None else MoneyView.of(Money(row.best, row.currency)),
        bound=None if row.bound is None else MoneyView.of(Money(row.bound, row.currency)),
        gap_percent=gap,
    )


def _shared(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "procedure_id": row.procedure_id,
        "name": row.name,
        "status": ScenarioStatus(row.status),
        "currency": row.currency,
        "total": row.total,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "proposed_at": row.proposed_at,
    }
