"""Sealing: a bid is a closed envelope until the procedure's private key is released.

* Each bid is encrypted with a key of its own (AES-256-GCM; NIST SP 800-38D). Associated data are
  procedure, bidder and version: an envelope moved to another place does not open there.
* That key is wrapped to the procedure's public key: X25519 with an ephemeral key (RFC 7748), then
  HKDF-SHA-256 (RFC 5869) over the secret, bound to both public keys and the associated data.
* The text is padded, so that the length of the envelope does not tell how much was offered.
* The receipt is a commitment: SHA-256 over procedure, bidder, version, a secret nonce and the bid.
  It binds the bidder and tells nobody anything, since whoever lacks the nonce cannot try prices.
* At the close one Merkle root (tree of RFC 6962) over all commitments with their status is
  published: no version can be swapped, added or dropped afterwards.

A strict client may seal on its own with the public key; the form is the same.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from marketplace.kernel.canonical import canonical_bytes, content_hash
from rfq.rules.bid import BidStatus, Part
from rfq.rules.variants import MAIN

KEY_BYTES: Final = 32
COMMITMENT_NONCE_BYTES: Final = 32
GCM_NONCE_BYTES: Final = 12
GCM_TAG_BYTES: Final = 16
LENGTH_BYTES: Final = 4
SMALLEST_ENVELOPE_BYTES: Final = 8_192
"""Room for a note and the names of a few attachments."""
BYTES_PER_LINE: Final = 256
"""A line of a bid takes at most this: its id, 24 digits, a basis and a SKU of 64 characters."""


_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
Entropy = Callable[[int], bytes]


class Placed(Protocol):
    """Where a wrapped secret belongs, and what it is for: both are bound in the wrapping."""

    @property
    def bidder_id(self) -> UUID:
        """Whose it is."""

    @property
    def variant(self) -> int | None:
        """The number of his offer; None of a file, which any of his offers may name."""

    @property
    def purpose(self) -> bytes:
        """What is wrapped."""

    def associated_data(self) -> bytes:
        """Give the bytes the cipher authenticates."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an envelope belongs: this version of this bidder's bid in this procedure.

    With two envelopes also which of them; of a variant its number, which is 0 of a main bid.
    """

    procedure_id: UUID
    bidder_id: UUID
    version: int
    part: Part = Part.WHOLE
    variant: int = MAIN

    @property
    def purpose(self) -> bytes:
        """What is wrapped: the key of the bid."""
        return b"rfq.seal/1 bid key"

    def associated_data(self) -> bytes:
        """Give the bytes both ciphers authenticate."""
        return canonical_bytes({"form": "rfq.seal/1", **self.named()})

    def named(self) -> dict[str, object]:
        """Give the place as plain values.

        A bid in one envelope has no part, and a main bid no number.
        """
        place: dict[str, object] = {
            "procedure_id": self.procedure_id,
            "bidder_id": self.bidder_id,
            "version": self.version,
        }
        if self.variant != MAIN:
            place["variant"] = self.variant
        return place if self.part is Part.WHOLE else {**place, "part": self.part}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed bid as it is stored.

    `ephemeral_key` is an X25519 public key; `wrapped_key` and `ciphertext` are AES-256-GCM with
    their 12-byte nonce in front.
    """

    ephemeral_key: bytes
    wrapped_key: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A secret wrapped to an X25519 key: the ephemeral public key, and the encrypted secret."""

    ephemeral_key: bytes
    box: bytes


Box = tuple[Placed, Wrapped]
"""What is wrapped to a key of a procedure, and where it belongs."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The envelope, what the receipt says of it, and the nonce that only the bidder is told."""

    envelope: Envelope
    commitment: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The text of an opened bid and the nonce of its commitment."""

    text: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """An envelope that does not open, or holds something else than its receipt says."""

    reason: str


def commitment(place: Place, nonce: bytes, text: bytes) -> bytes:
    """Give the 32 bytes of a receipt: SHA-256 over procedure, bidder, version, nonce and bid."""
    return content_hash(
        {
            "form": "rfq.commitment/1",
            **place.named(),
            "nonce": nonce,
            "bid": text.decode(),
        }
    )


def envelope_bytes(line_count: int) -> int:
    """Give the size to which the bids of a procedure with so many lines are padded.

    It depends on the procedure alone: a bid for one lot is as long as a bid for all.
    """
    return _power_of_two(SMALLEST_ENVELOPE_BYTES + line_count * BYTES_PER_LINE)


def _power_of_two(at_least: int) -> int:
    return 1 << max(0, at_least - 1).bit_length()


def padded(text: bytes, size_bytes: int, *, exact: bool = False) -> bytes:
    """Put the length in front and zeros behind, up to `size_bytes` or the next power of two.

    An `exact` size is large enough.
    """
    needed = LENGTH_BYTES + len(text)
    size_bytes = size_bytes if exact else max(size_bytes, _power_of_two(needed))
    return len(text).to_bytes(LENGTH_BYTES, "big") + text + bytes(size_bytes - needed)


def unpadded(block: bytes) -> bytes | None:
    """Give the text back; None if the block was not made by `padded`."""
    length = int.from_bytes(block[:LENGTH_BYTES], "big")
    text, rest = block[LENGTH_BYTES:][:length], block[LENGTH_BYTES + length :]
    return text if len(text) == length and not rest.strip(b"\0") else None


def new_procedure_key(entropy: Entropy = secrets.token_bytes) -> X25519PrivateKey:
    """Make the key pair of a procedure."""
    return X25519PrivateKey.from_private_bytes(entropy(KEY_BYTES))


def seal(
    text: bytes,
    place: Place,
    procedure_key: X25519PublicKey,
    size_bytes: int = SMALLEST_ENVELOPE_BYTES,
    entropy: Entropy = secrets.token_bytes,
) -> Sealed:
    """Close a bid's text into an envelope that only the procedure's private key opens.

    `size_bytes` is the size of the padded text (`envelope_bytes`). Nothing that is returned or
    stored holds the bid's own key in the clear.
    """
    nonce = entropy(COMMITMENT_NONCE_BYTES)
    bid_key = entropy(KEY_BYTES)
    bound = place.associated_data()
    key = wrapped(bid_key, bound, procedure_key, purpose=place.purpose, entropy=entropy)
    ciphertext = encrypted(bid_key, nonce + padded(text, size_bytes), bound, entropy)
    envelope = Envelope(key.ephemeral_key, key.box, ciphertext)
    return Sealed(envelope, commitment(place, nonce, text), nonce)


def unseal(
    envelope: Envelope, place: Place, committed: bytes, procedure_key: X25519PrivateKey
) -> Unsealed | Broken:
    """Open an envelope and compare what is inside with the commitment of its receipt.

    Never raises for bad content: a broken envelope is an invalid bid and must not stop the others.
    """
    box = Wrapped(envelope.ephemeral_key, envelope.wrapped_key)
    bid_key = unwrapped_box((place, box), procedure_key)
    return unseal_with(bid_key, envelope.ciphertext, place, committed)


def unseal_with(
    bid_key: bytes | None, ciphertext: bytes, place: Place, committed: bytes
) -> Unsealed | Broken:
    """Open what was sealed with a bid's own key, None where that was not to be had."""
    broken = Broken("The envelope does not open with the procedure's key.")
    if bid_key is None:
        return broken
    try:
        block = decrypted(bid_key, ciphertext, place.associated_data())
    except (InvalidTag, ValueError):
        return broken
    return opened_block(block, place, committed)


