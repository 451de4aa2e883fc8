"""Rows as files: CSV, NDJSON and XLSX. Pure but for XLSX.

A writer gives bytes as rows come, and holds no more than the rows it was just given; a workbook is
gathered in a temporary file, for its parts can only be packed when all is there.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol, cast

import msgspec

from catalog.imports.defusing import FORMULA, defused
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import InvalidInput, invalid
from marketplace.kernel.limits import SHEET_ROWS_MAX

_PIECE: Final = 256 * 1024
UNCLEAR: Final = r"[1-9][0-9]{0,2}\.[0-9]{3}"
"""A number whose mark may part decimals or thousands; see `catalog.imports.decimals`."""
_UNCLEAR: Final = re.compile(UNCLEAR)
_FLOAT_DIGITS: Final = 15
_QUOTED: Final = re.compile(r'[",\r\n]')
_FORMULAS: Final = re.compile(rf"\n(?:{FORMULA})")
_UNCLEAR_NUMBERS: Final = re.compile(rf"\n(?:{UNCLEAR})\n")


class NumberText(str):
    """A number as a text without superfluous zeros, as ladders hold them."""

    __slots__ = ()


Cell = str | Decimal | None
"""A text, a number, or an empty field."""
CellRow = Sequence[Cell]


class ExportFormat(StrEnum):
    """A format of files that is written here."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"


MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv",
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class RowWriter(Protocol):
    """Writes one file: `begin`, `rows` as often as there are some, `end`."""

    def begin(self) -> bytes:
        """Give what stands before the rows."""

    def rows(self, rows: Sequence[CellRow]) -> bytes:
        """Give rows."""

    def end(self) -> Iterator[bytes]:
        """Give what stands behind the rows."""


def number_text(number: Decimal) -> str:
    """Write a number without superfluous zeros, and so that no mark can be taken for thousands.

    ``1.234`` may be read in two ways, ``1.2340`` in one; see `catalog.imports.decimals`.
    """
    return _clear(plain_decimal(number))


def _clear(text: str) -> str:
    return f"{text}0" if _UNCLEAR.fullmatch(text) else text


class CsvWriter:
    """UTF-8, separated by commas, quoted where needed, formulas defused."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        """Give the header."""
        return (",".join(self._columns) + "\r\n").encode()

    def rows(self, rows: Sequence[CellRow]) -> bytes:
        """Give rows; column by column, since most of what may need care stands in none of them."""
        columns = [_texts(column) for column in zip(*rows, strict=True)]
        lines = map(",".join, zip(*columns, strict=True))
        return "".join([f"{line}\r\n" for line in lines]).encode()

    def end(self) -> Iterator[bytes]:
        """Give nothing."""
        yield from ()


def _texts(column: Sequence[Cell]) -> Sequence[str]:
    """Give the cells of one column as they stand in a row."""
    first = column[0]
    kinds = set(map(type, column))
    if len(kinds) == 1 and column.count(first) == len(column):
        return [quoted(cell_text(first))] * len(column)
    if kinds in ({str}, {NumberText}):
        texts = cast("Sequence[str]", column)
        whole = "\n".join(("", *texts, ""))
        care = _FORMULAS if kinds == {str} else _UNCLEAR_NUMBERS
        if whole.count("\n") == len(texts) + 1 and not (
            "," in whole or '"' in whole or "\r" in whole or care.search(whole)
        ):
            return texts
    return [quoted(cell_text(cell)) for cell in column]


def cell_text(cell: Cell) -> str:
    """Write what a cell holds: formulas defused, numbers clear, nothing where it is empty."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return number_text(cell)
    return _clear(cell) if isinstance(cell, NumberText) else defused(cell)


def quoted(text: str) -> str:
    """Put a text in quotes where a row would fall apart without."""
    if _QUOTED.search(text) is None:
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def plain_text(cell: str | Decimal) -> str:
    """Write what a cell holds for a reader who knows no other marks than the point."""
    return plain_decimal(cell) if isinstance(cell, Decimal) else str(cell)


class NdjsonWriter:
    """One JSON object a line; numbers as strings, empty fields left out."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        """Give nothing."""
        return b""

    def rows(self, rows: Sequence[CellRow]) -> bytes:
        """Give rows."""
        return b"".join(
            msgspec.json.encode(
                {
                    name: plain_text(cell)
                    for name, cell in zip(self._columns, row, strict=True)
                    if cell is not None
                }
            )
            + b"\n"
            for row in rows
        )

    def end(self) -> Iterator[bytes]:
        """Give nothing."""
        yield from ()


class XlsxWriter:
    """One sheet; a number that a spreadsheet cannot hold exactly is a text."""

    def __init__(self, columns: Sequence[str]) -> None:
        # It takes 3 MB of every process that writes no workbook.
        import xlsxwriter  # noqa: PLC0415

        self._columns = columns
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        self._book = xlsxwriter.Workbook(
            self._file,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_numbers": False,
                "strings_to_urls": False,
            },
        )
        self._sheet = self._book.add_worksheet()
        self._next = 0

    def begin(self) -> bytes:
        """Write the header."""
        self._sheet.freeze_panes(1, 0)
        self._add(self._columns)
        return b""

    def rows(self, rows: Sequence[CellRow]) -> bytes:
        """Write rows; raises InvalidInput for more than a sheet holds."""
        if self._next + len(rows) > SHEET_ROWS_MAX:
            raise too_many_for_a_sheet()
        for row in rows:
            self._add(row)
        return b""

    def _add(self, row: CellRow) -> None:
        for column, cell in enumerate(row):
            if isinstance(cell, Decimal | NumberText):
                self._add_number(column, Decimal(cell))
            elif cell is not None:
                self._sheet.write_string(self._next, column, defused(cell))
        self._next += 1

    def _add_number(self, column: int, number: Decimal) -> None:
        value = float(number)
        if Decimal(f"{value:.{_FLOAT_DIGITS}g}") == number:
            self._sheet.write_number(self._next, column, value)
        else:
            self._sheet.write_string(self._next, column, number_text(number))

    def end(self) -> Iterator[bytes]:
        """Give the workbook."""
        with self._file:
            self._book.close()
            self._file.seek(0)
            while piece := self._file.read(_PIECE):
                yield piece


def too_many_for_a_sheet() -> InvalidInput:
    """Make the error of rows that no sheet holds."""
    detail = f"A sheet has at most {SHEET_ROWS_MAX} rows; ask for csv or ndjson."
    return invalid("?format", "too_many_rows", detail)


def writer_of(chosen: ExportFormat, columns: Sequence[str]) -> Any:
    """Make the writer of a format for plain rows."""
    writers = {
        ExportFormat.CSV: CsvWriter,
        ExportFormat.NDJSON: NdjsonWriter,
        ExportFormat.XLSX: XlsxWriter,
    }
    return writers[chosen](columns)
