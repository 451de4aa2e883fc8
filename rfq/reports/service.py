"""Reports of sourcing, of one's own company."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import NotFound
from marketplace.organizations.service import names_of
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import shown_amount
from rfq.reports import statements
from rfq.reports.rules import (
    DEFINITIONS,
    NONE_COMPARED,
    Against,
    Compared,
    CyclePhase,
    in_days,
    period_of,
    rate,
)
from rfq.reports.schemas import (
    CurrencySavingsView,
    CycleView,
    MonthParticipationView,
    MonthSavingsView,
    ParticipationView,
    SavedView,
    SourcingReportView,
    SupplierParticipationView,
)
from rfq.reports.statements import Scope


async def read_report(
    platform: Platform,
    caller: Caller,
    first_day: date | None,
    last_day: date | None,
    time_zone: str,
    unit_id: UUID | None,
) -> SourcingReportView:
    """Report on the company's sourcing in a period, or on a unit's and those below it.

    Raises InvalidInput for a period that is none or too long, NotFound for another's unit.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        zone = ZoneInfo(time_zone) if is_time_zone(time_zone) else ZoneInfo("UTC")
        today = (await tx.clock()).astimezone(zone).date()
        period = period_of(first_day, last_day, time_zone, today)
        if unit_id is not None:
            await _check_unit(tx, caller, unit_id)
        begin, end = period.instants()
        scope = Scope(caller.organization_id, unit_id, begin, end, time_zone)
        saved = await tx.all(statements.savings(scope))
        months = await tx.all(statements.participation(scope))
        took_part = await tx.all(statements.suppliers(scope))
        cycle = await tx.one(statements.cycle_times(scope))
        names = await names_of(tx, [row.supplier_id for row in took_part])
    return SourcingReportView(
        first_day=period.first,
        last_day=period.last,
        time_zone=time_zone,
        unit_id=unit_id,
        savings=_savings(saved),
        participation=ParticipationView(
            procedures=sum(row.procedures for row in months),
            months=[_month(row) for row in months],
            suppliers=[
                _supplier(row, names.get(row.supplier_id, str(row.supplier_id)))
                for row in took_part
            ],
        ),
        cycle_times=[_cycle(cycle, phase) for phase in CyclePhase],
        definitions={str(name): words for name, words in DEFINITIONS.items()},
    )


async def _check_unit(tx: Transaction, caller: Caller, unit_id: UUID) -> None:
    found = await tx.scalar(
        select(OrganizationRow.id).where(
            OrganizationRow.id == unit_id, OrganizationRow.company_id == caller.organization_id
        )
    )
    if found is None:
        raise NotFound("Your company has no such unit.")


def _savings(rows: Sequence[Row[Any]]) -> list[CurrencySavingsView]:
    views = []
    for currency, found in groupby(rows, key=lambda row: row.currency):
        of_currency = list(found)
        whole = [row for row in of_currency if not row.in_part]
        views.append(
            CurrencySavingsView(
                currency=currency,
                lots=sum(row.lots for row in whole),
                partly_awarded=sum(row.lots for row in of_currency if row.in_part),
                price=shown_amount(sum((row.price for row in whole), Decimal(0)), currency),
                savings=_saved(whole, currency),
                months=[
                    MonthSavingsView(
                        month=row.month,
                        lots=row.lots,
                        price=shown_amount(row.price, currency),
                        savings=_saved([row], currency),
                    )
                    for row in whole
                ],
            )
        )
    return views


def _saved(rows: Sequence[Row[Any]], currency: str) -> list[SavedView]:
    views = []
    for against in Against:
        compared = NONE_COMPARED
        for row in rows:
            kept = row._mapping  # noqa: SLF001 - SQLAlchemy's public way to a column by name
            compared += Compared(
                *(kept[f"{against}_{part}"] for part in ("lots", "reference", "price"))
            )
        found = compared.saved()
        amount = Decimal(0) if found is None else found.amount
        sign = "-" if amount < 0 else ""
        views.append(
            SavedView(
                against=against,
                lots=compared.lots,
                reference=shown_amount(compared.reference, currency),
                price=shown_amount(compared.price, currency),
                saved=sign + shown_amount(abs(amount), currency),
                share=None if found is None else plain_decimal(found.share),
            )
        )
    return views


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain_decimal(value)


def _month(row: Row[Any]) -> MonthParticipationView:
    return MonthParticipationView(
        month=row.month,
        procedures=row.procedures,
        invited=int(row.invited),
        looked=int(row.looked),
        submitted=int(row.submitted),
        invalid=int(row.invalid),
        withdrawn=int(row.withdrawn),
        answered=int(row.answered),
        response=_text(rate(int(row.answered), int(row.invited))),
    )


def _supplier(row: Row[Any], name: str) -> SupplierParticipationView:
    return SupplierParticipationView(
        supplier_id=row.supplier_id,
        supplier=name,
        invited=row.invited,
        looked=row.looked,
        submitted=row.submitted,
        invalid=row.invalid,
        answered=row.answered,
        lots_won=row.won,
        response=_text(rate(row.answered, row.invited)),
    )


def _cycle(row: Row[Any], phase: CyclePhase) -> CycleView:
    kept = row._mapping  # noqa: SLF001
    return CycleView(
        phase=phase,
        procedures=row.procedures,
        mean=_text(in_days(kept[f"{phase}_mean"])),
        median=_text(in_days(kept[f"{phase}_median"])),
        p90=_text(in_days(kept[f"{phase}_p90"])),
    )
