"""HTTP of imports."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter

from catalog.imports import service
from catalog.imports.schemas import ImportKind, ImportView, OnError
from marketplace.kernel.limits import UPLOAD_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.body import wrong_header
from marketplace.platform.http.given import FromPath, Given

_CSV: Final = "text/csv"


@dataclass
class CsvUpload(Operation):
    """An operation whose body is a CSV file."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description="UTF-8; separated by comma, semicolon or tab; its first line is a header.",
            content={_CSV: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))},
        )


@post(
    "/v1/imports",
    operation_id="startImport",
    tags=["imports"],
    summary="Upload offers or prices as CSV; the answer tells where to look for the outcome.",
    status_code=202,
    request_max_body_size=UPLOAD_BYTES_MAX,
    operation_class=CsvUpload,
)
async def start_import(
    request: Request[Any, Any, Any],
    caller: Given[Caller],
    platform: Given[Platform],
    kind: Annotated[ImportKind, QueryParameter(name="kind", description="What the file holds.")],
    on_error: Annotated[
        OnError,
        QueryParameter(
            name="on_error",
            description="refuse_all: a bad row refuses the file. skip_row: the others are taken.",
        ),
    ] = OnError.REFUSE_ALL,
    price_list_id: Annotated[
        UUID | None,
        QueryParameter(name="price_list_id", description="The list whose draft takes the prices."),
    ] = None,
    publish: Annotated[
        bool,
        QueryParameter(name="publish", description="Publish the list when the prices are in it."),
    ] = False,
) -> ImportView:
    """Take a file of offers or prices. Sending it again changes nothing."""
    return await service.start_import(
        platform, caller, kind, on_error, price_list_id, _csv_stream(request), publish=publish
    )


async def _csv_stream(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _CSV:
        raise wrong_header("Content-Type", f"Send the file as {_CSV}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise wrong_header("Content-Encoding", "Send the file as it is, not compressed.")
    async for chunk in request.stream():
        yield chunk


@get(
    "/v1/imports/{import_id:uuid}",
    operation_id="readImport",
    tags=["imports"],
    summary="How far an import is, what came of it, and which rows were wrong.",
)
async def read_import(
    import_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ImportView:
    """Follow an import of your company."""
    return await service.read_import(platform, caller, import_id)


ROUTES: Final = (start_import, read_import)
