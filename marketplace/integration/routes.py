"""The feed and external ids over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.params import QueryParameter

from marketplace.integration import external_ids, feed
from marketplace.integration.schemas import (
    ExternalIdInput,
    ExternalIdView,
    FeedView,
)
from marketplace.kernel.limits import (
    CODE_CHARACTERS_MAX,
    FEED_ITEMS_MAX,
    FEED_WAIT_SECONDS_MAX,
    PAGE_ITEMS_DEFAULT,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.direct import Direct
from marketplace.platform.http.given import FromQuery, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged

_TAGS: Final = ["sync"]


@get(
    "/v1/events",
    operation_id="readEvents",
    tags=_TAGS,
    summary="What happened, in order",
    middleware=[Direct],
)
async def read_events(
    caller: Given[Caller],
    platform: Given[Platform],
    after: Annotated[
        str,
        QueryParameter(
            name="after",
            max_length=200,
            description=(
                "`next` of the read before. `0` is the beginning, `oldest` the oldest event that "
                "is kept, `latest` the end: nothing now, but a cursor to follow from."
            ),
        ),
    ] = "0",
    limit: Annotated[
        int, QueryParameter(name="limit", ge=1, le=FEED_ITEMS_MAX, description="Events per read.")
    ] = PAGE_ITEMS_DEFAULT,
    wait: Annotated[
        int,
        QueryParameter(
            name="wait",
            ge=0,
            le=FEED_WAIT_SECONDS_MAX,
            description="Seconds to wait for an event where there is none yet.",
        ),
    ] = 0,
) -> FeedView:
    """Read the events your company may know of: all of them, in one order, at least once."""
    return await feed.read_feed(platform, caller, after=after, limit=limit, wait_seconds=wait)


@put(
    "/v1/external-ids",
    operation_id="putExternalId",
    tags=_TAGS,
    summary="Say what your system calls a thing of ours",
)
async def put_external_id(
    data: JSONBody[ExternalIdInput], caller: Given[Caller], platform: Given[Platform]
) -> ExternalIdView:
    """Let a name of your system mean one of our things; a name that was used means the new one."""
    return await external_ids.put_external_id(platform, caller, data)


@get(
    "/v1/external-ids",
    operation_id="listExternalIds",
    tags=_TAGS,
    summary="Find what a name means, or which names a thing has",
)
async def list_external_ids(
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
    system: Annotated[str | None, QueryParameter(max_length=32)] = None,
    kind: Annotated[str | None, QueryParameter(max_length=32)] = None,
    external_id: FromQuery[
        Annotated[str | None, QueryParameter(max_length=CODE_CHARACTERS_MAX)]
    ] = None,
    id: FromQuery[UUID | None] = None,  # noqa: A002 - the field's own name
) -> Response[Page[ExternalIdView]]:
    """List your names for our things, all or those that match."""
    found = await external_ids.list_external_ids(
        platform, caller, page_request, system=system, kind=kind, external_id=external_id, ours=id
    )
    return paged(page_request, found)


ROUTES: Final = (read_events, put_external_id, list_external_ids)
