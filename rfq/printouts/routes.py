"""Printouts over HTTP: pages and PDF."""

from typing import Final
from uuid import UUID

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from catalog.languages.asked import AcceptLanguage, LanguageQuery, asked_languages
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.sheets.answers import (
    Accept,
    FormatQuery,
    SheetAnswer,
    ZoneQuery,
    asked_format,
    sheet_answer,
)
from rfq.printouts import service
from rfq.printouts.service import Asked

TAGS: Final = ["procedures"]


@get(
    "/v1/procedures/{procedure_id:uuid}/printouts/procedure",
    operation_id="printProcedure",
    operation_class=SheetAnswer,
    tags=TAGS,
    summary="The procedure as a page or PDF: as its buyer, or as a supplier who may bid",
)
async def print_procedure(
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
    """Print a procedure."""
    asked = Asked(asked_languages(language, accept_language), time_zone)
    made = await service.print_procedure(platform, caller, procedure_id, asked)
    form = asked_format(chosen, accept)
    foot = f"Procedure {procedure_id}"
    return await sheet_answer(made.sheet, form, made.at, foot, "procedure", if_none_match)


@get(
    "/v1/procedures/{procedure_id:uuid}/printouts/opening-minutes",
    operation_id="printOpeningMinutes",
    operation_class=SheetAnswer,
    tags=TAGS,
    summary="The minutes of the opening as a page or PDF: all bids, or to a bidder his own",
)
async def print_minutes(
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
    """Print the minutes of an opening."""
    asked = Asked(asked_languages(language, accept_language), time_zone)
    made = await service.print_minutes(platform, caller, procedure_id, asked)
    form = asked_format(chosen, accept)
    foot = f"Procedure {procedure_id}"
    return await sheet_answer(made.sheet, form, made.at, foot, "opening-minutes", if_none_match)


@get(
    "/v1/procedures/{procedure_id:uuid}/printouts/award-decision",
    operation_id="printAwardDecision",
    operation_class=SheetAnswer,
    tags=TAGS,
    summary="The award decision as a page or PDF: with all offers, or to a bidder what he was told",
)
async def print_decision(
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
    """Print the award decision."""
    asked = Asked(asked_languages(language, accept_language), time_zone)
    made = await service.print_decision(platform, caller, procedure_id, asked)
    form = asked_format(chosen, accept)
    foot = f"Procedure {procedure_id}"
    return await sheet_answer(made.sheet, form, made.at, foot, "award-decision", if_none_match)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    print_procedure,
    print_minutes,
    print_decision,
)
