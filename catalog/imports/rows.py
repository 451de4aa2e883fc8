"""CSV files as streams of checked rows. Pure: bytes in, rows and row errors out.

A file is UTF-8 (with or without a byte order mark), its fields separated by comma, semicolon or
tab (recognized by the header), quoted as in RFC 4180. Bytes arrive in chunks of any size; at no
time is more held than one chunk and one record. A row that cannot be read or breaks a rule becomes
errors that name line, column, reason and value; the rows around it are read all the same.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from catalog.row_error import RowError
from marketplace.kernel.errors import MarketplaceError

RECORD_BYTES_MAX: Final = 64 * 1024
"""One record, quoted line breaks included: an unclosed quote must not swallow the file."""
VALUE_CHARACTERS_SHOWN: Final = 100
"""How much of an offending value an error repeats."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = (",", ";", "\t")

R = TypeVar("R")


class Unfit(Exception):
    """A value does not fit its column; raised by the column's parser."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a layout: an empty field is None, unless `required`."""

    name: str
    parse: Callable[[str], object]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """What a file of one kind holds.

    `make(line, *values)` builds the row from the columns' values, in their order; it may raise
    `Unfit` or an InvalidInput whose pointer names a column, for rules over several columns.
    """

    name: str
    columns: tuple[Column, ...]
    make: Callable[..., R]


