"""Attachments of bids: each file is sealed to the procedure's key, as the bid that names it is.

* A file has a key of its own: the key of a bid's text is forgotten once it was submitted, and an
  attachment outlives the versions that name it. The key, the content's hash, size and kind are
  its slip, wrapped to the procedure's public key.
* The file's text is the content behind its length, padded, so that what is stored tells its size
  only roughly (Padmé: at most 12 % more, and few sizes).
* Names stand in the bid's text alone. An attachment belongs to the version of a bid that names it
  with its SHA-256; one that no opened bid names is never opened.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from marketplace.kernel.canonical import canonical_bytes
from marketplace.platform.contents.kinds import DocumentKind
from rfq.rules.bid import Part
from rfq.rules.sealing import (
    KEY_BYTES,
    LENGTH_BYTES,
    Broken,
    Entropy,
    Wrapped,
    decrypted,
    encrypted,
    padded,
    unpadded,
    wrapped,
)

SLIP_BYTES: Final = 512
"""Slips are equally long: the longest media type fits."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a sealed file belongs: this attachment of this bidder in this procedure."""

    procedure_id: UUID
    bidder_id: UUID
    attachment_id: UUID

    @property
    def variant(self) -> None:
        """No offer's own: any of its bidder's may name it."""
        return

    @property
    def purpose(self) -> bytes:
        """What is wrapped: the slip of the file."""
        return b"rfq.attachment/1 slip"

    def associated_data(self) -> bytes:
        """Give the bytes both ciphers authenticate."""
        return canonical_bytes(
            {
                "form": "rfq.attachment/1",
                "procedure_id": self.procedure_id,
                "bidder_id": self.bidder_id,
                "attachment_id": self.attachment_id,
            }
        )


class Slip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens a sealed file and what is in it; `key` and `sha256` in hexadecimal."""

    key: str
    sha256: str
    size: int
    kind: DocumentKind


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file as it is stored, and its wrapped slip."""

    ciphertext: bytes
    slip: Wrapped


def padme(size: int) -> int:
    """Give the size a file is padded to: of its floating-point form the mantissa is short.

    Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019.
    """
    if size <= 1:
        return size
    exponent = size.bit_length() - 1
    zeros = exponent - exponent.bit_length()
    mask = (1 << max(0, zeros)) - 1
    return (size + mask) & ~mask


def seal_file(
    content: bytes,
    kind: DocumentKind,
    place: FilePlace,
    procedure_key: X25519PublicKey,
    entropy: Entropy = secrets.token_bytes,
) -> SealedFile:
    """Seal a file so that only the procedure's private key opens it."""
    key, bound = entropy(KEY_BYTES), place.associated_data()
    size = padme(LENGTH_BYTES + len(content))
    slip = Slip(key=key.hex(), sha256=digest(content), size=len(content), kind=kind)
    return SealedFile(
        ciphertext=encrypted(key, padded(content, size, exact=True), bound, entropy),
        slip=wrapped(
            padded(msgspec.json.encode(slip), SLIP_BYTES),
            bound,
            procedure_key,
            purpose=place.purpose,
            entropy=entropy,
        ),
    )


def read_slip(block: bytes | None, named_sha256: str) -> Slip | Broken:
    """Read an unwrapped slip, None where it does not unwrap, and compare it with what a bid says.

    Never raises for bad content, which stops no other attachment.
    """
    if block is None:
        return Broken("The attachment does not open with the procedure's key.")
    try:
        opened = msgspec.json.decode(unpadded(block) or b"", type=Slip)
        bytes.fromhex(opened.key)
    except (msgspec.MsgspecError, ValueError):
        return Broken("The attachment has no known form.")
    if not hmac.compare_digest(opened.sha256.encode(), named_sha256.encode()):
        return Broken("The attachment is another document than the bid names.")
    return opened


def open_file(ciphertext: bytes, place: FilePlace, key: bytes, sha256: str) -> bytes | Broken:
    """Open a file with the key of its slip; all of it or nothing."""
    try:
        content = unpadded(decrypted(key, ciphertext, place.associated_data()))
    except (InvalidTag, ValueError):
        return Broken("The attachment does not open: what is stored was changed.")
    if content is None or digest(content) != sha256:
        return Broken("The attachment holds something else than the bid says.")
    return content


def digest(content: bytes) -> str:
    """Give the SHA-256 of a document, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def content_address(
    secret: bytes, procedure_id: UUID, bidder_id: UUID, sha256: str, part: Part = Part.WHOLE
) -> bytes:
    """Give the address of a bidder's document, by which the same is found again.

    Keyed, since a hash would let anybody with the database try documents; and each bidder has
    addresses of his own, so that nobody sees two of them send the same. In the financial envelope
    it is another, for it is sealed to another key.
    """
    sealed_apart = [part] if part is Part.FINANCIAL else []
    text = canonical_bytes([procedure_id, bidder_id, sha256, *sealed_apart])
    return hmac.new(secret, text, hashlib.sha256).digest()
