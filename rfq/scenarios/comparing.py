"""Solved scenarios side by side, as values and as a plot."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.limits import PLOT_BARS_MAX, PLOT_SERIES_MAX, SCENARIOS_COMPARED_MAX
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.schemas import shown_amount
from marketplace.platform.plots import BarChart, Series, grouped, plotted
from rfq.procedures.publishing import load_own
from rfq.rules.scenario_run import ScenarioStatus
from rfq.scenarios.results import percent_of
from rfq.scenarios.rows import SUMMARY
from rfq.scenarios.schemas import (
    ComparedScenario,
    ConstraintCost,
    ScenarioComparison,
    ScenarioFigure,
    ScenarioResult,
)
from rfq.scenarios.tables import ScenarioRow


async def compare_scenarios(
    platform: Platform, caller: Caller, procedure_id: UUID, scenario_ids: Sequence[UUID] = ()
) -> ScenarioComparison:
    """Put solved scenarios side by side, the cheapest first; without ids the newest.

    Raises NotFound, InvalidInput for too many.
    """
    caller.require("rfq:write")
    if len(scenario_ids) > SCENARIOS_COMPARED_MAX:
        detail = f"At most {SCENARIOS_COMPARED_MAX} scenarios are compared at once."
        raise invalid("?scenario_id", "too_many", detail)
    solved = [ScenarioStatus.DONE.value, ScenarioStatus.PROPOSED.value]
    statement = (
        select(*SUMMARY, ScenarioRow.result)
        .where(ScenarioRow.procedure_id == procedure_id, ScenarioRow.status.in_(solved))
        .order_by(ScenarioRow.id.desc())
        .limit(SCENARIOS_COMPARED_MAX)
    )
    if scenario_ids:
        statement = statement.where(ScenarioRow.id.in_(scenario_ids))
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        rows = await tx.all(statement)
    if missing := set(scenario_ids) - {row.id for row in rows}:
        raise NotFound(f"{len(missing)} of these are no solved scenarios of this procedure.")
    return _comparison(procedure_id, loaded.procedure.currency, rows)


def _comparison(procedure_id: UUID, currency: str, rows: Sequence[Row[Any]]) -> ScenarioComparison:
    results = [(row, msgspec.convert(row.result, ScenarioResult)) for row in rows]
    step = Decimal(1).scaleb(-currency_digits(currency))
    # In minor units, which divide exactly.
    totals = {row.id: int(Decimal(result.total or 0) / step) for row, result in results}
    cheapest = min(totals.values(), default=0)
    items = [
        ComparedScenario(
            id=row.id,
            name=row.name,
            status=ScenarioStatus(row.status),
            total=result.total or "",
            bound=result.bound or "",
            gap_percent=result.gap_percent or "",
            above_cheapest=shown_amount((totals[row.id] - cheapest) * step, currency),
            above_cheapest_percent=percent_of(totals[row.id] - cheapest, cheapest),
            suppliers=result.suppliers,
            constraints=result.constraints,
        )
        for row, result in results
    ]
    items.sort(key=lambda item: (totals[item.id], item.id))
    return ScenarioComparison(procedure_id=procedure_id, currency=currency, items=items)


async def plot_scenarios(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    scenario_ids: Sequence[UUID] = (),
    figure: ScenarioFigure = ScenarioFigure.SUPPLIERS,
) -> bytes:
    """Draw the comparison as SVG."""
    compared = await compare_scenarios(platform, caller, procedure_id, scenario_ids)
    if figure is ScenarioFigure.CONSTRAINTS:
        return await plotted(constraint_chart(compared))
    return await plotted(supplier_chart(compared))


def constraint_chart(compared: ScenarioComparison) -> BarChart:
    """Give a bar for what each constraint of each scenario costs; the dearest are shown."""
    found = [
        (f"{item.name}\n{each.words}", each)
        for item in compared.items
        for each in item.constraints
        if each.cost is not None
    ]
    found.sort(key=lambda named: -Decimal(named[1].cost or 0))
    told = "; ".join(f"{name}: {each.cost}" for name, each in found)
    found = found[:PLOT_BARS_MAX]
    return BarChart(
        title="What each constraint costs",
        description=f"In {compared.currency}. {told}".replace("\n", ": "),
        value_label=compared.currency,
        categories=tuple(name for name, _ in found),
        series=(Series("cost", tuple(float(each.cost or 0) for _, each in found)),),
        stacked=True,
        lying=True,
        ends=tuple(_between(each) for _, each in found),
    )


def _between(cost: ConstraintCost) -> str:
    found = grouped(cost.cost or "")
    if cost.at_least == cost.at_most == cost.cost:
        return found
    return f"{found} ({grouped(cost.at_least or '')} to {grouped(cost.at_most or '')})"


def supplier_chart(compared: ScenarioComparison) -> BarChart:
    """Give a bar for each scenario, in it what each supplier gets.

    Suppliers beyond those there is room for stand together.
    """
    paid: dict[UUID, list[float]] = {}
    names: dict[UUID, str] = {}
    for place, item in enumerate(compared.items):
        for each in item.suppliers:
            amounts = paid.setdefault(each.supplier_id, [0.0] * len(compared.items))
            # A plot's length, nothing that is reckoned with.
            amounts[place] = float(each.amount)
            names[each.supplier_id] = each.name or str(each.supplier_id)
    largest = sorted(paid, key=lambda supplier: (-max(paid[supplier]), supplier))
    shown = largest if len(largest) <= PLOT_SERIES_MAX else largest[: PLOT_SERIES_MAX - 1]
    series = [Series(names[supplier], tuple(paid[supplier])) for supplier in shown]
    if rest := largest[len(shown) :]:
        sums = [
            sum(paid[supplier][place] for supplier in rest) for place in range(len(paid[rest[0]]))
        ]
        series.append(Series(f"{len(rest)} others", tuple(sums)))
    totals = ", ".join(f"{item.name}: {item.total}" for item in compared.items)
    return BarChart(
        title="Award scenarios",
        description=f"What each supplier gets, in {compared.currency}. {totals}",
        value_label=compared.currency,
        categories=tuple(item.name for item in compared.items),
        series=tuple(series),
        stacked=True,
        lying=True,
        ends=tuple(grouped(item.total) for item in compared.items),
    )
