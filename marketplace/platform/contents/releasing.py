"""Contents on their way out: as they were put there, and never as a page of ours."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from marketplace.kernel.errors import NotFound
from marketplace.platform.contents.kinds import DocumentKind, served_name
from marketplace.platform.core import Platform
from marketplace.platform.shares import Shares

_PIECE_BYTES: Final = 256 * 1024
_CHANGED: Final = "The stored document was changed; it is not released."


def release_headers(name: str, kind: DocumentKind) -> dict[str, str]:
    """Give headers with which no browser shows or runs a content as a part of this site."""
    name = served_name(name, kind)
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return {
        "Content-Disposition": (
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        ),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


@dataclass(frozen=True, slots=True)
class Download:
    """A document on its way out: nothing of it is read before its first piece is asked for."""

    pieces: AsyncIterator[bytes]
    size_bytes: int
    kind: DocumentKind
    name: str

    def headers(self) -> dict[str, str]:
        """Give its headers; see `release_headers`."""
        return {**release_headers(self.name, self.kind), "Content-Length": str(self.size_bytes)}


async def in_room(
    shares: Shares, company_id: UUID, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Give a content for as long as its reader takes; raises Unavailable before the first piece."""
    with shares.room(company_id):
        async for piece in pieces:
            yield piece


async def pieces_of(data: bytes) -> AsyncIterator[bytes]:
    """Give what is held in memory piece by piece, so that it is not copied whole once more."""
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]


async def stored(platform: Platform, key: str) -> bytes:
    """Read a stored file whole; raises NotFound."""
    return b"".join([chunk async for chunk in platform.files.read_stream(key)])


def same(data: bytes, sha256: str) -> bytes:
    """Give what was read from the store if it is what was put there; raises NotFound."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise NotFound(_CHANGED)
    return data


async def unchanged(platform: Platform, key: str, sha256: str) -> AsyncIterator[bytes]:
    """Give a stored file piece by piece, after a first look at all of it; raises NotFound.

    It is read twice, so that nothing is released of one that was changed, in constant memory.
    """
    digest = hashlib.sha256()
    async for chunk in platform.files.read_stream(key):
        digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise NotFound(_CHANGED)
    async for chunk in platform.files.read_stream(key):
        yield chunk
