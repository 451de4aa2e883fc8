"""The plots of a report, and its page."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from marketplace.platform.plots import BarChart, LineChart, Plot, Series
from marketplace.platform.sheets.model import Column, Picture, Section, Sheet, Table, fact, row
from marketplace.platform.sheets.reader import Reader
from rfq.reports.rules import Against, CyclePhase
from rfq.reports.schemas import CurrencySavingsView, SavedView, SourcingReportView

AGAINST: Final = {
    Against.BASELINE: "the last price",
    Against.ESTIMATE: "the estimate",
    Against.FIRST_OFFER: "the best first offer",
}
PHASES: Final = {
    CyclePhase.RECEIVING: "Receiving bids",
    CyclePhase.OPENING: "Until the opening",
    CyclePhase.JUDGING: "Judging",
    CyclePhase.CONCLUDING: "Concluding",
    CyclePhase.TOTAL: "In all",
}


class ReportFigure(StrEnum):
    """A plot of a report."""

    SAVINGS = "savings"
    PARTICIPATION = "participation"
    CYCLE_TIMES = "cycle_times"


DESCRIPTIONS: Final = {
    ReportFigure.SAVINGS: "Saved by month, against last price, estimate and first offer",
    ReportFigure.PARTICIPATION: "Invitations, readers and bids by month of the opening",
    ReportFigure.CYCLE_TIMES: "Median and ninth decile of the days each phase took",
}


def plot_of(report: SourcingReportView, figure: ReportFigure) -> Plot:
    """Make the plot of a figure; that of savings is in the currency with the most lots."""
    if figure is ReportFigure.SAVINGS:
        return _savings(report)
    if figure is ReportFigure.PARTICIPATION:
        return _participation(report)
    cycles = report.cycle_times
    return BarChart(
        title="Days from publication to contract",
        description=DESCRIPTIONS[figure],
        value_label="days",
        categories=tuple(PHASES[each.phase] for each in cycles),
        series=(
            Series("median", tuple(_float(each.median) for each in cycles)),
            Series("p90", tuple(_float(each.p90) for each in cycles)),
        ),
        lying=True,
    )


def _savings(report: SourcingReportView) -> Plot:
    chosen = max(report.savings, key=lambda each: each.lots, default=None)
    months = [] if chosen is None else chosen.months
    currency = "" if chosen is None else chosen.currency
    return BarChart(
        title=f"Saved by month{f', {currency}' if currency else ''}",
        description=DESCRIPTIONS[ReportFigure.SAVINGS],
        value_label=currency,
        categories=tuple(f"{each.month:%Y-%m}" for each in months),
        series=tuple(
            Series(
                f"against {AGAINST[against]}",
                tuple(_float(_of(each.savings, against).saved) for each in months),
            )
            for against in Against
        ),
    )


def _participation(report: SourcingReportView) -> Plot:
    months = report.participation.months
    return LineChart(
        title="Suppliers by month of the opening",
        description=DESCRIPTIONS[ReportFigure.PARTICIPATION],
        value_label="suppliers",
        categories=tuple(f"{each.month:%Y-%m}" for each in months),
        series=(
            Series("invited", tuple(float(each.invited) for each in months)),
            Series("looked", tuple(float(each.looked) for each in months)),
            Series("submitted", tuple(float(each.submitted) for each in months)),
        ),
    )


def _of(saved: Sequence[SavedView], against: Against) -> SavedView:
    return next(each for each in saved if each.against is against)


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def report_sheet(
    reader: Reader, report: SourcingReportView, pictures: dict[ReportFigure, Picture]
) -> Sheet:
    """Show a report with its plots and the definitions of its figures."""
    return Sheet(
        kind="Report of sourcing",
        title=f"{reader.day(report.first_day)} – {reader.day(report.last_day)}",
        facts=(
            fact("Time zone", report.time_zone),
            fact("Unit", "all of the company" if report.unit_id is None else str(report.unit_id)),
            fact("Procedures opened", str(report.participation.procedures)),
        ),
        sections=(
            *(_savings_section(reader, each) for each in report.savings),
            *(() if report.savings else (Section("Savings", texts=("No lot was awarded.",)),)),
            Section("Savings by month", pictures=(pictures[ReportFigure.SAVINGS],)),
            _participation_section(reader, report, pictures[ReportFigure.PARTICIPATION]),
            _cycles_section(report, reader, pictures[ReportFigure.CYCLE_TIMES]),
            Section(
                "What the figures mean",
                facts=tuple(
                    fact(name.replace("_", " ").capitalize(), words)
                    for name, words in report.definitions.items()
                ),
            ),
        ),
        notes=(),
        wide=False,
    )


def _savings_section(reader: Reader, saved: CurrencySavingsView) -> Section:
    columns = (
        Column("Against", width=2),
        Column("Lots", right=True),
        Column("Reference", right=True),
        Column("Price", right=True),
        Column("Saved", right=True),
        Column("Of the reference", right=True),
    )
    rows = tuple(
        row(
            AGAINST[each.against],
            f"{each.lots} of {saved.lots}",
            *(
                reader.amount(Decimal(text), saved.currency) if each.lots else "–"
                for text in (each.reference, each.price, each.saved)
            ),
            reader.percent(None if each.share is None else Decimal(each.share), signed=True),
        )
        for each in saved.savings
    )
    price = reader.amount(Decimal(saved.price), saved.currency)
    texts = [f"Lots awarded in full: {saved.lots}, for {price}."]
    if saved.partly_awarded:
        texts.append(f"Lots awarded in part, which are in no sum: {saved.partly_awarded}.")
    return Section(
        f"Savings in {saved.currency}", texts=(" ".join(texts),), tables=(Table(columns, rows),)
    )


def _participation_section(reader: Reader, report: SourcingReportView, picture: Picture) -> Section:
    names = ("Invited", "Looked", "Submitted", "Invalid", "Response")
    counted = tuple(Column(name, right=True) for name in names)
    months = tuple(
        row(
            f"{each.month:%Y-%m}",
            *map(str, (each.procedures, each.withdrawn)),
            *map(str, (each.invited, each.looked, each.submitted, each.invalid)),
            reader.percent(_decimal(each.response)),
        )
        for each in report.participation.months
    )
    suppliers = tuple(
        row(
            each.supplier,
            str(each.lots_won),
            *map(str, (each.invited, each.looked, each.submitted, each.invalid)),
            reader.percent(_decimal(each.response)),
        )
        for each in report.participation.suppliers
    )
    by_month = (
        Column("Month", width=1),
        Column("Procedures", right=True),
        Column("Withdrawn", right=True),
        *counted,
    )
    by_supplier = (Column("Supplier", width=1), Column("Lots won", right=True), *counted)
    tables = (Table(by_month, months), Table(by_supplier, suppliers)) if months else ()
    texts = () if months else ("No procedure was opened.",)
    return Section("Participation", texts=texts, tables=tables, pictures=(picture,))


def _cycles_section(report: SourcingReportView, reader: Reader, picture: Picture) -> Section:
    columns = (
        Column("Phase", width=2),
        Column("Procedures", right=True),
        Column("Mean, days", right=True),
        Column("Median, days", right=True),
        Column("p90, days", right=True),
    )
    rows = tuple(
        row(
            PHASES[each.phase],
            str(each.procedures),
            *(
                "–" if text is None else reader.number(Decimal(text))
                for text in (each.mean, each.median, each.p90)
            ),
        )
        for each in report.cycle_times
    )
    return Section("Cycle times", tables=(Table(columns, rows),), pictures=(picture,))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
