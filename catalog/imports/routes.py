"""HTTP of imports."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter

from catalog.exports.downloads import FileDownload
from catalog.exports.writers import MEDIA_TYPES, ExportFormat
from catalog.imports import service
from catalog.imports.schemas import DecimalWish, ImportKind, ImportSummary, ImportView, OnError
from catalog.imports.templates import template
from marketplace.kernel.limits import UPLOAD_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.body import media_type_of, wrong_header
from marketplace.platform.http.contents import body_stream
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import Page, PageRequest, paged

_MEDIA_TYPES: Final = (
    "text/csv",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/xml",
    "application/octet-stream",
)
"""What a file may be called; what it is its first bytes tell."""
_ALSO: Final = ("text/xml", "application/ndjson", "text/tab-separated-values")


@dataclass
class FileUpload(Operation):
    """An operation whose body is a file of one of several formats."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description=(
                "CSV (UTF-8 or Windows-1252; comma, semicolon, tab or pipe; decimal point or "
                "comma; a header names its columns), NDJSON, XLSX (the first sheet that is not "
                "hidden) or BMEcat 2005. The first bytes tell which."
            ),
            content={
                name: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
                for name in _MEDIA_TYPES
            },
        )


@post(
    "/v1/imports",
    operation_id="startImport",
    tags=["imports"],
    summary="Upload a file of offers, products, prices or stock; the answer tells where to look.",
    status_code=202,
    request_max_body_size=UPLOAD_BYTES_MAX,
    operation_class=FileUpload,
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
    dry_run: Annotated[
        bool,
        QueryParameter(name="dry_run", description="Tell what would come of it; write nothing."),
    ] = False,
    decimal: Annotated[
        DecimalWish,
        QueryParameter(
            name="decimal",
            description="auto: the numbers of the file show their decimal mark. Else say it.",
        ),
    ] = DecimalWish.AUTO,
) -> ImportView:
    """Take a file. Sending it again changes nothing."""
    return await service.start_import(
        platform,
        caller,
        kind,
        on_error,
        price_list_id,
        _stream(request),
        publish=publish,
        dry_run=dry_run,
        decimal=decimal,
    )


async def _stream(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    media_type = media_type_of(request.headers.get("content-type", ""))
    if media_type not in {*_MEDIA_TYPES, *_ALSO}:
        raise wrong_header("Content-Type", f"Send the file as {', '.join(_MEDIA_TYPES)}.")
    async for chunk in body_stream(request, "file"):
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


@get(
    "/v1/imports",
    operation_id="listImports",
    tags=["imports"],
    summary="Your company's imports, the latest first.",
)
async def list_imports(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[ImportSummary]]:
    """List imports, each with how far it is; what was wrong with its rows it tells itself."""
    return paged(page_request, await service.list_imports(platform, caller, page_request))


@post(
    "/v1/imports/{import_id:uuid}/cancel",
    operation_id="cancelImport",
    tags=["imports"],
    summary="End an import before it has written anything.",
    status_code=200,
)
async def cancel_import(
    import_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ImportView:
    """Cancel it; what it would have written stays as it is. A finished one answers 409."""
    return await service.cancel_import(platform, caller, import_id)


@get(
    "/v1/imports/template",
    operation_id="readImportTemplate",
    operation_class=FileDownload,
    tags=["imports"],
    summary="A file with the columns of a kind and one example row, to begin with.",
)
async def read_import_template(
    caller: Given[Caller],
    kind: Annotated[
        ImportKind, QueryParameter(name="kind", description="What the file is to hold.")
    ] = ImportKind.OFFERS,
    chosen: Annotated[
        ExportFormat, QueryParameter(name="format", description="What the file is.")
    ] = ExportFormat.CSV,
) -> Response[bytes]:
    """Give a template."""
    return Response(
        template(caller, kind, chosen),
        media_type=MEDIA_TYPES[chosen],
        headers={"Content-Disposition": f'attachment; filename="{kind.value}.{chosen.value}"'},
    )


ROUTES: Final = (start_import, list_imports, read_import, cancel_import, read_import_template)
