"""Sheets over HTTP: the page or the PDF, by ``?format=`` or else by `Accept`; and their style."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final

import msgspec
from litestar import Response, get
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import HeaderParameter, QueryParameter

from marketplace.platform.http.access import unless_kept
from marketplace.platform.settings import font_directories
from marketplace.platform.sheets.model import Sheet
from marketplace.platform.sheets.page import STYLE, page
from marketplace.platform.typesetting import PDF, typeset

_HERE: Final = Path(__file__).parent
_TEMPLATE: Final = _HERE / "sheet.typ"
HTML: Final = "text/html"
# Counts with the look: what is kept of an older one is another answer.
_LOOK: Final = hashlib.sha256(
    b"".join((_HERE / name).read_bytes() for name in ("sheet.typ", "page.py", "../fonts.py"))
    + "".join(map(str, font_directories())).encode()
).digest()
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Language",
}


class SheetFormat(StrEnum):
    """In what a sheet is answered."""

    HTML = "html"
    PDF = "pdf"


FormatQuery = Annotated[
    SheetFormat | None,
    QueryParameter(name="format", description="Page or PDF; it goes before `Accept`."),
]
Accept = Annotated[
    str | None,
    HeaderParameter(
        name="Accept",
        required=False,
        description="application/pdf asks for the PDF; whatever else gets the page.",
    ),
]
ZoneQuery = Annotated[
    str | None,
    QueryParameter(
        name="time_zone",
        max_length=64,
        description="Times are shown in this IANA time zone; without it in the procedure's.",
    ),
]


@dataclass
class SheetAnswer(Operation):
    """An operation that answers with a page or a PDF."""

    media_types: ClassVar[Sequence[str]] = (HTML, PDF)

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The document.", content=dict.fromkeys(self.media_types, text)
            ),
        }


def asked_format(chosen: SheetFormat | None, accept: str | None) -> SheetFormat:
    """Give the format a request asks for."""
    if chosen is not None:
        return chosen
    named = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    return SheetFormat.PDF if PDF in named and HTML not in named else SheetFormat.HTML


async def sheet_answer(
    sheet: Sheet, form: SheetFormat, at: datetime, foot: str, name: str, kept: str | None
) -> Response[bytes]:
    """Answer with a sheet, or 304 to who keeps it; `at` and `foot` are the PDF's.

    `name` is the file's, without its ending.
    """
    data = {"sheet": sheet, "foot": foot}
    seen = hashlib.sha256(_LOOK + form.value.encode() + msgspec.json.encode([data, at]))
    tag = f'"{seen.hexdigest()[:32]}"'
    if (same := unless_kept(Response(b""), tag, kept)).status_code == 304:  # noqa: PLR2004
        return same
    if form is SheetFormat.HTML:
        written = await asyncio.to_thread(page, sheet)
        return Response(written, media_type=HTML, headers={**_HEADERS, "ETag": tag})
    made = await typeset(_TEMPLATE, data, at)
    headers = {
        **_HEADERS,
        "ETag": tag,
        "Content-Disposition": f'inline; filename="{name}.pdf"',
    }
    return Response(made.pdf, media_type=PDF, headers=headers)


@get(STYLE, include_in_schema=False)
async def read_style() -> Response[bytes]:
    """Give the style of all pages."""
    headers = {"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "max-age=3600"}
    return Response((_HERE / "sheet.css").read_bytes(), media_type="text/css", headers=headers)


ROUTES: Final = (read_style,)
