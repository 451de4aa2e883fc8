"""HTTP of customers and segments."""

from typing import Final
from uuid import UUID

from litestar import Response, delete, get, patch, post, put

from catalog.customers import service
from catalog.customers.schemas import (
    CustomerInput,
    CustomerView,
    SegmentInput,
    SegmentMembersInput,
    SegmentMembersView,
    SegmentMemberView,
    SegmentView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["customers"]


@post(
    "/v1/segments",
    operation_id="createSegment",
    tags=_TAGS,
    summary="Make an empty segment: a group of your customers.",
)
async def create_segment(
    data: JSONBody[SegmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[SegmentView]:
    """Make a segment; who is in it never learns of it, only prices and offers tell."""
    made = await service.SEGMENTS.create(platform, caller, data.name, idempotency_key)
    return versioned(made)


@get("/v1/segments", operation_id="listSegments", tags=_TAGS, summary="Your own segments.")
async def list_segments(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[SegmentView]]:
    """List your segments, the newest first."""
    return paged(page_request, await service.SEGMENTS.list(platform, caller, page_request))


@get(
    "/v1/segments/{segment_id:uuid}",
    operation_id="readSegment",
    tags=_TAGS,
    summary="A segment of your own.",
)
async def read_segment(
    segment_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[SegmentView]:
    """Read a segment and how many members it has."""
    return versioned(await service.SEGMENTS.read(platform, caller, segment_id))


@patch(
    "/v1/segments/{segment_id:uuid}",
    operation_id="renameSegment",
    tags=_TAGS,
    summary="Rename a segment.",
)
async def rename_segment(
    segment_id: FromPath[UUID],
    data: JSONBody[SegmentInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[SegmentView]:
    """Give a segment another name."""
    renamed = await service.SEGMENTS.rename(platform, caller, segment_id, if_match, data.name)
    return versioned(renamed)


@delete(
    "/v1/segments/{segment_id:uuid}",
    operation_id="deleteSegment",
    tags=_TAGS,
    summary="Delete a segment to which no price list and no assortment goes.",
)
async def delete_segment(
    segment_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> None:
    """Delete a segment with its members."""
    await service.delete_segment(platform, caller, segment_id)


@put(
    "/v1/segments/{segment_id:uuid}/members",
    operation_id="putSegmentMembers",
    tags=_TAGS,
    summary="Put companies into a segment and take others out; all or none.",
)
async def put_members(
    segment_id: FromPath[UUID],
    data: JSONBody[SegmentMembersInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> SegmentMembersView:
    """Change who is in a segment; prices and offers follow with the next request."""
    return await service.put_members(platform, caller, segment_id, data)


@get(
    "/v1/segments/{segment_id:uuid}/members",
    operation_id="listSegmentMembers",
    tags=_TAGS,
    summary="The companies in a segment.",
)
async def list_members(
    segment_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[SegmentMemberView]]:
    """List the members of a segment."""
    members = await service.list_members(platform, caller, segment_id, page_request)
    return paged(page_request, members)


@put(
    "/v1/customers/{buyer_id:uuid}",
    operation_id="putCustomer",
    tags=_TAGS,
    summary="Say how prices of one customer are weighed.",
)
async def put_customer(
    buyer_id: FromPath[UUID],
    data: JSONBody[CustomerInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[CustomerView]:
    """Set what holds for one customer; without it the better level counts."""
    return versioned(await service.put_customer(platform, caller, buyer_id, data))


@get(
    "/v1/customers/{buyer_id:uuid}",
    operation_id="readCustomer",
    tags=_TAGS,
    summary="What you keep of one customer.",
)
async def read_customer(
    buyer_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[CustomerView]:
    """Read what you set for one customer."""
    return versioned(await service.read_customer(platform, caller, buyer_id))


@get(
    "/v1/customers",
    operation_id="listCustomers",
    tags=_TAGS,
    summary="The customers you keep something of.",
)
async def list_customers(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[CustomerView]]:
    """List customers by identifier."""
    return paged(page_request, await service.list_customers(platform, caller, page_request))


ROUTES: Final = (
    create_segment,
    list_segments,
    read_segment,
    rename_segment,
    delete_segment,
    put_members,
    list_members,
    put_customer,
    read_customer,
    list_customers,
)
