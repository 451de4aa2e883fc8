"""Contents on their way in and out: bounded in size, number and time, never on disk unsealed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import update

from marketplace.kernel.errors import BodyTooLarge, Conflict, NotFound, Unavailable, invalid
from marketplace.kernel.limits import (
    DOCUMENT_BYTES_MAX,
    DOCUMENT_SECONDS_MAX,
    DOCUMENTS_AT_ONCE_MAX,
    DOCUMENTS_OF_COMPANY_MAX,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from rfq.attachments.scanning import scanned
from rfq.attachments.schemas import Scan
from rfq.attachments.tables import DocumentRow, OpenedAttachmentRow
from rfq.rules.documents import DocumentKind, recognised, served_name
from rfq.rules.sealed_files import digest


class HeldContents:
    """How many contents this process holds in memory, and of whom."""

    def __init__(self) -> None:
        self._of: Counter[UUID] = Counter()

    @contextmanager
    def room(self, company_id: UUID) -> Iterator[None]:
        """Hold one; raises Unavailable where there are enough already."""
        if (
            self._of.total() >= DOCUMENTS_AT_ONCE_MAX
            or self._of[company_id] >= DOCUMENTS_OF_COMPANY_MAX
        ):
            raise Unavailable(
                "Other documents are under way; send this one again.", retry_after_s=2
            )
        self._of[company_id] += 1
        try:
            yield
        finally:
            self._of[company_id] -= 1
            self._of += Counter()  # forgets whoever holds none


@dataclass(frozen=True, slots=True)
class Content:
    """A document that was received: what it is, and what the scanner says of it."""

    data: bytes
    kind: DocumentKind
    sha256: str
    scan: Scan


@dataclass(frozen=True, slots=True)
class Download:
    """A document on its way out."""

    data: bytes
    kind: DocumentKind
    name: str

    def headers(self) -> dict[str, str]:
        """Give headers with which no browser shows or runs it as a part of this site."""
        name = served_name(self.name, self.kind)
        plain = "".join(
            c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name
        )
        return {
            "Content-Disposition": (
                f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
            ),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        }


async def received(platform: Platform, chunks: AsyncIterator[bytes]) -> Content:
    """Take a content in and look at it.

    Raises BodyTooLarge, and InvalidInput for what is not taken or the scanner refuses. With the
    scanner away it is taken as not scanned: a deadline waits for no scanner.
    """
    data = await gathered(chunks, DOCUMENT_BYTES_MAX)
    kind = await asyncio.to_thread(recognised, data)
    verdict, reason = await scanned(platform, data)
    if verdict is Scan.REFUSED:
        raise invalid("", "refused_by_scanner", f"The scanner refuses this document. {reason}")
    return Content(data, kind, digest(data), verdict)


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


def sealed_key(procedure_id: UUID, stored_digest: bytes, attachment_id: UUID | None = None) -> str:
    """Give where a sealed file lies; with its id where two uploads may be the same bytes.

    What we seal never is. What a client sealed he may send twice, and the upload that fails removes
    its own file, not the other.
    """
    name = stored_digest.hex()
    return f"sealed/{procedure_id}/{name if attachment_id is None else f'{name}-{attachment_id}'}"


async def stored(platform: Platform, key: str) -> bytes:
    """Read a stored file whole; raises NotFound."""
    return b"".join([chunk async for chunk in platform.files.read_stream(key)])


async def keep_file(platform: Platform, key: str, data: bytes) -> None:
    """Store a file whole; one of the same key has the same content."""

    async def whole() -> AsyncIterator[bytes]:
        yield data

    await platform.files.write_stream(key, whole(), bytes_max=len(data))


def check_released(scan: Scan, invalid_reason: str | None = None) -> None:
    """Refuse what did not open or what the scanner refused; raises Conflict."""
    if invalid_reason is not None:
        raise Conflict(f"This document cannot be read. {invalid_reason}")
    if scan is Scan.REFUSED:
        raise Conflict("The scanner refuses this document; it is released to nobody.")


async def verdict_now(platform: Platform, data: bytes) -> Scan:
    """Scan what could not be scanned before; raises Unavailable while the scanner is away."""
    verdict, reason = await scanned(platform, data)
    if verdict is Scan.UNSCANNED:
        raise Unavailable(reason, retry_after_s=30)
    return verdict


async def keep_verdict(
    platform: Platform,
    table: type[DocumentRow | OpenedAttachmentRow],
    row_id: UUID,
    verdict: Scan,
) -> None:
    """Keep what the scanner said at last: by the engine, for no reader may change such a row."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.execute(update(table).where(table.id == row_id).values(scan=verdict.value))


def same(data: bytes, sha256: str) -> bytes:
    """Give what was read from the store if it is what was put there; raises NotFound."""
    if digest(data) != sha256:
        raise NotFound("The stored document was changed; it is not released.")
    return data
