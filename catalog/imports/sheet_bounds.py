"""How far a sheet reaches, told by its XML before it is read. Pure.

Whoever reads a workbook makes room for columns times rows: two cells at opposite corners of a sheet
take 500 GB. So the addresses of all cells are looked at first, in constant memory. What is written
so that one could not be sure of an address is refused.
"""

import re
from typing import Final

from marketplace.kernel.limits import IMPORT_ROW_ERRORS_MAX, SHEET_CELLS_MAX

_TAG: Final = re.compile(rb"<(?:[^\s<>:]*:)?(c|row)(?=[\s/>])([^>]*)>")
_ATTRIBUTE: Final = rb"""\s+([\w.:-]+)\s*=\s*("[^"<>]*"|'[^'<>]*')"""
_ATTRIBUTES: Final = re.compile(rb"(?:%b)*\s*/?" % _ATTRIBUTE)
_EACH: Final = re.compile(_ATTRIBUTE)
_CELL: Final = re.compile(rb"([A-Za-z]{1,3})([0-9]{1,7})")
_ROW: Final = re.compile(rb"[0-9]{1,7}")
_NAME: Final = re.compile(rb"[A-Za-z_:\x80-\xff]")
_TAG_BYTES_MAX: Final = 4_096
Address = tuple[int, int]
"""Row and column of a cell, from 1."""
_UTF_16: Final = frozenset({b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"})


class Unbounded(Exception):
    """A sheet reaches too far, or it cannot be told how far."""


class SheetBounds:
    """Feed it the bytes of one part of a workbook; raises Unbounded as soon as it is.

    `faults` are the cells whose formula gave an error: of more than are told in any case, enough to
    see that.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._begun = self._has_cells = False
        self._asides = -1  # the declaration of XML is none
        self._column = self._columns = 0
        self._row = self._rows = 0
        self.faults: set[Address] = set()

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes."""
        data = self._tail + piece
        if not self._begun and len(data) >= 2:  # noqa: PLR2004 - what tells UTF-16
            self._begun = True
            if data[:2] in _UTF_16:
                raise Unbounded
        cut = data.find(b"<", data.rfind(b">") + 1)
        whole = len(data) if cut < 0 else cut
        self._tail = data[whole:]
        self._asides += data.count(b"<!", 0, whole) + data.count(b"<?", 0, whole)
        for tag in _TAG.finditer(data, 0, whole):
            self._take(tag[1], tag[2])
        if len(self._tail) > _TAG_BYTES_MAX:
            if _NAME.match(self._tail, 1):
                raise Unbounded
            self._tail = b""  # a picture, or what a printer is told
        # In a comment, what looks like a cell is none.
        if self._has_cells and self._asides > 0:
            raise Unbounded

    def _take(self, name: bytes, attributes: bytes) -> None:
        if not _ATTRIBUTES.fullmatch(attributes):
            raise Unbounded
        told = {name: value[1:-1] for name, value in reversed(_EACH.findall(attributes))}
        address = told.get(b"r")
        if name == b"row":
            self._column = 0
            self._row = self._row + 1 if address is None else _row(address)
        else:
            self._has_cells = True
            self._column += 1
            if address is not None:
                self._column, self._row = _cell(address)
            if told.get(b"t") == b"e" and len(self.faults) <= IMPORT_ROW_ERRORS_MAX:
                self.faults.add((self._row, self._column))
        self._columns = max(self._columns, self._column)
        self._rows = max(self._rows, self._row)
        if self._columns * self._rows > SHEET_CELLS_MAX:
            raise Unbounded


def _row(address: bytes) -> int:
    if not _ROW.fullmatch(address):
        raise Unbounded
    return int(address)


def _cell(address: bytes) -> tuple[int, int]:
    """Give column and row, from 1: A1 is (1, 1), AA2 is (27, 2)."""
    found = _CELL.fullmatch(address)
    if found is None:
        raise Unbounded
    column = 0
    for letter in found[1].upper():
        column = column * 26 + letter - 64
    return column, int(found[2])
