"""NDJSON files as streams of checked rows: one flat JSON object a line, keyed by column. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from catalog.imports.decimals import DecimalMark
from catalog.imports.rows import (
    VALUE_CHARACTERS_SHOWN,
    Column,
    FileReader,
    Layout,
    PlainRows,
)
from marketplace.kernel.limits import COLUMNS_KNOWN_MAX, RECORD_BYTES_MAX

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

R = TypeVar("R")


def _no_constant(name: str) -> str:
    msg = f"{name} is no number"
    raise ValueError(msg)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "a key stands twice"
        raise ValueError(msg)
    return made


_DECODER: Final = json.JSONDecoder(
    # Numbers stay the text they are: no digit is lost on the way through a float.
    parse_float=str,
    parse_int=str,
    parse_constant=_no_constant,
    object_pairs_hook=_once,
)


class NdjsonReader(FileReader[R]):
    """Reads one NDJSON file; numbers may be strings, and null is an empty field."""

    def __init__(self, layout: Layout[R], *, errors_max: int) -> None:
        super().__init__(layout, errors_max=errors_max, mark=DecimalMark("."))
        self._pending = b""
        self._line = 0
        self._known: dict[str, Column | None] = {}

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Take the next bytes; give the rows that are complete."""
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        rows: list[R | PlainRows] = [row for line in lines for row in self._take(line)]
        if len(self._pending) > RECORD_BYTES_MAX:
            self._too_long(self._line + 1)
            self._pending = b""
        return rows

    def finish(self) -> Iterator[R | PlainRows]:
        """Take the end of the file; give the last rows."""
        line, self._pending = self._pending, b""
        yield from self._take(line)
        if not self._line and not self.broken:
            self.fatal(1, "empty_file", "The file is empty: each line is a JSON object.")

    def _take(self, line: bytes) -> Iterator[R]:
        if self.broken:
            return
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if len(line) > RECORD_BYTES_MAX:
            self._too_long(self._line)
            return
        if not line.strip():
            return
        self.row_count += 1
        fields = self._fields(line)
        row = None if fields is None else self.make_row(self._line, fields)
        if row is not None:
            yield row

    def _too_long(self, line: int) -> None:
        self.fatal(line, "row_too_long", f"A row has more than {RECORD_BYTES_MAX} bytes.")

    def _fields(self, line: bytes) -> list[tuple[Column, str]] | None:
        """Give the texts of the columns; None, and errors, where the line is no flat object."""
        try:
            text = line.decode()
            decoded = _DECODER.decode(text.strip())
        except UnicodeDecodeError:
            shown = line.decode(errors="replace")
            self.refuse(self._line, "", "not_utf8", "NDJSON is written in UTF-8.", shown)
            return None
        except (ValueError, RecursionError) as error:
            detail = f"This line is no JSON: {str(error)[:VALUE_CHARACTERS_SHOWN]}."
            self.refuse(self._line, "", "broken", detail, text)
            return None
        if not isinstance(decoded, dict):
            self.refuse(self._line, "", "broken", "Each line is a JSON object.", text)
            return None
        fields: list[tuple[Column, str]] = []
        errors_before = self.error_count
        for name, value in decoded.items():
            column = self._column(name)
            if column is None:
                detail = f"A file of {self.layout.name} has the columns {self.layout.told}."
                self.refuse(self._line, name[:VALUE_CHARACTERS_SHOWN], "unknown_column", detail, "")
            elif isinstance(value, bool):
                fields.append((column, "true" if value else "false"))
            elif isinstance(value, str):
                fields.append((column, value))
            elif value is not None:
                detail = "A value is a text or a number, no list and no object."
                self.refuse(self._line, name, "not_flat", detail, "")
        return fields if self.error_count == errors_before else None

    def _column(self, name: str) -> Column | None:
        if name not in self._known and len(self._known) < COLUMNS_KNOWN_MAX:
            self._known[name] = self.layout.find(name)
        return self._known.get(name)
