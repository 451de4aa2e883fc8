"""XLSX files as rows that are checked. Pure but for a temporary file.

A workbook can only be read when all of it is there, so it is gathered in a temporary file and
looked at before it is unpacked: how many parts, how large each really is, how far they shrink. A
workbook beyond the bounds is refused; a million rows are for CSV or NDJSON.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any, Final, TypeVar

import python_calamine

from catalog.imports.decimals import DecimalMark
from catalog.imports.rows import Column, Exact, FileReader, Layout, PlainRows
from catalog.imports.sheet_bounds import SheetBounds, Unbounded
from marketplace.kernel.limits import (
    SHEET_BYTES_MAX,
    SHEET_CELLS_MAX,
    SHEET_PARTS_MAX,
    SHEET_RATIO_MAX,
    SHEET_UPLOAD_BYTES_MAX,
)

_PIECE: Final = 256 * 1024
_SPOOLED_BYTES_MAX: Final = 4 * 1_048_576
_SMALL: Final = 1_048_576
"""What unpacks to less than this bombs nothing, however far it shrinks."""
_FLOAT_DIGITS: Final = 15
"""Decimal digits a spreadsheet keeps and shows; what follows comes of the binary fraction."""

R = TypeVar("R")


class NoWorkbook(Exception):
    """The file cannot be taken as a workbook."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class SheetReader(FileReader[R]):
    """Reads the first sheet of one XLSX workbook; its first row with content names the columns.

    A cell's line is its row in the sheet. A cell with a number is one; a text that looks like one
    is read by the rules for files.
    """

    from_spreadsheet = True

    def __init__(
        self, layout: Layout[R], *, errors_max: int, mark: DecimalMark | None = None
    ) -> None:
        super().__init__(layout, errors_max=errors_max, mark=mark)
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES_MAX)  # noqa: SIM115
        self._size = 0

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Gather the next bytes; no row can be read before the last."""
        self._size += len(chunk)
        if self._size > SHEET_UPLOAD_BYTES_MAX:
            detail = (
                f"A workbook has at most {SHEET_UPLOAD_BYTES_MAX // 1_048_576} MB; send what is "
                "larger as CSV or NDJSON."
            )
            self.fatal(0, "workbook_too_large", detail)
        if not self.broken:
            self._file.write(chunk)
        return []

    def finish(self) -> Iterator[R | PlainRows]:
        """Read the sheet."""
        with self._file:
            if self.broken:
                return
            try:
                check_parts(self._file)
                rows = _cells(self._file)
            except NoWorkbook as wrong:
                self.fatal(0, wrong.code, wrong.detail)
                return
            yield from self._take(rows)

    def _take(self, rows: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[R]:
        header: list[Column | None] = []
        for line, cells in rows:
            texts = [_text(cell) for cell in cells]
            if not any(text.strip() for text in texts):
                continue
            if not header:
                names = [text.strip().lower() for text in texts]
                while names and not names[-1]:
                    names.pop()
                if not self.check_names(line, names):
                    return
                header = [self.layout.find(name) for name in names]
                continue
            self.row_count += 1
            texts += [""] * (len(header) - len(texts))
            if any(text.strip() for text in texts[len(header) :]):
                detail = f"The header has {len(header)} columns; this row has a cell beyond them."
                self.refuse(line, "", "wrong_number_of_fields", detail, "")
                continue
            pairs = [(column, text) for column, text in zip(header, texts, strict=False) if column]
            row = self.make_row(line, pairs)
            if row is not None:
                yield row
        if not header:
            self.fatal(1, "empty_file", "The first sheet is empty: its first row names columns.")


def _cells(file: IO[bytes]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Give the rows of the first sheet with their numbers, which count from 1."""
    file.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(file)
        sheet = book.get_sheet_by_index(0)
        return enumerate(sheet.iter_rows(), 1)
    except (python_calamine.CalamineError, OSError, IndexError, ValueError) as error:
        detail = "This is no XLSX workbook, or a damaged one."
        raise NoWorkbook("broken", detail) from error


def _text(cell: Any) -> str:
    """Give a cell as the text that somebody would have typed into a CSV file."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        exact = Decimal(f"{cell:.{_FLOAT_DIGITS}g}")
        return Exact(f"{exact.normalize():f}" if exact else "0")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else f"{cell.isoformat()}Z"
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


def check_parts(file: IO[bytes]) -> None:
    """Refuse an archive that would unpack to more than a workbook has; raises NoWorkbook.

    What the archive says of its sizes is not believed: each part is unpacked and counted first,
    in constant memory, and must be what was said.
    """
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            _check_said(parts, names)
            for part in parts:
                _check_part(file, part)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise NoWorkbook("broken", "This is no XLSX workbook, or a damaged one.") from error


def _check_said(parts: Sequence[zipfile.ZipInfo], names: set[str]) -> None:
    if len(parts) > SHEET_PARTS_MAX or len(names) != len(parts):
        detail = f"A workbook has at most {SHEET_PARTS_MAX} parts, each once."
        raise NoWorkbook("zip_bomb", detail)
    if "[Content_Types].xml" not in names:
        raise NoWorkbook("broken", "This is an archive, and no XLSX workbook.")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > SHEET_BYTES_MAX:
        detail = (
            f"Unpacked, a workbook has at most {SHEET_BYTES_MAX // 1_048_576} MB, this one "
            f"{unpacked // 1_048_576}; send what is larger as CSV or NDJSON."
        )
        raise NoWorkbook("workbook_too_large", detail)
    for part in parts:
        if part.flag_bits & 1:
            raise NoWorkbook("encrypted", "The workbook is protected by a password.")
        if part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise NoWorkbook("broken", "This workbook is packed in a way that is not read here.")
        if part.file_size > max(_SMALL, part.compress_size * SHEET_RATIO_MAX):
            raise NoWorkbook("zip_bomb", "A part of this file unpacks to too many times its size.")


def _check_part(file: IO[bytes], part: zipfile.ZipInfo) -> None:
    """Unpack a part, keep nothing; compare its size with what was said, see how far it reaches."""
    file.seek(part.header_offset)
    head = file.read(30)
    if head[:4] != b"PK\x03\x04":
        raise NoWorkbook("broken", "This is no XLSX workbook, or a damaged one.")
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    unpacked, bounds = 0, SheetBounds()
    for piece in _unpacked(file, part):
        unpacked += len(piece)
        if unpacked > part.file_size:
            break
        try:
            bounds.feed(piece)
        except Unbounded:
            detail = (
                f"A sheet has at most {SHEET_CELLS_MAX:,} cells, from the first to the last column "
                "and row, and no comments between them; send what is larger as CSV or NDJSON."
            )
            raise NoWorkbook("workbook_too_large", detail) from None
    if unpacked != part.file_size:
        raise NoWorkbook("zip_bomb", "A part of this file is not as large as the file says.")


def _unpacked(file: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give the bytes of a part, which begins here, piece by piece."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    left = part.compress_size
    while left:
        piece = file.read(min(_PIECE, left))
        if not piece:
            return
        left -= len(piece)
        if part.compress_type == zipfile.ZIP_STORED:
            yield piece
            continue
        while piece:
            try:
                yield unpack.decompress(piece, _PIECE)
            except zlib.error as error:
                raise NoWorkbook("broken", "This workbook is damaged.") from error
            piece = unpack.unconsumed_tail
