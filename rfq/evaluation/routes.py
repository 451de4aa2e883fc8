"""Opened bids and rankings over HTTP."""

from typing import Final
from uuid import UUID

from litestar import get
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from rfq.evaluation import computing, listing, rankings
from rfq.evaluation.schemas import LotRankingView, OpenedBidList
from rfq.rules.computation import LotComputation

TAGS: Final = ["procedures"]


@get(
    "/v1/procedures/{procedure_id:uuid}/bids",
    operation_id="listBids",
    tags=TAGS,
    summary="List the opened bids, ranked",
)
async def list_bids(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> OpenedBidList:
    """List opened bids."""
    return await listing.list_bids(platform, caller, procedure_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/ranking",
    operation_id="readLotRanking",
    tags=TAGS,
    summary="Read what a lot would be awarded from, with offers that are abnormally low",
)
async def read_ranking(
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> LotRankingView:
    """Read a lot's ranking."""
    return await rankings.read_ranking(platform, caller, procedure_id, lot_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/lots/{lot_id:uuid}/computation",
    operation_id="readComputation",
    tags=TAGS,
    summary="Read the whole computation of a lot's ranking, step by step; once decided, as it was",
)
async def read_computation(
    procedure_id: FromPath[UUID],
    lot_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> LotComputation:
    """Read a lot's computation."""
    return await computing.read_computation(platform, caller, procedure_id, lot_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (list_bids, read_ranking, read_computation)
