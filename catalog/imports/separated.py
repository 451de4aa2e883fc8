"""CSV files as streams of checked rows. Pure: bytes in, rows and row errors out.

A file is UTF-8 (with or without a byte order mark) or Windows-1252, of which Latin-1 is a part; its
fields are separated by comma, semicolon, tab or pipe (recognized by the header) and quoted as in
RFC 4180; its numbers have a decimal point or a decimal comma. The first bytes of the file tell all
that. At no time is more held than those, one chunk and one record.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from catalog.imports.decimals import DecimalMark
from catalog.imports.plain import PlainForm
from catalog.imports.recognizing import header_names, recognize_encoding, recognize_separator
from catalog.imports.rows import Column, FileReader, Layout, PlainRows
from marketplace.kernel.limits import RECORD_BYTES_MAX, TITLE_ROWS_MAX

SAMPLE_BYTES: Final = 64 * 1024
"""What is looked at before the first row is read."""
BLOCK_BYTES: Final = 16 * 1024
"""Lines taken at one look: a block with one row that is not plain is read row by row."""
_SAYS_SEPARATOR: Final = re.compile(r"\"?sep=.\"?\s*", re.IGNORECASE)
"""A first line by which Excel is told the separator; here the header tells it."""

R = TypeVar("R")


class CsvReader(FileReader[R]):
    """Reads one CSV file; `plain` lets it give rows that need no closer look as `PlainRows`."""

    from_spreadsheet = True

    def __init__(
        self,
        layout: Layout[R],
        *,
        errors_max: int,
        mark: DecimalMark | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__(layout, errors_max=errors_max, mark=mark)
        self._wants_plain = plain
        self._plain: PlainForm | None = None
        self._sampling = True
        self._pending = b""
        self._record: list[bytes] = []
        self._record_bytes = 0
        self._line = 0
        self._record_line = 1
        self._separator = ","
        self._encoding: str | None = None
        self._fields: Sequence[Column | None] | None = None

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Take the next bytes; give the rows that are complete."""
        data = self._pending + chunk
        if self._sampling:
            if len(data) < SAMPLE_BYTES:
                self._pending = data
                return []
            self._recognize(data[:SAMPLE_BYTES], whole=False)
        end = data.rfind(b"\n") + 1
        self._pending = data[end:]
        rows = list(self._take(data[:end]))
        if len(self._pending) > RECORD_BYTES_MAX:
            self._give_up()
        return rows

    def finish(self) -> Iterator[R | PlainRows]:
        """Take the end of the file; give the last rows."""
        if self._sampling:
            self._recognize(self._pending, whole=True)
        data, self._pending = self._pending, b""
        end = data.rfind(b"\n") + 1
        yield from self._take(data[:end])
        if data[end:]:
            yield from self._take_line(data[end:])
        if self._record and not self.broken:
            self.fatal(self._record_line, "broken", "A quoted field is never closed.")
        if self._fields is None:
            self.ended_before_header(self._record_line)

    def _recognize(self, sample: bytes, *, whole: bool) -> None:
        """Learn encoding and decimal mark from the first bytes."""
        self._sampling = False
        self._encoding = recognize_encoding(sample)
        lines = sample.decode(self._encoding or "ascii", "replace").lstrip("\ufeff").splitlines()
        header = self._header_in(lines)
        if header is not None and not self.mark.mark:
            separator = self._separator_of(lines[header])
            numeric = {column.name for column in self.layout.columns if column.numeric}
            names = header_names(lines[header], separator)
            places = [place for place, name in enumerate(names) if name in numeric]
            self.mark.learn(
                row[place].strip()
                for row in _rows(lines[header + 1 : None if whole else -1], separator)
                for place in places
                if place < len(row)
            )

    def _header_in(self, lines: Sequence[str]) -> int | None:
        """Find the header among the first lines, as `read_header` will when it comes to them."""
        titles = 0
        for place, line in enumerate(lines):
            if not line.strip() or _SAYS_SEPARATOR.fullmatch(line):
                continue
            names = header_names(line, self._separator_of(line))
            if self.is_header([name for name in names if name], below_title=titles > 0):
                return place
            titles += 1
            if titles > TITLE_ROWS_MAX:
                return None
        return None

    def _separator_of(self, header: str) -> str:
        return recognize_separator(header, lambda name: self.layout.find(name) is not None)

    def _take(self, data: bytes) -> Iterator[R | PlainRows]:
        """Take whole lines: block by block where they are plain, else one by one."""
        start = 0
        while start < len(data) and not self.broken:
            end = len(data)
            if self._fields is None:
                end = data.find(b"\n", start) + 1
            elif end - start > BLOCK_BYTES:
                end = data.rfind(b"\n", start, start + BLOCK_BYTES) + 1
                end = end or data.find(b"\n", start) + 1
            block = data[start:end]
            start = end
            plain = self._read_plain(block)
            if plain is not None:
                self._line += plain.row_count
                self.row_count += plain.row_count
                yield plain
                continue
            for line in block[:-1].split(b"\n"):
                yield from self._take_line(line)

    def _read_plain(self, block: bytes) -> PlainRows | None:
        if self._plain is None or self._record or b'"' in block:
            return None
        try:
            text = self._decode(block)
        except UnicodeDecodeError:
            return None
        return self._plain.read(text, self._line + 1, self.mark.mark)

    def _decode(self, data: bytes) -> str:
        """Decode; the first bytes beyond ASCII settle the encoding where the sample did not."""
        if self._encoding is None and not data.isascii():
            self._encoding = recognize_encoding(data)
        return data.decode(self._encoding or "ascii")

    def _take_line(self, line: bytes) -> Iterator[R]:
        """Gather a physical line; a record may span several."""
        if self.broken:
            return
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
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
        line = self._record_line
        try:
            text = self._decode(record)
        except UnicodeDecodeError:
            detail = "These bytes are not UTF-8; export the file as CSV in UTF-8."
            if self._fields is None:
                self.fatal(line, "not_utf8", detail)
            else:
                self.refuse(line, "", "not_utf8", detail, record.decode(errors="replace"))
            return
        if self._fields is None:
            self._read_header(text.removesuffix("\r"))
            return
        try:
            fields = next(csv.reader([text], delimiter=self._separator, strict=True))
        except csv.Error as error:
            self.row_count += 1
            self.refuse(line, "", "broken", f"This row is no CSV: {error}.", text)
            return
        if not any(map(str.strip, fields)):
            return
        self.row_count += 1
        width = len(self._fields)
        if len(fields) < width or any(map(str.strip, fields[width:])):
            detail = f"The header has {width} columns, this row {len(fields)}."
            self.refuse(line, "", "wrong_number_of_fields", detail, text)
            return
        yield from self.row_of(line, self._fields, fields)

    def _read_header(self, text: str) -> None:
        """Recognize the separator and the columns; a header with an error breaks the file."""
        if "\0" in text:
            detail = "This is no text in UTF-8 or Windows-1252; export the file as CSV in UTF-8."
            self.fatal(self._record_line, "not_utf8", detail)
            return
        if "\r" in text:
            detail = "Its lines end as no program ends them today; save it as CSV UTF-8 once more."
            self.fatal(self._record_line, "line_ends", detail)
            return
        if _SAYS_SEPARATOR.fullmatch(text):
            return
        self._separator = self._separator_of(text)
        names = header_names(text, self._separator)
        self._fields = self.read_header(self._record_line, names)
        columns = [column for column in self._fields or () if column is not None]
        if self._fields is not None and len(columns) == len(self._fields):
            plain = PlainForm(self.layout, columns, self._separator)
            self._plain = plain if self._wants_plain and plain.possible else None

    def _give_up(self) -> None:
        if not self.broken:
            line = self._record_line if self._record else self._line + 1
            detail = f"A row has more than {RECORD_BYTES_MAX} bytes; is a quote left open?"
            self.fatal(line, "row_too_long", detail)
        self._pending, self._record, self._record_bytes = b"", [], 0


def _rows(lines: list[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error:
        return


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