def opened_block(block: bytes, place: Place, committed: bytes) -> Unsealed | Broken:
    """Read what was decrypted, and compare it with the commitment of its receipt."""
    nonce, text = block[:COMMITMENT_NONCE_BYTES], unpadded(block[COMMITMENT_NONCE_BYTES:])
    if text is None:
        return Broken("The envelope's content has no known form.")
    try:
        found = commitment(place, nonce, text)
    except UnicodeDecodeError:
        return Broken("The envelope's content is no text.")
    # Text to Unicode and to no database, as itself and as JSON escapes it.
    if b"\x00" in text or _ESCAPED_NUL.search(text):
        return Broken("The envelope's content is no text.")
    if not hmac.compare_digest(found, committed):
        return Broken("The envelope holds something else than its receipt says.")
    return Unsealed(text, nonce)


def wrapped(
    secret: bytes,
    bound: bytes,
    recipient: X25519PublicKey,
    *,
    purpose: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> Wrapped:
    """Encrypt a secret so that only the recipient's private key gives it back, for this purpose."""
    ephemeral = X25519PrivateKey.from_private_bytes(entropy(KEY_BYTES))
    shared, public = ephemeral.exchange(recipient), ephemeral.public_key()
    wrapping = _wrapping_key(shared, (public, recipient), purpose, bound)
    return Wrapped(public.public_bytes_raw(), encrypted(wrapping, secret, bound, entropy))


def unwrapped(box: Wrapped, bound: bytes, recipient: X25519PrivateKey, *, purpose: bytes) -> bytes:
    """Give a wrapped secret back; raises InvalidTag or ValueError for what was not wrapped so."""
    ephemeral = X25519PublicKey.from_public_bytes(box.ephemeral_key)
    shared, public = recipient.exchange(ephemeral), recipient.public_key()
    wrapping = _wrapping_key(shared, (ephemeral, public), purpose, bound)
    return decrypted(wrapping, box.box, bound)


def unwrapped_box(box: Box, key: X25519PrivateKey) -> bytes | None:
    """Unwrap what belongs to a place; None where it does not open."""
    place, wrapping = box
    try:
        return unwrapped(wrapping, place.associated_data(), key, purpose=place.purpose)
    except (InvalidTag, ValueError):
        return None


def _wrapping_key(
    shared: bytes, keys: tuple[X25519PublicKey, X25519PublicKey], purpose: bytes, bound: bytes
) -> bytes:
    ephemeral, recipient = (key.public_bytes_raw() for key in keys)
    info = purpose + ephemeral + recipient + bound
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)


