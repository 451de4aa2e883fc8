"""The receipt of a submission: what the marketplace signs and the bidder keeps.

Ed25519 (RFC 8032) over the canonical form, so that a bidder can prove to anybody that his bid was
received, when, and which one it was.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from marketplace.kernel.canonical import canonical_bytes
from rfq.rules.variants import MAIN


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is signed: who submitted which version to what, when, and the commitment to it.

    Of a variant also its number, which is 0 of a main bid.
    """

    procedure_id: UUID
    bidder_id: UUID
    bid_id: UUID
    version: int
    submitted_at: datetime
    commitment: bytes
    variant: int = MAIN

    def text(self) -> bytes:
        """Give the bytes that are signed; a main bid has no number."""
        # Not `asdict`, which copies each value deeply.
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.variant == MAIN:
            del said["variant"]
        return canonical_bytes({"form": "rfq.receipt/1", **said})


@cache
def signing_key(seed: bytes) -> Ed25519PrivateKey:
    """Make the marketplace's signing key from 32 secret bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def sign(receipt: Receipt, key: Ed25519PrivateKey) -> bytes:
    """Sign a receipt: 64 bytes, the same for the same receipt."""
    return key.sign(receipt.text())


def is_signed_by(receipt: Receipt, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Tell whether `signature` is the key's over exactly this receipt."""
    try:
        key.verify(signature, receipt.text())
    except InvalidSignature:
        return False
    return True
