"""Which documents are taken: by what they are, never by what they are called.

An allow-list of a dozen kinds, each known by its first bytes and, where it is an archive, by the
parts it has. Office documents are unpacked and counted; macros are refused.
"""

import io
import re
import unicodedata
from collections.abc import Collection
from enum import StrEnum
from typing import Final

from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import (
    DOCUMENT_PARTS_MAX,
    DOCUMENT_PIXELS_MAX,
    DOCUMENT_RATIO_MAX,
    DOCUMENT_UNPACKED_BYTES_MAX,
    NAME_CHARACTERS_MAX,
)
from marketplace.platform.archives import ArchiveBounds, BadArchive, checked_parts, unpacked


class DocumentKind(StrEnum):
    """What a document may be; its value is the media type it is served with."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    TEXT = "text/plain"

    @property
    def extensions(self) -> tuple[str, ...]:
        """What names of such files end with; the first is what we add."""
        return _EXTENSIONS.get(self, (self.name.lower(),))


_EXTENSIONS: Final = {
    DocumentKind.TEXT: ("txt", "csv", "xml", "md"),
    DocumentKind.JPEG: ("jpg", "jpeg"),
    DocumentKind.TIFF: ("tif", "tiff"),
}
_MAGIC: Final = (
    (b"%PDF-", DocumentKind.PDF),
    (b"\x89PNG\r\n\x1a\n", DocumentKind.PNG),
    (b"\xff\xd8\xff", DocumentKind.JPEG),
    (b"II*\x00", DocumentKind.TIFF),
    (b"MM\x00*", DocumentKind.TIFF),
)
_ZIP: Final = b"PK\x03\x04"
_OOXML: Final = (
    ("word/document.xml", DocumentKind.DOCX),
    ("xl/workbook.xml", DocumentKind.XLSX),
    ("ppt/presentation.xml", DocumentKind.PPTX),
)
_ODF: Final = {
    kind.value.encode(): kind for kind in (DocumentKind.ODT, DocumentKind.ODS, DocumentKind.ODP)
}
_MACROS: Final = re.compile(r"(vbaProject|vbaData|macrosheets/|^Basic/|^Scripts/)", re.IGNORECASE)
_PDF_END: Final = 2_048
_PNG_HEAD: Final = 24
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_BOUNDS: Final = ArchiveBounds(DOCUMENT_PARTS_MAX, DOCUMENT_UNPACKED_BYTES_MAX, DOCUMENT_RATIO_MAX)
_NAMES: Final = {DocumentKind.TEXT: "plain text in UTF-8", DocumentKind.WEBP: "WebP"}
ALL: Final = frozenset(DocumentKind)


def told(kinds: Collection[DocumentKind]) -> str:
    """Name kinds in words."""
    *names, last = [_NAMES.get(kind, kind.name) for kind in DocumentKind if kind in kinds]
    return f"{', '.join(names)} and {last}"


def recognised(content: bytes, taken: Collection[DocumentKind] = ALL) -> DocumentKind:
    """Tell what a document is; raises InvalidInput for what is not taken, or too much unpacked."""
    if not content:
        raise invalid("", "empty", "The document is empty.")
    kind = _kind(content)
    if kind is None or kind not in taken:
        refused = "This is no document that is taken"
        if content.startswith(_ZIP) and DocumentKind.DOCX in taken:
            refused = "An archive is not taken, but for office documents"
        running = "" if DocumentKind.TEXT in taken else "; neither SVG nor HTML, which can run"
        raise invalid("", "kind_not_taken", f"{refused}. Taken are {told(taken)}{running}.")
    return kind


def _kind(content: bytes) -> DocumentKind | None:
    if content.startswith(_ZIP):
        return _archive(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return DocumentKind.WEBP
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if kind is DocumentKind.PDF and b"%%EOF" not in content[-_PDF_END:]:
        raise invalid("", "broken", "This PDF has no end: it is not all there.")
    if kind is DocumentKind.PNG:
        _check_pixels(content)
    if kind is None and _is_text(content):
        return DocumentKind.TEXT
    return kind


def _is_text(content: bytes) -> bool:
    if _CONTROLS.search(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_pixels(content: bytes) -> None:
    width = int.from_bytes(content[16:20], "big")
    height = int.from_bytes(content[20:_PNG_HEAD], "big")
    if len(content) < _PNG_HEAD or width * height > DOCUMENT_PIXELS_MAX:
        detail = f"A picture has at most {DOCUMENT_PIXELS_MAX // 1_000_000} million points."
        raise invalid("", "too_large", detail)


def _archive(content: bytes) -> DocumentKind | None:
    file = io.BytesIO(content)
    try:
        parts = checked_parts(file, _BOUNDS)
        names = {part.filename for part in parts}
        kind = next((kind for name, kind in _OOXML if name in names), None)
        if "[Content_Types].xml" not in names:
            kind = None
        for number, part in enumerate(parts):
            if _MACROS.search(part.filename):
                raise invalid("", "macros", "Documents with macros are not taken; save it without.")
            # All is unpacked, and none of it kept: only so it is known to be what is said.
            beginning = b""
            for piece in unpacked(file, part):
                beginning = beginning or piece
            if number == 0 and part.filename == "mimetype":
                kind = _ODF.get(beginning.strip())
    except BadArchive as bad:
        raise invalid("", bad.code, bad.detail) from bad
    return kind


def check_name(name: str, pointer: str) -> None:
    """Refuse a file's name that is a path or shows itself other than it is; raises InvalidInput."""
    if not name or len(name) > NAME_CHARACTERS_MAX:
        detail = f"A file's name has 1 to {NAME_CHARACTERS_MAX} characters."
        raise invalid(pointer, "bad_name", detail)
    hidden = any(unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"} for character in name)
    if hidden or any(mark in name for mark in '/\\:*?"<>|') or name.strip(" .") != name:
        detail = "A file's name has no / \\ : * ? \" < > |, no hidden character, no dot at its end."
        raise invalid(pointer, "bad_name", detail)


def served_name(name: str, kind: DocumentKind) -> str:
    """Give the name a document is saved under: it ends as documents of its kind do."""
    if name.lower().endswith(tuple(f".{end}" for end in kind.extensions)):
        return name
    return f"{name}.{kind.extensions[0]}"
