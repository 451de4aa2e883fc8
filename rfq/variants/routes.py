"""Variants over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, get, put
from litestar.types import ControllerRouterHandler

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from rfq.variants import service
from rfq.variants.schemas import DecidedVariantList, DecidedVariantView, VariantDecisionInput

TAGS: Final = ["evaluation"]


@put(
    "/v1/procedures/{procedure_id:uuid}/variants/{bid_id:uuid}",
    operation_id="decideVariant",
    tags=TAGS,
    summary="Decide whether a variant meets the minimum requirements",
)
async def decide_variant(
    procedure_id: FromPath[UUID],
    bid_id: FromPath[UUID],
    data: JSONBody[VariantDecisionInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[DecidedVariantView]:
    """Decide on a variant."""
    decided = await service.decide_variant(
        platform, caller, procedure_id, bid_id, data=data, version=if_match
    )
    return versioned(decided)


@get(
    "/v1/procedures/{procedure_id:uuid}/variants",
    operation_id="listVariants",
    tags=TAGS,
    summary="List the variants with what was decided of them; as a bidder your own",
)
async def list_variants(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> DecidedVariantList:
    """List variants."""
    return await service.list_variants(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (decide_variant, list_variants)
