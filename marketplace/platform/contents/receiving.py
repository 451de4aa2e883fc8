"""Contents on their way in: bounded in size, number and time, and known before they are kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from marketplace.kernel.errors import BodyTooLarge, Unavailable, invalid
from marketplace.kernel.limits import (
    DOCUMENT_BYTES_MAX,
    DOCUMENT_SECONDS_MAX,
    DOCUMENTS_AT_ONCE_MAX,
    DOCUMENTS_OF_COMPANY_MAX,
)
from marketplace.platform.contents.kinds import ALL, DocumentKind, recognised
from marketplace.platform.contents.scanning import Scan, scanned
from marketplace.platform.core import Platform
from marketplace.platform.shares import Shares


class HeldContents(Shares):
    """How many contents this process holds in memory at once, for one use, and of whom."""

    def __init__(
        self, at_once: int = DOCUMENTS_AT_ONCE_MAX, of_company: int = DOCUMENTS_OF_COMPANY_MAX
    ) -> None:
        refusal = "Other documents are under way; send this one again."
        super().__init__(at_once, of_company, refusal=refusal, retry_after_s=2)


@dataclass(frozen=True, slots=True)
class Content:
    """A document that was received: what it is, and what the scanner says of it."""

    data: bytes
    kind: DocumentKind
    sha256: str
    scan: Scan


async def received(
    platform: Platform, chunks: AsyncIterator[bytes], taken: Collection[DocumentKind] = ALL
) -> Content:
    """Take a content in and look at it.

    Raises BodyTooLarge, and InvalidInput for what is not taken or the scanner refuses. With the
    scanner away it is taken as not scanned: a deadline waits for no scanner.
    """
    data = await gathered(chunks, DOCUMENT_BYTES_MAX)
    kind = await asyncio.to_thread(recognised, data, taken)
    verdict, reason = await scanned(platform, data)
    if verdict is Scan.REFUSED:
        raise invalid("", "refused_by_scanner", f"The scanner refuses this document. {reason}")
    return Content(data, kind, (await digest_of(data)).hex(), verdict)


async def digest_of(data: bytes) -> bytes:
    """Give the SHA-256 of a content; meanwhile the process does other things."""
    return (await asyncio.to_thread(hashlib.sha256, data)).digest()


async def gathered(chunks: AsyncIterator[bytes], bytes_max: int) -> bytes:
    """Take a body in whole; raises BodyTooLarge, Unavailable for who dawdles."""
    data = bytearray()
    try:
        async with asyncio.timeout(DOCUMENT_SECONDS_MAX):
            async for chunk in chunks:
                data += chunk
                if len(data) > bytes_max:
                    most = DOCUMENT_BYTES_MAX // 1_048_576
                    raise BodyTooLarge(f"A document has at most {most} MB; send it in parts.")
    except TimeoutError:
        detail = f"The upload took more than {DOCUMENT_SECONDS_MAX} s; nothing was stored."
        raise Unavailable(detail, retry_after_s=10) from None
    return bytes(data)


async def keep_file(platform: Platform, key: str, data: bytes) -> None:
    """Store a file whole; one of the same key has the same content."""

    async def whole() -> AsyncIterator[bytes]:
        yield data

    await platform.files.write_stream(key, whole(), bytes_max=len(data))
