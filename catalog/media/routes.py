"""Uploaded media over HTTP."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from catalog.media import service
from catalog.media.schemas import MediumView
from catalog.media.service import KINDS
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch, is_kept
from marketplace.platform.http.contents import (
    DOCUMENT_BODY_BYTES_MAX,
    DocumentDownload,
    DocumentUpload,
    body_stream,
    streamed,
)
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.http.schemas import Name

_TAGS: Final = ["media"]


@dataclass
class MediumUpload(DocumentUpload):
    """An operation whose body is a picture or a paper."""

    kinds: ClassVar = KINDS
    note: ClassVar[str] = "Neither SVG nor HTML, which can run."


@dataclass
class MediumDownload(DocumentDownload):
    """An operation that answers with a picture or a paper."""

    kinds: ClassVar = KINDS


@post(
    "/v1/media",
    operation_id="uploadMedium",
    operation_class=MediumUpload,
    tags=_TAGS,
    summary="Upload a picture or a paper; the same content again is the same medium.",
    request_max_body_size=DOCUMENT_BODY_BYTES_MAX,
)
async def upload_medium(
    request: Request[Any, Any, Any],
    caller: Given[Caller],
    platform: Given[Platform],
    name: Annotated[Name, QueryParameter(name="name", description="What the file is called.")],
) -> MediumView:
    """Take a file; name its `url` among the media of a product, with a kind and a title."""
    return await service.upload_medium(platform, caller, name, body_stream(request))


@get(
    "/v1/media",
    operation_id="listMedia",
    tags=_TAGS,
    summary="What your company uploaded, oldest first; for the operator all.",
)
async def list_media(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[MediumView]]:
    """List uploads, and whether a product shows them."""
    return paged(page_request, await service.list_media(platform, caller, page_request))


@get(
    "/v1/media/{medium_id:uuid}",
    operation_id="readMedium",
    operation_class=MediumDownload,
    tags=_TAGS,
    summary="The picture or paper itself, to who knows a product that shows it.",
    responses={304: ResponseSpec(None, description="What you keep is still this one.")},
)
async def read_medium(
    medium_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_none_match: IfNoneMatch = None,
) -> Response[Any]:
    """Give the content; its ETag is its SHA-256, and what has this address never changes."""
    found = await service.find_medium(platform, caller, medium_id)
    tag = f'"{found.sha256}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if is_kept(tag, if_none_match):
        return Response(None, status_code=304, headers=headers)
    download = service.give_out(platform, caller, found)
    return await streamed(download.pieces, download.kind.value, {**headers, **download.headers()})


@delete(
    "/v1/media/{medium_id:uuid}",
    operation_id="deleteMedium",
    tags=_TAGS,
    summary="Delete an upload that no product shows.",
)
async def delete_medium(
    medium_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> None:
    """Delete a medium of your company; the operator may delete any."""
    await service.delete_medium(platform, caller, medium_id)


ROUTES: Final = (upload_medium, list_media, read_medium, delete_medium)
