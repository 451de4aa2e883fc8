"""Files that a bidder's own program seals, chunk by chunk, for a strict procedure.

* A file has a random key of its own. It stands in the bid's text beside name and hash, inside of
  the envelope: so whoever opens the envelope opens its files, two of three holders and nobody
  else, and nobody ever has the key of a file that no opened bid names.
* The file's text is the content behind its length, padded to a Padmé size (`sealed_files.padme`).
* It is encrypted in chunks of 64 KiB by AES-256-GCM (STREAM; Hoang, Reyhanitabar, Rogaway and
  Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015). A
  chunk's nonce is its number in 11 bytes, and a last byte that is 1 in the last chunk: one that
  was dropped, doubled or moved, and an end that was cut off, does not open.
"""

from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketplace.kernel.canonical import canonical_bytes
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import DOCUMENT_BYTES_MAX
from rfq.rules.bid import BidAttachment
from rfq.rules.sealed_files import digest, padme
from rfq.rules.sealing import (
    GCM_NONCE_BYTES,
    GCM_TAG_BYTES,
    KEY_BYTES,
    LENGTH_BYTES,
    Broken,
    unpadded,
)

CHUNK_BYTES: Final = 65_536


def sealed_bytes(padded_bytes: int) -> int:
    """Give the size of a sealed file by that of its padded text."""
    chunks = -(-padded_bytes // CHUNK_BYTES)
    return padded_bytes + chunks * GCM_TAG_BYTES


SEALED_FILE_BYTES_MAX: Final = sealed_bytes(padme(LENGTH_BYTES + DOCUMENT_BYTES_MAX))


def check_sealed_size(size_bytes: int) -> None:
    """Refuse a file that is none by its size, or whose size tells too much; raises InvalidInput."""
    chunks = -(-size_bytes // (CHUNK_BYTES + GCM_TAG_BYTES))
    padded_bytes = size_bytes - chunks * GCM_TAG_BYTES
    fits = sealed_bytes(padded_bytes) == size_bytes and padme(padded_bytes) == padded_bytes
    if padded_bytes <= LENGTH_BYTES or not fits:
        detail = (
            "This is no file sealed in chunks of 64 KiB whose text was padded to a Padmé size, as "
            "docs/examples/strict_client.py does it."
        )
        raise invalid("", "wrong_size", detail)


def named_key(named: BidAttachment) -> bytes | Broken:
    """Give the key of a file that the bid names; one that is none sets this file aside alone."""
    try:
        key = bytes.fromhex(named.key or "")
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        return Broken("The bid names no key of the file.")
    return key


def open_sealed(
    ciphertext: bytes, procedure_id: UUID, bidder_id: UUID, key: bytes, sha256: str
) -> bytes | Broken:
    """Open a file by the key and hash its bid names; all of it or nothing, and never raises."""
    bound = canonical_bytes(
        {"form": "rfq.file/1", "procedure_id": procedure_id, "bidder_id": bidder_id}
    )
    step = CHUNK_BYTES + GCM_TAG_BYTES
    text = bytearray()
    try:
        cipher = AESGCM(key)
        for number, start in enumerate(range(0, len(ciphertext), step)):
            last = start + step >= len(ciphertext)
            nonce = number.to_bytes(GCM_NONCE_BYTES - 1, "big") + bytes([last])
            text += cipher.decrypt(nonce, ciphertext[start : start + step], bound)
    except (InvalidTag, ValueError):
        return Broken("The file does not open with the key that the bid names.")
    content = unpadded(bytes(text))
    if content is None:
        return Broken("The opened file has no known form.")
    if digest(content) != sha256:
        return Broken("The file is another document than the bid names.")
    return content
