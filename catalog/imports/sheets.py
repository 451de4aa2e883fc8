"""XLSX files as rows that are checked. Pure but for a temporary file.

A workbook can only be read when all of it is there, so it is gathered in a temporary file and
looked at before it is unpacked: how many parts, how large each really is, how far they shrink. A
workbook beyond the bounds is refused; a million rows are for CSV or NDJSON.
"""

import tempfile
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
from marketplace.platform.archives import ArchiveBounds, BadArchive, checked_parts, unpacked

_BOUNDS: Final = ArchiveBounds(SHEET_PARTS_MAX, SHEET_BYTES_MAX, SHEET_RATIO_MAX)
_SPOOLED_BYTES_MAX: Final = 4 * 1_048_576
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

    Each part is unpacked and counted first, and seen how far it reaches.
    """
    try:
        parts = checked_parts(file, _BOUNDS)
        if "[Content_Types].xml" not in {part.filename for part in parts}:
            raise NoWorkbook("broken", "This is an archive, and no XLSX workbook.")
        for part in parts:
            reach = SheetBounds()
            for piece in unpacked(file, part):
                reach.feed(piece)
    except BadArchive as bad:
        if bad.code == "too_large":
            detail = f"{bad.detail} Send what is larger as CSV or NDJSON."
            raise NoWorkbook("workbook_too_large", detail) from bad
        if bad.code == "encrypted":
            raise NoWorkbook("encrypted", "The workbook is protected by a password.") from bad
        raise NoWorkbook(bad.code, bad.detail) from bad
    except Unbounded:
        detail = (
            f"A sheet has at most {SHEET_CELLS_MAX:,} cells, from the first to the last column "
            "and row, and no comments between them; send what is larger as CSV or NDJSON."
        )
        raise NoWorkbook("workbook_too_large", detail) from None
