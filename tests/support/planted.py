"""Planted secrets, and where they are found: in any form a database could have written them.

A price is looked for as text, as the digits of a `numeric`, as a whole number of millionths in
eight bytes and as a double, in both orders of bytes, and each of these also in hexadecimal, as
dumps write bytes. Values that Postgres compressed (pglz, in the row or in the first piece beside
it; the embedded server has no lz4) are unpacked wherever they lie, in tables or in the log, and the
log's records are put together where a page ends in them.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

Needles = Mapping[str, bytes]

_BASE: Final = 10_000
_MILLION: Final = 1_000_000
_PIECE: Final = 1_996
_ZEROS_AT_AN_END: Final = 64
"""As many may belong to what is looked for, such as a whole number in eight bytes."""
# A page of the write-ahead log: its header, and the bit of its flags that says it is the long one.
_PAGE: Final = 8_192
_SHORT_HEADER: Final = 24
_LONG_HEADER: Final = 40
_IS_LONG: Final = 2


def price_needles(price: str) -> dict[str, bytes]:
    """Every form of a price, by its name."""
    amount = Decimal(price)
    digits = list(_numeric_digits(amount))
    millionths = int(amount * _MILLION)
    plain = {
        "text": price.encode(),
        "digits": price.replace(".", "").encode(),
        "millionths": str(millionths).encode(),
        "numeric": struct.pack(f"<{len(digits)}h", *digits),
        "numeric sent": struct.pack(f">{len(digits)}h", *digits),
        "int8": struct.pack("<q", millionths),
        "int8 sent": struct.pack(">q", millionths),
        "float8": struct.pack("<d", float(amount)),
        "float8 sent": struct.pack(">d", float(amount)),
    }
    return plain | {f"{name}, hex": needle.hex().encode() for name, needle in plain.items()}


def text_needles(name: str, content: bytes) -> dict[str, bytes]:
    """A text as it is and in hexadecimal."""
    return {name: content, f"{name}, hex": content.hex().encode()}


def _numeric_digits(amount: Decimal) -> Iterator[int]:
    """The digits to the base of 10,000 that a `numeric` stores, without zeros at the ends."""
    whole, _, places = format(amount, "f").partition(".")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    places = places.ljust(-(-len(places) // 4) * 4, "0")
    digits = [int((whole + places)[i : i + 4]) for i in range(0, len(whole + places), 4)]
    while digits and digits[-1] == 0:
        digits.pop()
    yield from digits


def found(needles: Needles, content: bytes) -> set[str]:
    """The names of the needles in a content, or in what is compressed within it."""
    names = {name for name, needle in needles.items() if needle in content}
    for unpacked in _unpacked(content):
        names |= {name for name, needle in needles.items() if needle in unpacked}
    return names


def found_in(
    needles: Needles, directories: Iterable[Path], since: float = 0
) -> dict[str, set[str]]:
    """By the part of a directory it lies in, what is found in any file written `since` then."""
    parts: dict[str, set[str]] = {}
    for directory in directories:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                content = _written(path.read_bytes())
                names = found(needles, records(content) if "pg_wal" in path.parts else content)
                if names:
                    part = "/".join(path.relative_to(directory).parts[:2])
                    parts.setdefault(part, set()).update(names)
    return parts


def _written(file: bytes) -> bytes:
    """What a file holds, without the zeros it is filled up with (the log by megabytes)."""
    return file[: len(file.rstrip(b"\0")) + _ZEROS_AT_AN_END]


def records(log: bytes) -> bytes:
    """The records of a file of the write-ahead log, without the headers of its pages.

    A record goes on behind the header of the next page (access/xlog_internal.h): what it holds lies
    in the file in two parts.
    """
    pages = (log[start : start + _PAGE] for start in range(0, len(log), _PAGE))
    return b"".join(page[_header_of(page) :] for page in pages)


def _header_of(page: bytes) -> int:
    return _LONG_HEADER if page[2:3] and page[2] & _IS_LONG else _SHORT_HEADER


# A compressed value in a row: four bytes of length, whose lowest bits are 10, then the size of what
# it unpacks to with the method in the highest bits (pglz: none set). A whole piece of one beside
# the row: the length of such a piece (2,000), then the same.
_IN_ROW: Final = re.compile(
    rb"[\x02\x06\x0a\x0e\x12\x16\x1a\x1e\x22\x26\x2a\x2e\x32\x36\x3a\x3e"
    rb"\x42\x46\x4a\x4e\x52\x56\x5a\x5e\x62\x66\x6a\x6e\x72\x76\x7a\x7e"
    rb"\x82\x86\x8a\x8e\x92\x96\x9a\x9e\xa2\xa6\xaa\xae\xb2\xb6\xba\xbe"
    rb"\xc2\xc6\xca\xce\xd2\xd6\xda\xde\xe2\xe6\xea\xee\xf2\xf6\xfa\xfe]"
    rb"[\x00-\x7f]\x00\x00(?=..[\x00-\x0f]\x00)",
    re.DOTALL,
)
_BESIDE: Final = re.compile(rb"\x40\x1f\x00\x00(?=..[\x00-\x0f]\x00)", re.DOTALL)
_HEADER: Final = struct.Struct("<II")
_RATIO_MAX: Final = 100
"""Three bytes of pglz stand for 273 at most; what claims more is something else."""


def _unpacked(content: bytes) -> Iterator[bytes]:
    for match in _IN_ROW.finditer(content):
        start = match.start()
        header, size = _HEADER.unpack_from(content, start)
        packed = (header >> 2) - _HEADER.size
        if 8 < packed < size < packed * _RATIO_MAX:
            start += _HEADER.size
            yield pglz(content[start : start + packed], size)
    for match in _BESIDE.finditer(content):
        start = match.end()
        size = int.from_bytes(content[start : start + 4], "little")
        if size > _PIECE:
            yield pglz(content[start + 4 : start + _PIECE], size)


@cache
def pglz(packed: bytes, size: int) -> bytes:
    """Unpack Postgres' own compression as far as it goes (src/common/pg_lzcompress.c).

    Cached, since the system's own tables are the same in each database.
    """
    out, place = bytearray(), 0
    while place < len(packed) and len(out) < size:
        control = packed[place]
        place += 1
        for bit in range(8):
            if place >= len(packed) or len(out) >= size:
                break
            if not control >> bit & 1:
                out.append(packed[place])
                place += 1
                continue
            if place + 1 >= len(packed):
                return bytes(out)
            length = (packed[place] & 0x0F) + 3
            offset = (packed[place] & 0xF0) << 4 | packed[place + 1]
            place += 2
            if length == 18:
                if place >= len(packed):
                    return bytes(out)
                length += packed[place]
                place += 1
            if not 0 < offset <= len(out):
                return bytes(out)
            _copy(out, offset, length)
    return bytes(out)


def _copy(out: bytearray, offset: int, length: int) -> None:
    start = len(out) - offset
    piece = bytes(out[start : start + length])
    while len(piece) < length:
        piece += piece
    out += piece[:length]
