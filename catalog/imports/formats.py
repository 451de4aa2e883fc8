"""Which format a file has: told by what it begins with, never by its name. Pure."""
# ruff: noqa: PLC0415 - libraries of XML and workbooks take 7 MB of every process that reads neither.

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar, cast

from catalog.imports.decimals import DecimalMark
from catalog.imports.layouts import PRICE_UPDATES, PRICES
from catalog.imports.ndjson import NdjsonReader
from catalog.imports.rows import FileReader, Layout, PlainRows
from catalog.imports.separated import CsvReader

R = TypeVar("R")

HEAD_BYTES: Final = 512
"""What is looked at."""


class FileFormat(StrEnum):
    """A format of files that is read here."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"
    BMECAT = "bmecat"


_MAGIC: Final[dict[bytes, FileFormat | str]] = {
    b"PK\x03\x04": FileFormat.XLSX,
    b"\xd0\xcf\x11\xe0": "This is a workbook of the old kind (XLS) or one with a password; save it "
    "as XLSX without.",
    b"\x1f\x8b": "This file is compressed; send it as it is.",
    b"%PDF": "This is a PDF; send CSV, XLSX, NDJSON or BMEcat.",
    b"\xff\xfe": "This file is in UTF-16; save it as UTF-8.",
    b"\xfe\xff": "This file is in UTF-16; save it as UTF-8.",
}
_ONE_LIST: Final = "This is one JSON list; send one JSON object a line (NDJSON)."
_SIGNS: Final[dict[bytes, FileFormat | str]] = {
    b"<": FileFormat.BMECAT,
    b"{": FileFormat.NDJSON,
    b"[{": _ONE_LIST,
    b"[\n": _ONE_LIST,
    b"[\r": _ONE_LIST,
    b"[ ": _ONE_LIST,
}


def recognize(head: bytes) -> FileFormat | str:
    """Give the format of a file that begins with `head`, or why it is none that is read here."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, meaning in _MAGIC.items():
        if head.startswith(magic):
            return meaning
    if b"\0" in head:
        return "This is no text; send CSV, XLSX, NDJSON or BMEcat."
    found = (meaning for sign, meaning in _SIGNS.items() if text.startswith(sign))
    return next(found, FileFormat.CSV)


class AnyReader(FileReader[R]):
    """Reads a file of any format: the first bytes choose the reader."""

    def __init__(
        self,
        layout: Layout[R],
        *,
        errors_max: int,
        decimal: Literal["auto", "comma", "point"] = "auto",
        plain: bool = False,
        currency: str | None = None,
    ) -> None:
        super().__init__(layout, errors_max=errors_max)
        self._currency = currency
        self.format: FileFormat | None = None
        self._decimal = decimal
        self._wants_plain = plain
        self._head = b""
        self._reader: FileReader[R] | None = None

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Take the next bytes; give the rows that are complete."""
        if self._reader is None:
            self._head += chunk
            if len(self._head) < HEAD_BYTES or self.broken:
                return []
            chunk, self._head = self._head, b""
            self._choose(chunk)
        if self._reader is None:
            return []
        rows = self._reader.feed(chunk)
        self._count(self._reader)
        return rows

    def finish(self) -> Iterator[R | PlainRows]:
        """Take the end of the file; give the last rows."""
        head, self._head = self._head, b""
        if self._reader is None and not self.broken:
            self._choose(head)
        reader = self._reader
        if reader is not None:
            yield from reader.feed(head)
            for row in reader.finish():
                self.row_count = reader.row_count
                yield row
            self._count(reader)

    def _choose(self, head: bytes) -> None:
        format_or_reason = recognize(head[:HEAD_BYTES])
        if not isinstance(format_or_reason, FileFormat):
            self.fatal(0, "wrong_format", format_or_reason)
            return
        self.format = format_or_reason
        self._reader = self._made(format_or_reason)

    def _made(self, chosen: FileFormat) -> FileReader[R]:
        common: dict[str, Any] = {"errors_max": self._errors_max}
        marks: dict[str, Any] = {"comma": ",", "point": "."}
        text = chosen in {FileFormat.CSV, FileFormat.XLSX}
        mark = self.mark = DecimalMark(marks.get(self._decimal) if text else ".")
        match chosen:
            case FileFormat.CSV:
                return CsvReader(self.layout, mark=mark, plain=self._wants_plain, **common)
            case FileFormat.NDJSON:
                return NdjsonReader(self.layout, **common)
            case FileFormat.XLSX:
                from catalog.imports.sheets import SheetReader

                return SheetReader(self.layout, mark=mark, **common)
            case FileFormat.BMECAT:
                from catalog.imports.bmecat import BmecatReader

                # Prices alone come without what the offer or the list says already.
                layout = PRICE_UPDATES if self.layout.name == PRICES.name else self.layout
                return BmecatReader(cast("Layout[R]", layout), currency=self._currency, **common)

    def _count(self, reader: FileReader[R]) -> None:
        self.errors = reader.errors
        self.error_count = reader.error_count
        self.row_count = reader.row_count
        self.broken = reader.broken
