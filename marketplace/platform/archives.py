"""ZIP archives, looked into before anybody unpacks them.

What an archive says of its sizes is not believed: each part is unpacked and counted, in constant
memory, and must be what was said.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

_PIECE: Final = 256 * 1024
_SMALL: Final = 1_048_576
"""What unpacks to less than this bombs nothing, however far it shrinks."""
_BROKEN: Final = "This archive is damaged."


@dataclass(frozen=True, slots=True)
class ArchiveBounds:
    """How many parts an archive may have, how large all are unpacked, how far one shrinks."""

    parts_max: int
    bytes_max: int
    ratio_max: int


class BadArchive(Exception):
    """The archive is not taken; `code` is broken, encrypted, too_large or zip_bomb."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def checked_parts(file: IO[bytes], bounds: ArchiveBounds) -> Sequence[zipfile.ZipInfo]:
    """List the parts of an archive that keeps the bounds by what it says; raises BadArchive.

    Whether it says the truth is seen in `unpacked`.
    """
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise BadArchive("broken", _BROKEN) from error
    if len(parts) > bounds.parts_max or len({part.filename for part in parts}) != len(parts):
        raise BadArchive("zip_bomb", f"At most {bounds.parts_max} parts, each once.")
    size = sum(part.file_size for part in parts)
    if size > bounds.bytes_max:
        most = bounds.bytes_max // 1_048_576
        detail = f"Unpacked it may have {most} MB, and has {size // 1_048_576}."
        raise BadArchive("too_large", detail)
    for part in parts:
        if part.header_offset < 0:  # the beginning of the file is missing
            raise BadArchive("broken", _BROKEN)
        if part.flag_bits & 1:
            raise BadArchive("encrypted", "It is protected by a password.")
        if part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise BadArchive("broken", "It is packed in a way that is not read here.")
        if part.file_size > max(_SMALL, part.compress_size * bounds.ratio_max):
            raise BadArchive("zip_bomb", "A part of this file unpacks to too many times its size.")
    return parts


def unpacked(file: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack a part piece by piece; raises BadArchive where it is not as large as was said."""
    size = 0
    for piece in _pieces(file, part):
        size += len(piece)
        if size > part.file_size:
            break
        yield piece
    if size != part.file_size:
        raise BadArchive("zip_bomb", "A part of this file is not as large as the file says.")


def _pieces(file: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    file.seek(part.header_offset)
    head = file.read(30)
    if head[:4] != b"PK\x03\x04":
        raise BadArchive("broken", _BROKEN)
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
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
                raise BadArchive("broken", _BROKEN) from error
            piece = unpack.unconsumed_tail