class RowReader(Generic[R]):
    """Reads one file: `feed` it chunks, then `finish`; both give the good rows so far.

    `errors` gathers up to `errors_max`, `error_count` counts all. `broken` says that the rest of
    the file cannot be read: then nothing of it should be taken.
    """

    def __init__(self, layout: Layout[R], *, errors_max: int) -> None:
        self.layout = layout
        self.errors: list[RowError] = []
        self.error_count = 0
        self.row_count = 0
        self.broken = False
        self._errors_max = errors_max
        self._pending = b""
        self._record: list[bytes] = []
        self._record_bytes = 0
        self._line = 0
        self._record_line = 1
        self._separator = ","
        self._fields: list[Column | None] | None = None

    def feed(self, chunk: bytes) -> list[R]:
        """Take the next bytes; give the rows that are complete."""
        data = self._pending + chunk
        *lines, self._pending = data.split(b"\n")
        rows = [row for line in lines for row in self._take_line(line)]
        if len(self._pending) > RECORD_BYTES_MAX:
            self._give_up()
        return rows

    def finish(self) -> list[R]:
        """Take the end of the file; give the last rows."""
        rows = list(self._take_line(self._pending)) if self._pending else []
        self._pending = b""
        if self._record and not self.broken:
            self._fatal("broken", "A quoted field is never closed.")
        if self._fields is None and not self.broken:
            self._fatal("empty_file", "The file is empty: its first line names the columns.")
        return rows

    def _take_line(self, line: bytes) -> Iterator[R]:
        """Gather a physical line; a record may span several."""
        if self.broken:
            return
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not self._record:
            self._record_line = self._line
        self._record.append(line)
        self._record_bytes += len(line) + 1
        if self._record_bytes > RECORD_BYTES_MAX:
            self._give_up()
        elif not _ends_inside_quotes(line, self._separator.encode(), inside=len(self._record) > 1):
            record = b"\n".join(self._record)
            self._record, self._record_bytes = [], 0
            if record.strip():
                yield from self._take_record(record)

    def _take_record(self, record: bytes) -> Iterator[R]:
        try:
            text = record.decode()
        except UnicodeDecodeError:
            detail = "These bytes are not UTF-8; export the file as CSV in UTF-8."
            if self._fields is None:
                self._fatal("not_utf8", detail)
            else:
                self._refuse("", "not_utf8", detail, record.decode(errors="replace"))
            return
        if self._fields is None:
            self._read_header(text.removesuffix("\r"))
            return
        self.row_count += 1
        try:
            fields = next(csv.reader([text], delimiter=self._separator, strict=True))
        except csv.Error as error:
            self._refuse("", "broken", f"This row is no CSV: {error}.", text)
            return
        if len(fields) != len(self._fields):
            detail = f"The header has {len(self._fields)} columns, this row {len(fields)}."
            self._refuse("", "wrong_number_of_fields", detail, text)
            return
        row = self._make_row(fields)
        if row is not None:
            yield row

    def _make_row(self, fields: Sequence[str]) -> R | None:
        values: dict[str, object] = {}
        errors_before = self.error_count
        for column, field in zip(self._fields or (), fields, strict=True):
            if column is None:
                continue
            text = field.strip()
            if not text:
                if column.required:
                    self._refuse(column.name, "missing", f"{column.name} must be given.", "")
                continue
            try:
                values[column.name] = column.parse(text)
            except Unfit as unfit:
                self._refuse(column.name, unfit.code, unfit.detail, text)
        if self.error_count != errors_before:
            return None
        try:
            return self.layout.make(
                self._record_line, *(values.get(column.name) for column in self.layout.columns)
            )
        except Unfit as unfit:
            self._refuse("", unfit.code, unfit.detail, "")
        except MarketplaceError as error:
            for wrong in error.errors:
                name = wrong.pointer.rsplit("/", 1)[-1]
                self._refuse(name, wrong.code, wrong.detail, str(values.get(name, "")))
        return None

    def _read_header(self, text: str) -> None:
        """Recognize the separator and the columns; a header with an error breaks the file."""
        known = {column.name: column for column in self.layout.columns}
        self._separator = max(_SEPARATORS, key=lambda s: _names(text, s) and _hits(text, s, known))
        names = _names(text, self._separator)
        wrong = [(name, "unknown_column") for name in names if name not in known]
        wrong += [(name, "column_twice") for name, times in Counter(names).items() if times > 1]
        wrong += [
            (column.name, "column_missing")
            for column in self.layout.columns
            if column.required and column.name not in names
        ]
        columns = ", ".join(column.name for column in self.layout.columns)
        for name, code in wrong:
            self._refuse(name, code, f"A file of {self.layout.name} has the columns {columns}.", "")
        self._fields = [known.get(name) for name in names]
        self.broken = bool(wrong)

    def _refuse(self, column: str, code: str, detail: str, value: str) -> None:
        shown = value[:VALUE_CHARACTERS_SHOWN]
        line = self._record_line
        self._fail(RowError(line=line, column=column, code=code, detail=detail, value=shown))

    def _fail(self, error: RowError) -> None:
        self.error_count += 1
        if len(self.errors) < self._errors_max:
            self.errors.append(error)

    def _fatal(self, code: str, detail: str) -> None:
        self._refuse("", code, detail, "")
        self.broken = True

    def _give_up(self) -> None:
        if not self.broken:
            self._record_line = self._record_line if self._record else self._line + 1
            detail = f"A row has more than {RECORD_BYTES_MAX} bytes; is a quote left open?"
            self._fatal("row_too_long", detail)
        self._pending, self._record, self._record_bytes = b"", [], 0


def _names(header: str, separator: str) -> list[str]:
    try:
        fields = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []
    return [field.strip().lower() for field in fields]


def _hits(header: str, separator: str, known: dict[str, Column]) -> int:
    return sum(name in known for name in _names(header, separator))


def _ends_inside_quotes(line: bytes, separator: bytes, *, inside: bool) -> bool:
    """Tell whether a quoted field is open at the line's end; `inside` says so of its beginning.

    A quote opens a field only where the field starts.
    """
    if b'"' not in line:
        return inside
    at_start, just_closed = True, False
    quote, boundary = ord('"'), separator[0]
    for byte in line:
        if inside:
            inside = byte != quote
            just_closed = not inside
            at_start = False
        else:
            inside = byte == quote and (at_start or just_closed)
            just_closed = False
            at_start = byte == boundary
    return inside
