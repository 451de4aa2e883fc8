"""What lots are expected to cost, and cost the last time: fixed before anybody's price is known."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select

from marketplace.kernel.errors import FieldError, InvalidInput, StaleVersion, WrongState
from marketplace.kernel.money import Money, currency_digits
from marketplace.kernel.units import places
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.comparison.schemas import (
    EstimatesInput,
    EstimatesView,
    LotEstimateView,
)
from rfq.comparison.tables import LotEstimateRow
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.procedure import Status


@retries_conflicts
async def put_estimates(
    platform: Platform, caller: Caller, procedure_id: UUID, data: EstimatesInput, version: int
) -> EstimatesView:
    """Write the estimates of a procedure anew, whole.

    Raises NotFound, InvalidInput, StaleVersion, and WrongState after the close: what results are
    measured by is fixed before the results are known.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        if loaded.procedure.status not in {Status.DRAFT, Status.PUBLISHED}:
            detail = "Estimates stand from the close on: savings are measured by them."
            raise WrongState(detail, state=loaded.procedure.status.value)
        before = await _rows(tx, procedure_id)
        now = _version(before)
        if now != version:
            raise StaleVersion(f"The estimates are at version {now}, not {version}.")
        if errors := list(_errors(loaded, data)):
            raise InvalidInput(errors[0].detail, errors=errors)
        await tx.execute(delete(LotEstimateRow).where(LotEstimateRow.procedure_id == procedure_id))
        at = await tx.clock()
        given = _given(data)
        nothing = (None, None)
        rows = [
            {
                "lot_id": lot.id,
                "procedure_id": procedure_id,
                "buyer_id": caller.organization_id,
                "version": now + 1,
                "estimate": given.get(lot.id, nothing)[0],
                "baseline": given.get(lot.id, nothing)[1],
                "set_by": caller.member_id,
                "set_at": at,
            }
            for lot in loaded.procedure.lots
        ]
        await tx.execute(insert(LotEstimateRow), rows)
        facts = {"lots": len(data.lots), "version": now + 1}
        tx.record("procedure.estimated", "procedure", procedure_id, after=facts)
        return _view(loaded, await _rows(tx, procedure_id))


def _given(data: EstimatesInput) -> dict[UUID, tuple[Decimal | None, Decimal | None]]:
    return {
        each.lot_id: (
            None if each.estimate is None else Decimal(each.estimate),
            None if each.baseline is None else Decimal(each.baseline),
        )
        for each in data.lots
    }


def _errors(loaded: Loaded, data: EstimatesInput) -> list[FieldError]:
    known, seen, errors = set(loaded.lot_statuses), set[UUID](), []
    digits = currency_digits(loaded.procedure.currency)
    if not known:
        errors.append(FieldError("/lots", "no_lots", "This procedure has no lots to estimate."))
    for number, each in enumerate(data.lots):
        pointer = f"/lots/{number}"
        if each.lot_id not in known:
            detail = "This procedure has no such lot."
            errors.append(FieldError(f"{pointer}/lot_id", "unknown_lot", detail))
        elif each.lot_id in seen:
            errors.append(FieldError(f"{pointer}/lot_id", "twice", "Name each lot once."))
        seen.add(each.lot_id)
        for name, text in (("estimate", each.estimate), ("baseline", each.baseline)):
            if text is not None and (Decimal(text) <= 0 or places(Decimal(text)) > digits):
                detail = f"An amount above zero, in whole coins of {loaded.procedure.currency}."
                errors.append(FieldError(f"{pointer}/{name}", "out_of_range", detail))
    return errors


async def read_estimates(platform: Platform, caller: Caller, procedure_id: UUID) -> EstimatesView:
    """Read the estimates of an own procedure; raises NotFound."""
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        return _view(loaded, await _rows(tx, procedure_id))


async def estimates_of(tx: Transaction, procedure_id: UUID) -> Mapping[UUID, Row[Any]]:
    """Give the estimates of a procedure by lot; none to a transaction that is not its buyer's."""
    return {row.lot_id: row for row in await _rows(tx, procedure_id)}


async def _rows(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            LotEstimateRow.lot_id,
            LotEstimateRow.version,
            LotEstimateRow.estimate,
            LotEstimateRow.baseline,
        ).where(LotEstimateRow.procedure_id == procedure_id)
    )


def _version(rows: Sequence[Row[Any]]) -> int:
    return max((row.version for row in rows), default=0)


def _view(loaded: Loaded, rows: Sequence[Row[Any]]) -> EstimatesView:
    known = {row.lot_id: row for row in rows}
    currency = loaded.procedure.currency
    return EstimatesView(
        procedure_id=loaded.procedure.id,
        version=_version(rows),
        lots=[
            LotEstimateView(
                lot_id=lot.id,
                estimate=money_or_none(row.estimate, currency),
                baseline=money_or_none(row.baseline, currency),
            )
            for lot in loaded.procedure.lots
            if (row := known.get(lot.id)) is not None and (row.estimate or row.baseline)
        ],
    )


def money_or_none(amount: Decimal | None, currency: str) -> MoneyView | None:
    """Show an amount there may be none of."""
    return None if amount is None else MoneyView.of(Money(amount, currency))
