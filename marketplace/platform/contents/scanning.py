"""The scanner: a port that says whether a content may be released.

What is not known to be clean is released to nobody: a scanner that refuses, or is away, releases
nothing. `EmbeddedScanner` is the default, and no virus scanner: it knows the test file that every
scanner knows, and what a PDF may do when it is opened, as far as it stands there unpacked. Set
``MARKETPLACE_CLAMD`` to have ClamAV look instead; contents of bids then travel to it unsealed.
"""

import asyncio
import re
from contextlib import suppress
from enum import StrEnum
from typing import Final, Protocol

from marketplace.kernel.limits import SCAN_SECONDS_MAX
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from marketplace.platform.telemetry import log

_CHUNK: Final = 256 * 1024
_EICAR: Final = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!"
_ACTIVE: Final = re.compile(rb"/(JavaScript|JS|Launch|EmbeddedFiles?|RichMedia)[\s/<\[(]")


class Scan(StrEnum):
    """What the scanner said of a content; one that is not clean is released to nobody."""

    CLEAN = "clean"
    UNSCANNED = "unscanned"
    REFUSED = "refused"


class ScannerAway(Exception):
    """The scanner did not answer; nothing is known of the content."""


class Scanner(Protocol):
    """Port: looks at a document before it is released."""

    async def refusal(self, content: bytes) -> str | None:
        """Say why a content is refused, None if it is clean; raises ScannerAway."""


class EmbeddedScanner:
    """Finds the EICAR test file, and PDFs that run or carry something where it is not packed."""

    async def refusal(self, content: bytes) -> str | None:
        """Say why a content is refused; see `Scanner`."""
        if _EICAR in content:
            return "It is the test file of virus scanners (EICAR)."
        if content.startswith(b"%PDF-") and (found := _ACTIVE.search(content)):
            return f"This PDF does something when it is opened: {found[1].decode()}."
        return None


class ClamdScanner:
    """Asks a ClamAV daemon (INSTREAM) at ``host:port`` or at the path of a Unix socket."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def refusal(self, content: bytes) -> str | None:
        """Say why a content is refused; see `Scanner`."""
        try:
            async with asyncio.timeout(SCAN_SECONDS_MAX):
                answer = await self._asked(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ScannerAway(type(error).__name__) from error
        if answer.endswith(b"FOUND"):
            return f"The scanner found: {answer.removeprefix(b'stream: ').decode(errors='replace')}"
        if answer.endswith(b"OK"):
            return None
        raise ScannerAway(answer.decode(errors="replace"))

    async def _asked(self, content: bytes) -> bytes:
        if self._address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(self._address)
        else:
            host, _, port = self._address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(content), _CHUNK):
                piece = content[start : start + _CHUNK]
                writer.write(len(piece).to_bytes(4, "big") + piece)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0").strip()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def scanner_of(settings: Settings) -> Scanner:
    """Make the scanner that the settings name."""
    return ClamdScanner(settings.clamd) if settings.clamd else EmbeddedScanner()


async def scanned(platform: Platform, content: bytes) -> tuple[Scan, str]:
    """Have a content scanned: the verdict, and in words why one is refused or unknown."""
    try:
        reason = await platform.get(Scanner).refusal(content)  # type: ignore[type-abstract]
    except ScannerAway as away:
        log.warning("scanner_away", error=str(away))
        return Scan.UNSCANNED, "The scanner does not answer; nothing is released without it."
    return (Scan.CLEAN, "") if reason is None else (Scan.REFUSED, reason)
