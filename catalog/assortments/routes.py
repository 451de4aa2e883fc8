"""HTTP of assortments."""

from typing import Final
from uuid import UUID

from litestar import Response, delete, get, patch, post, put

from catalog.assortments import service
from catalog.assortments.schemas import (
    AssortmentInput,
    AssortmentOffersInput,
    AssortmentOffersView,
    AssortmentOfferView,
    AssortmentView,
    GrantInput,
    GrantView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["assortments"]


@post(
    "/v1/assortments",
    operation_id="createAssortment",
    tags=_TAGS,
    summary="Make an empty assortment; it shows nothing to anybody.",
)
async def create_assortment(
    data: JSONBody[AssortmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[AssortmentView]:
    """Make an assortment to put restricted offers in and to grant."""
    made = await service.ASSORTMENTS.create(platform, caller, data.name, idempotency_key)
    return versioned(made)


@get("/v1/assortments", operation_id="listAssortments", tags=_TAGS, summary="Your own assortments.")
async def list_assortments(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[AssortmentView]]:
    """List your assortments, the newest first."""
    return paged(page_request, await service.ASSORTMENTS.list(platform, caller, page_request))


@get(
    "/v1/assortments/{assortment_id:uuid}",
    operation_id="readAssortment",
    tags=_TAGS,
    summary="An assortment of your own.",
)
async def read_assortment(
    assortment_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[AssortmentView]:
    """Read an assortment, how much is in it and to how many it is granted."""
    return versioned(await service.ASSORTMENTS.read(platform, caller, assortment_id))


@patch(
    "/v1/assortments/{assortment_id:uuid}",
    operation_id="renameAssortment",
    tags=_TAGS,
    summary="Rename an assortment.",
)
async def rename_assortment(
    assortment_id: FromPath[UUID],
    data: JSONBody[AssortmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[AssortmentView]:
    """Give an assortment another name."""
    renamed = await service.ASSORTMENTS.rename(platform, caller, assortment_id, if_match, data.name)
    return versioned(renamed)


@delete(
    "/v1/assortments/{assortment_id:uuid}",
    operation_id="deleteAssortment",
    tags=_TAGS,
    summary="Delete an assortment; what was seen through it alone is seen no more.",
)
async def delete_assortment(
    assortment_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> None:
    """Delete an assortment with its grants; the offers stay."""
    await service.delete_assortment(platform, caller, assortment_id)


@put(
    "/v1/assortments/{assortment_id:uuid}/offers",
    operation_id="putAssortmentOffers",
    tags=_TAGS,
    summary="Put offers into an assortment and take others out, by SKU; a result for each line.",
)
async def put_offers(
    assortment_id: FromPath[UUID],
    data: JSONBody[AssortmentOffersInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> AssortmentOffersView:
    """Change what is in an assortment, up to 1,000 SKUs each way; sent again it changes nothing."""
    return await service.put_offers(platform, caller, assortment_id, data)


@get(
    "/v1/assortments/{assortment_id:uuid}/offers",
    operation_id="listAssortmentOffers",
    tags=_TAGS,
    summary="The offers in an assortment, by SKU.",
)
async def list_offers(
    assortment_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[AssortmentOfferView]]:
    """List what is in an assortment."""
    offers = await service.list_offers(platform, caller, assortment_id, page_request)
    return paged(page_request, offers)


@post(
    "/v1/assortments/{assortment_id:uuid}/grants",
    operation_id="grantAssortment",
    tags=_TAGS,
    summary="Show an assortment to a company, to a unit and all below it, or to a segment.",
)
async def grant(
    assortment_id: FromPath[UUID],
    data: JSONBody[GrantInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> GrantView:
    """Grant an assortment; granted twice it is granted once."""
    return await service.grant(platform, caller, assortment_id, data)


@get(
    "/v1/assortments/{assortment_id:uuid}/grants",
    operation_id="listAssortmentGrants",
    tags=_TAGS,
    summary="To whom an assortment is shown.",
)
async def list_grants(
    assortment_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[GrantView]]:
    """List the organizations and segments an assortment is granted to."""
    grants = await service.list_grants(platform, caller, assortment_id, page_request)
    return paged(page_request, grants)


@delete(
    "/v1/assortments/{assortment_id:uuid}/grants/{grantee_id:uuid}",
    operation_id="withdrawAssortmentGrant",
    tags=_TAGS,
    summary="Take an assortment back from an organization or a segment.",
)
async def withdraw_grant(
    assortment_id: FromPath[UUID],
    grantee_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> None:
    """Withdraw a grant, from the next request on."""
    await service.withdraw_grant(platform, caller, assortment_id, grantee_id)


ROUTES: Final = (
    create_assortment,
    list_assortments,
    read_assortment,
    rename_assortment,
    delete_assortment,
    put_offers,
    list_offers,
    grant,
    list_grants,
    withdraw_grant,
)
