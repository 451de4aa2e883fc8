"""Estimates and the comparison over HTTP."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.types import ControllerRouterHandler

from catalog.languages.asked import AcceptLanguage, LanguageQuery, asked_languages
from marketplace.kernel.limits import WORKBOOK_SECONDS_MAX
from marketplace.platform.apart import run_apart
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch, versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.sheets.answers import (
    Accept,
    FormatQuery,
    SheetAnswer,
    ZoneQuery,
    asked_format,
    sheet_answer,
)
from marketplace.platform.sheets.reader import reader_of
from rfq.comparison import estimates, reading
from rfq.comparison.page import comparison_sheet
from rfq.comparison.schemas import ComparisonView, EstimatesInput, EstimatesView
from rfq.comparison.workbook import XLSX, workbook

TAGS: Final = ["procedures"]


@dataclass
class WorkbookAnswer(SheetAnswer):
    """An operation that answers with a workbook."""

    media_types: ClassVar[Sequence[str]] = (XLSX,)


@get(
    "/v1/procedures/{procedure_id:uuid}/estimates",
    operation_id="readEstimates",
    tags=TAGS,
    summary="Read what you expect your lots to cost, and what they cost the last time",
)
async def read_estimates(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[EstimatesView]:
    """Read estimates."""
    return versioned(await estimates.read_estimates(platform, caller, procedure_id))


@put(
    "/v1/procedures/{procedure_id:uuid}/estimates",
    operation_id="putEstimates",
    tags=TAGS,
    summary="Say what you expect your lots to cost, before the close; bidders never see it",
)
async def put_estimates(
    procedure_id: FromPath[UUID],
    data: JSONBody[EstimatesInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[EstimatesView]:
    """Put estimates, at their version; 0 where there are none."""
    return versioned(await estimates.put_estimates(platform, caller, procedure_id, data, if_match))


@get(
    "/v1/procedures/{procedure_id:uuid}/comparison",
    operation_id="readComparison",
    tags=TAGS,
    summary="Compare all offers, lot by lot: with the best, the estimate and the last price",
)
async def read_comparison(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ComparisonView:
    """Read the comparison."""
    return await reading.read_comparison(platform, caller, procedure_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/comparison/workbook",
    operation_id="downloadComparison",
    operation_class=WorkbookAnswer,
    tags=TAGS,
    summary="The comparison as a workbook (XLSX): lots, offers, scores and lines",
)
async def download_comparison(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[bytes]:
    """Give the workbook."""
    view = await reading.read_comparison(platform, caller, procedure_id)
    data = await run_apart(workbook, view, seconds_max=WORKBOOK_SECONDS_MAX)
    headers = {
        "Content-Disposition": 'attachment; filename="comparison.xlsx"',
        "Cache-Control": "no-store",
    }
    return Response(data, media_type=XLSX, headers=headers)


@get(
    "/v1/procedures/{procedure_id:uuid}/printouts/comparison",
    operation_id="printComparison",
    operation_class=SheetAnswer,
    tags=TAGS,
    summary="The comparison as a page or PDF, for the buyer alone",
)
async def print_comparison(
    *,
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    chosen: FormatQuery = None,
    time_zone: ZoneQuery = None,
    language: LanguageQuery = None,
    accept: Accept = None,
    accept_language: AcceptLanguage = None,
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Print the comparison."""
    view = await reading.read_comparison(platform, caller, procedure_id)
    languages = asked_languages(language, accept_language)
    reader = reader_of(languages, time_zone or view.time_zone)
    # Four thousand offers take half a second, in which others are served.
    sheet = await asyncio.to_thread(comparison_sheet, reader, view)
    form = asked_format(chosen, accept)
    foot = f"Procedure {procedure_id}"
    return await sheet_answer(sheet, form, view.opened_at, foot, "comparison", if_none_match)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    read_estimates,
    put_estimates,
    read_comparison,
    download_comparison,
    print_comparison,
)
