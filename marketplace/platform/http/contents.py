"""Contents over HTTP: bodies and answers that are files."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from litestar import Request
from litestar.background_tasks import BackgroundTask
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType
from litestar.response import Stream

from marketplace.kernel.limits import DOCUMENT_BYTES_MAX
from marketplace.platform.contents.kinds import ALL, DocumentKind, told
from marketplace.platform.http.body import wrong_header

BINARY: Final = "application/octet-stream"
TEXT: Final = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
DOCUMENT_BODY_BYTES_MAX: Final = DOCUMENT_BYTES_MAX + 1
"""One more than is taken, so that the answer says in which bound it failed."""


def check_uncompressed(request: Request[Any, Any, Any], what: str = "document") -> None:
    """Refuse a body that would have to be unpacked first; raises WrongMediaType."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise wrong_header("Content-Encoding", f"Send the {what} as it is, not compressed.")


async def body_stream(
    request: Request[Any, Any, Any], what: str = "document"
) -> AsyncIterator[bytes]:
    """Give a body piece by piece; raises WrongMediaType for one that is compressed."""
    check_uncompressed(request, what)
    async for chunk in request.stream():
        yield chunk


async def started(stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Begin a stream now, so that what is wrong is told before the answer begins."""
    first = await anext(stream, None)
    while first == b"":
        first = await anext(stream, None)

    async def whole() -> AsyncGenerator[bytes, None]:
        try:
            if first:
                yield first
            async for piece in stream:
                if piece:
                    yield piece
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    return whole()


async def streamed(
    pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]
) -> Stream:
    """Answer with pieces; what is wrong before the first of them is told as an error.

    They are closed when the answer ends, however it does. Else what they hold, such as a
    connection, waits for the collector of garbage where a reader has left or takes nothing.
    """
    begun = await started(pieces)

    async def close() -> None:  # the method itself is none that the framework would await
        await begun.aclose()

    return Stream(
        begun, background=BackgroundTask(close), media_type=media_type, headers=dict(headers)
    )


def kinds_in_order(kinds: Collection[DocumentKind]) -> Sequence[str]:
    """Give media types, in the order in which they are always named."""
    return [kind.value for kind in DocumentKind if kind in kinds]


@dataclass
class DocumentUpload(Operation):
    """An operation whose body is a document."""

    kinds: ClassVar[Collection[DocumentKind]] = ALL
    note: ClassVar[str] = "Documents with macros are not taken."

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description=(
                f"{told(self.kinds)}, at most {DOCUMENT_BYTES_MAX // 1_048_576} MB. What it is its "
                f"content tells, not its name or Content-Type. {self.note}"
            ),
            content=dict.fromkeys((BINARY, *kinds_in_order(self.kinds)), TEXT),
        )


@dataclass
class DocumentDownload(Operation):
    """An operation that answers with a document."""

    kinds: ClassVar[Collection[DocumentKind]] = ALL

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The document.",
                content=dict.fromkeys(kinds_in_order(self.kinds), TEXT),
            ),
        }
