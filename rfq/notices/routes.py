"""Notices over HTTP."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from marketplace.kernel.limits import NOTICE_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.body import media_type_of, wrong_header
from marketplace.platform.http.contents import check_uncompressed
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.schemas import CurrencyText
from marketplace.platform.idempotency import IdempotencyKey
from rfq.notices import service
from rfq.notices.schemas import CheckedNotice, ImportedNotice, ProcedureNoticeView

TAGS: Final = ["notices"]
_MEDIA_TYPES: Final = ("application/json", "application/xml", "application/octet-stream")
_ALSO: Final = ("text/xml", "text/json")


@dataclass
class NoticeUpload(Operation):
    """An operation whose body is a notice."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description=(
                "A release of OCDS 1.1, by itself or in a package of one (JSON), or an eForms "
                f"notice (XML); at most {NOTICE_BYTES_MAX // 1_048_576} MB. Its first character "
                "tells which."
            ),
            content={
                name: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
                for name in _MEDIA_TYPES
            },
        )


Currency = Annotated[
    CurrencyText,
    QueryParameter(name="currency", description="Of the draft where the notice names none."),
]


async def _body(request: Request[Any, Any, Any]) -> bytes:
    media_type = media_type_of(request.headers.get("content-type", ""))
    if media_type not in {*_MEDIA_TYPES, *_ALSO} and not media_type.endswith(("+json", "+xml")):
        raise wrong_header("Content-Type", f"Send the notice as {', '.join(_MEDIA_TYPES)}.")
    check_uncompressed(request, "notice")
    return await request.body()


@post(
    "/v1/procedures/import",
    operation_id="importNotice",
    operation_class=NoticeUpload,
    tags=TAGS,
    summary="Take a notice over as a draft, and be told what of it was not",
    request_max_body_size=NOTICE_BYTES_MAX,
)
async def import_notice(
    request: Request[Any, Any, Any],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
    currency: Currency = service.CURRENCY,
) -> Response[ImportedNotice]:
    """Take a notice over."""
    made = await service.import_notice(
        platform, caller, await _body(request), currency, idempotency_key
    )
    return Response(made, headers={"ETag": f'"{made.procedure.version}"'})


@post(
    "/v1/procedures/import/check",
    operation_id="checkNotice",
    operation_class=NoticeUpload,
    tags=TAGS,
    summary="Tell what would come of a notice; nothing is written",
    request_max_body_size=NOTICE_BYTES_MAX,
    status_code=200,
)
async def check_notice(
    request: Request[Any, Any, Any],
    caller: Given[Caller],
    platform: Given[Platform],
    currency: Currency = service.CURRENCY,
) -> CheckedNotice:
    """Check a notice."""
    return await service.check_notice(platform, caller, await _body(request), currency)


@get(
    "/v1/procedures/{procedure_id:uuid}/notice",
    operation_id="readNotice",
    tags=TAGS,
    summary="Read which notice a draft was made of, and what of it was taken over",
)
async def read_notice(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> ProcedureNoticeView:
    """Read the notice of a draft."""
    return await service.read_notice(platform, caller, procedure_id)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (import_notice, check_notice, read_notice)
