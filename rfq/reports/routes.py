"""Reports over HTTP: figures, plots, and a page or PDF of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from catalog.languages.asked import AcceptLanguage, LanguageQuery, asked_languages
from marketplace.kernel.clock import start_of_day
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch
from marketplace.platform.http.given import Given
from marketplace.platform.plots import SVG, SVG_HEADERS, plotted
from marketplace.platform.sheets.answers import (
    Accept,
    FormatQuery,
    SheetAnswer,
    SheetFormat,
    asked_format,
    sheet_answer,
)
from marketplace.platform.sheets.model import Picture
from marketplace.platform.sheets.reader import reader_of
from rfq.reports import service
from rfq.reports.figures import DESCRIPTIONS, ReportFigure, plot_of, report_sheet
from rfq.reports.schemas import SourcingReportView

TAGS: Final = ["reports"]
PLOT: Final = "/v1/reports/sourcing/plot"

FirstDay = Annotated[
    date | None,
    QueryParameter(description="First day of the report; without it a year before the last."),
]
LastDay = Annotated[
    date | None, QueryParameter(description="Last day of the report; without it today.")
]
Zone = Annotated[
    str,
    QueryParameter(
        max_length=64, description="IANA time zone in which days and months begin and end."
    ),
]
Unit = Annotated[
    UUID | None,
    QueryParameter(description="Only procedures of this unit of yours and those below it."),
]


@dataclass
class PlotAnswer(SheetAnswer):
    """An operation that answers with a plot."""

    media_types: ClassVar[Sequence[str]] = (SVG,)


@get(
    "/v1/reports/sourcing",
    operation_id="readSourcingReport",
    tags=TAGS,
    summary="What your sourcing saved, who took part, and how long it took",
)
async def read_report(
    caller: Given[Caller],
    platform: Given[Platform],
    first_day: FirstDay = None,
    last_day: LastDay = None,
    time_zone: Zone = "UTC",
    unit_id: Unit = None,
) -> SourcingReportView:
    """Read the report."""
    return await service.read_report(platform, caller, first_day, last_day, time_zone, unit_id)


@get(
    PLOT,
    operation_id="plotSourcingReport",
    operation_class=PlotAnswer,
    tags=TAGS,
    summary="A plot of the report (SVG)",
)
async def plot_report(
    *,
    caller: Given[Caller],
    platform: Given[Platform],
    figure: Annotated[
        ReportFigure, QueryParameter(description="What it shows.")
    ] = ReportFigure.SAVINGS,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    time_zone: Zone = "UTC",
    unit_id: Unit = None,
) -> Response[bytes]:
    """Plot the report."""
    report = await service.read_report(platform, caller, first_day, last_day, time_zone, unit_id)
    svg = await plotted(plot_of(report, figure))
    headers = {**SVG_HEADERS, "Cache-Control": "private, no-cache"}
    return Response(svg, media_type=SVG, headers=headers)


@get(
    "/v1/reports/sourcing/printout",
    operation_id="printSourcingReport",
    operation_class=SheetAnswer,
    tags=TAGS,
    summary="The report with its plots as a page or PDF",
)
async def print_report(
    *,
    caller: Given[Caller],
    platform: Given[Platform],
    first_day: FirstDay = None,
    last_day: LastDay = None,
    time_zone: Zone = "UTC",
    unit_id: Unit = None,
    chosen: FormatQuery = None,
    language: LanguageQuery = None,
    accept: Accept = None,
    accept_language: AcceptLanguage = None,
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Print the report."""
    report = await service.read_report(platform, caller, first_day, last_day, time_zone, unit_id)
    reader = reader_of(asked_languages(language, accept_language), time_zone)
    form = asked_format(chosen, accept)
    pictures = {}
    for figure in ReportFigure:
        # The page fetches its plots itself; only the PDF holds them.
        svg = b"" if form is SheetFormat.HTML else await plotted(plot_of(report, figure))
        address = _address(report, figure)
        pictures[figure] = Picture(svg.decode(), address, DESCRIPTIONS[figure])
    sheet = report_sheet(reader, report, pictures)
    at = start_of_day(report.last_day, time_zone)
    return await sheet_answer(sheet, form, at, "Report of sourcing", "sourcing", if_none_match)


def _address(report: SourcingReportView, figure: ReportFigure) -> str:
    asked = {
        "figure": figure.value,
        "first_day": report.first_day.isoformat(),
        "last_day": report.last_day.isoformat(),
        "time_zone": report.time_zone,
        **({} if report.unit_id is None else {"unit_id": str(report.unit_id)}),
    }
    return f"{PLOT}?{urlencode(asked)}"


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (read_report, plot_report, print_report)
