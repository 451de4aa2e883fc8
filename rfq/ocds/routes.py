"""Open data over HTTP: for everybody, without a key, counted by address."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

from litestar import MediaType, Response, get
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import IfNoneMatch, Visitor, unless_kept
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import PageRequest
from rfq.ocds import reading
from rfq.ocds.packages import OWN_EXTENSION, ReleaseFeed
from rfq.ocds.reading import ROOT, Published
from rfq.ocds.standing import ProcedureOpenDataView, read_open_data

TAGS: Final = ["open data"]
_DIRECTORY: Final = Path(__file__).with_name("extension")
_FILES: Final = {
    "extension.json": MediaType.JSON.value,
    "release-schema.json": MediaType.JSON.value,
    "auctionRoundStatus.csv": "text/csv; charset=utf-8",
    "auctionRoundFormat.csv": "text/csv; charset=utf-8",
    "README.md": "text/markdown; charset=utf-8",
}
_OPEN: Final = {"Access-Control-Allow-Origin": "*"}
"""Pages of others may read it too: it is public, and no cookie is asked for."""
_FOREVER: Final = {**_OPEN, "Cache-Control": "public, max-age=31536000, immutable"}
_ASK_AGAIN: Final = {**_OPEN, "Cache-Control": "public, no-cache"}


@dataclass
class OpenDocument(Operation):
    """An operation that answers with a document of the standard, which describes its form."""

    def __post_init__(self) -> None:
        """Say what the answer is; the standard's schemas say the rest."""
        form = Schema(
            type=OpenAPIType.OBJECT,
            description="Open Contracting Data Standard 1.1; see docs/open-data.md.",
        )
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The document.",
                content={"application/json": OpenAPIMediaType(schema=form)},
            ),
        }


@dataclass
class ExtensionFile(Operation):
    """An operation that answers with a file of our extension."""

    def __post_init__(self) -> None:
        """Say in which forms the files are."""
        text = OpenAPIMediaType(schema=Schema())
        kinds = {kind.partition(";")[0] for kind in _FILES.values()}
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The file.", content=dict.fromkeys(sorted(kinds), text)
            ),
        }


def _answer(
    published: Published, if_none_match: str | None, headers: dict[str, str]
) -> Response[bytes]:
    response = Response(published.content, media_type=MediaType.JSON, headers=headers)
    return unless_kept(response, f'"{published.sha256}"', if_none_match)


Since = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    QueryParameter(
        name="since",
        description="Only what was published at this instant or later. RFC 3339, with an offset.",
    ),
]


@get(
    f"{ROOT}/releases",
    operation_id="listReleases",
    tags=TAGS,
    summary="Follow what public procedures publish, in order",
)
async def list_releases(
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    public_page: Given[PageRequest],
    since: Since = None,
    if_none_match: IfNoneMatch = None,
) -> Response[ReleaseFeed]:
    """List releases of all processes, the first published first."""
    feed = await reading.list_releases(platform, public_page, since)
    tag = f'"{Published.of(feed).sha256}"'
    return unless_kept(Response(feed, headers=_ASK_AGAIN), tag, if_none_match)


@get(
    f"{ROOT}/releases/{{release_id:str}}",
    operation_id="readRelease",
    operation_class=OpenDocument,
    tags=TAGS,
    summary="Read a release, as it was published",
)
async def read_release(
    release_id: FromPath[str],
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Read a release."""
    return _answer(await reading.read_release(platform, release_id), if_none_match, _FOREVER)


@get(
    f"{ROOT}/releases/{{release_id:str}}/package",
    operation_id="readReleasePackage",
    operation_class=OpenDocument,
    tags=TAGS,
    summary="Read a release as a package",
)
async def read_release_package(
    release_id: FromPath[str],
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Read a release as a package."""
    return _answer(await reading.release_package(platform, release_id), if_none_match, _ASK_AGAIN)


@get(
    f"{ROOT}/records/{{ocid:str}}",
    operation_id="readRecord",
    operation_class=OpenDocument,
    tags=TAGS,
    summary="Read what all releases of a process come to",
)
async def read_record(
    ocid: FromPath[str],
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Read a record."""
    return _answer(await reading.read_record(platform, ocid), if_none_match, _ASK_AGAIN)


@get(
    f"{ROOT}/records/{{ocid:str}}/package",
    operation_id="readRecordPackage",
    operation_class=OpenDocument,
    tags=TAGS,
    summary="Read the record of a process as a package",
)
async def read_record_package(
    ocid: FromPath[str],
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Read a record as a package."""
    return _answer(await reading.record_package(platform, ocid), if_none_match, _ASK_AGAIN)


@get(
    f"{ROOT}/records/{{ocid:str}}/releases",
    operation_id="readProcessReleases",
    operation_class=OpenDocument,
    tags=TAGS,
    summary="Read the releases of a process as packages; `links.next` leads on",
)
async def read_process_releases(
    ocid: FromPath[str],
    visitor: Given[Visitor],  # noqa: ARG001 - counted
    platform: Given[Platform],
    public_page: Given[PageRequest],
    if_none_match: IfNoneMatch = None,
) -> Response[bytes]:
    """Read the releases of a process."""
    package = await reading.process_package(platform, ocid, public_page)
    return _answer(package, if_none_match, _ASK_AGAIN)


@get(
    f"{OWN_EXTENSION}/{{name:str}}",
    operation_id="readExtensionFile",
    operation_class=ExtensionFile,
    tags=TAGS,
    summary="Read a file of the extension for auction rounds",
)
async def read_extension_file(name: FromPath[str], platform: Given[Platform]) -> Response[bytes]:
    """Read a file of our extension; it begins with `extension.json`."""
    if name not in _FILES:
        raise NotFound("The extension has no such file; begin with extension.json.")
    address = f"{platform.settings.public_url}{OWN_EXTENSION}"
    content = _file(name).replace("{address}", address)
    return Response(content.encode(), media_type=_FILES[name], headers=_ASK_AGAIN)


@cache
def _file(name: str) -> str:
    return (_DIRECTORY / name).read_text()


@get(
    "/v1/procedures/{procedure_id:uuid}/open-data",
    operation_id="readProcedureOpenData",
    tags=TAGS,
    summary="Read where a procedure stands among the open data, or why it does not",
)
async def read_procedure_open_data(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> ProcedureOpenDataView:
    """Read what of a procedure is public."""
    return await read_open_data(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    list_releases,
    read_release,
    read_release_package,
    read_record,
    read_record_package,
    read_process_releases,
    read_extension_file,
    read_procedure_open_data,
)