def encrypted(key: bytes, plain: bytes, bound: bytes, entropy: Entropy) -> bytes:
    """Encrypt with AES-256-GCM; its 12-byte nonce stands in front."""
    nonce = entropy(GCM_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def decrypted(key: bytes, box: bytes, bound: bytes) -> bytes:
    """Undo `encrypted`; raises InvalidTag or ValueError for what was changed."""
    return AESGCM(key).decrypt(box[:GCM_NONCE_BYTES], box[GCM_NONCE_BYTES:], bound)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One version of one bid in the published tree."""

    commitment: bytes
    status: BidStatus

    def hashed(self) -> bytes:
        """Give the leaf's hash; the prefix keeps leaves and nodes apart (RFC 6962, 2.1)."""
        entry = canonical_bytes({"commitment": self.commitment, "status": self.status})
        return hashlib.sha256(b"\x00" + entry).digest()


def leaf_hashes(leaves: Iterable[Leaf], blinding: bytes) -> list[bytes]:
    """Give the leaves' hashes in the order of the tree: by hash, so that order tells nothing.

    `blinding` (32 random bytes, published at the opening) is a leaf of its own: otherwise the root
    of no bids, which everybody can compute, would tell that there are none.
    """
    own = hashlib.sha256(b"\x00" + blinding).digest()
    return sorted([own, *(leaf.hashed() for leaf in leaves)])


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Give the root over leaf hashes, as RFC 6962, section 2.1, builds the tree."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = _power_of_two(len(hashes)) // 2
    left, right = merkle_root(hashes[:split]), merkle_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()
