"""XLSX files as rows that are checked. Pure but for a temporary file.

A workbook can only be read when all of it is there, so it is gathered in a temporary file and
looked at before it is unpacked: how many parts, how large each really is, how far they shrink. A
workbook beyond the bounds is refused; a million rows are for CSV or NDJSON.
"""

import tempfile
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any, Final, NamedTuple, TypeVar

import python_calamine

from catalog.imports.decimals import DecimalMark
from catalog.imports.recognizing import header_name
from catalog.imports.rows import Column, Exact, Faulty, FileReader, Layout, PlainRows, Rounded
from catalog.imports.sheet_bounds import Address, SheetBounds, Unbounded
from marketplace.kernel.hardened_xml import root_of
from marketplace.kernel.limits import (
    IMPORT_ROW_ERRORS_MAX,
    SHEET_BYTES_MAX,
    SHEET_CELLS_MAX,
    SHEET_INDEX_BYTES_MAX,
    SHEET_PARTS_MAX,
    SHEET_RATIO_MAX,
    SHEET_UPLOAD_BYTES_MAX,
)
from marketplace.platform.archives import ArchiveBounds, BadArchive, checked_parts, unpacked

_BOUNDS: Final = ArchiveBounds(SHEET_PARTS_MAX, SHEET_BYTES_MAX, SHEET_RATIO_MAX)
_SPOOLED_BYTES_MAX: Final = 4 * 1_048_576
_FLOAT_DIGITS: Final = 15
"""Decimal digits a spreadsheet keeps and shows; what follows comes of the binary fraction."""
_ROUNDED: Final = 10**_FLOAT_DIGITS
"""From here on a number has more digits than that."""
_FAULT: Final = "#error"
_NAME_SHOWN: Final = 40
_BOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"

R = TypeVar("R")


class NoWorkbook(Exception):
    """The file cannot be taken as a workbook."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class SheetReader(FileReader[R]):
    """Reads the first sheet of one XLSX workbook that is not hidden; a row of it names the columns.

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
                parts = check_parts(self._file)
                sheet = _first_sheet(self._file)
            except NoWorkbook as wrong:
                self.fatal(0, wrong.code, wrong.detail)
                return
            self._where = f"The first sheet ({sheet.name[:_NAME_SHOWN]!r}; no other is read)"
            faults = parts.faults_of(sheet.name)
            if len(faults) > IMPORT_ROW_ERRORS_MAX:
                detail = (
                    f"More than {IMPORT_ROW_ERRORS_MAX:,} cells have a formula that gives an "
                    "error, such as #N/A; mend these or empty the cells."
                )
                self.fatal(min(faults)[0], "error_cell", detail)
                return
            yield from self._take(sheet, faults)

    def _take(self, sheet: "_Sheet", faults: AbstractSet[Address]) -> Iterator[R]:
        header: Sequence[Column | None] | None = None
        faulty = {row for row, _ in faults}
        for line, cells in enumerate(sheet.rows, 1):
            texts = [_text(cell) for cell in cells]
            if line in faulty:
                texts = [
                    Faulty(_FAULT) if (line, column) in faults else text
                    for column, text in enumerate(texts, sheet.first_column)
                ]
            if not any(text.strip() for text in texts):
                continue
            if header is None:
                header = self.read_header(line, [header_name(text) for text in texts])
                if self.broken:
                    return
                continue
            self.row_count += 1
            texts += [""] * (len(header) - len(texts))
            if any(text.strip() for text in texts[len(header) :]):
                detail = f"The header has {len(header)} columns; this row has a cell beyond them."
                self.refuse(line, "", "wrong_number_of_fields", detail, "")
                continue
            yield from self.row_of(line, header, texts)
        if header is None:
            self.ended_before_header(1)


class _Sheet(NamedTuple):
    """A sheet from its first row on, empty or not, and from its `first_column` with content on."""

    name: str
    first_column: int
    rows: Iterator[Sequence[Any]]


def _first_sheet(file: IO[bytes]) -> _Sheet:
    """Give the first sheet that is not hidden; raises NoWorkbook."""
    file.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(file)
        shown = python_calamine.SheetVisibleEnum.Visible
        name = next(each.name for each in book.sheets_metadata if each.visible == shown)
        sheet = book.get_sheet_by_name(name)
        _, left = sheet.start or (0, 0)
        return _Sheet(name, left + 1, sheet.iter_rows())
    except StopIteration as error:
        raise NoWorkbook("broken", "This workbook has no sheet that is shown.") from error
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
        told = f"{exact.normalize():f}" if exact else "0"
        return Rounded(told) if abs(cell) >= _ROUNDED else Exact(told)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else f"{cell.isoformat()}Z"
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


class Parts:
    """What is learned of a workbook's parts before it is read."""

    def __init__(self) -> None:
        self._faults: dict[str, AbstractSet[Address]] = {}
        self._kept: dict[str, bytes] = {}

    def look(self, name: str, pieces: Iterator[bytes]) -> None:
        """See how far a part reaches, and which of its cells have errors; raises Unbounded."""
        reach = SheetBounds()
        kept = b""
        for piece in pieces:
            reach.feed(piece)
            if name in {_BOOK, _RELATIONS} and len(kept) <= SHEET_INDEX_BYTES_MAX:
                kept += piece
        self._faults[name] = reach.faults
        self._kept[name] = kept if len(kept) <= SHEET_INDEX_BYTES_MAX else b""

    def faults_of(self, sheet: str) -> AbstractSet[Address]:
        """Give the cells of a sheet whose formulas gave an error: a reader sees nothing in them.

        Where it cannot be told which part holds the sheet, those of all parts.
        """
        part = _part_of(sheet, self._kept.get(_BOOK, b""), self._kept.get(_RELATIONS, b""))
        if part in self._faults:
            return self._faults[part]
        return frozenset().union(*self._faults.values())


def _part_of(sheet: str, book: bytes, relations: bytes) -> str | None:
    """Give which part holds the sheet with a name; None where that is not told."""
    named, targets = root_of(book), root_of(relations)
    if named is None or targets is None:
        return None
    found = next((each for each in named.iter("{*}sheet") if each.get("name") == sheet), None)
    ids = set() if found is None else {v for k, v in found.items() if str(k).endswith("}id")}
    for each in targets.iter("{*}Relationship"):
        if each.get("Id") in ids:
            target: str = each.get("Target", "")
            return target[1:] if target.startswith("/") else f"xl/{target}"
    return None


def check_parts(file: IO[bytes]) -> Parts:
    """Refuse an archive that would unpack to more than a workbook has; raises NoWorkbook.

    Each part is unpacked and counted first, and seen how far it reaches.
    """
    looked = Parts()
    try:
        parts = checked_parts(file, _BOUNDS)
        if "[Content_Types].xml" not in {part.filename for part in parts}:
            raise NoWorkbook("broken", "This is an archive, and no XLSX workbook.")
        for part in parts:
            looked.look(part.filename, unpacked(file, part))
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
    return looked
