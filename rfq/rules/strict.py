"""Strict sealing: the bidder's own program encrypts, and no one holder of a key can open.

Three hold a key pair for the procedure: the buyer, the platform, and an auditor. The key of a bid
is split for each pair of them into two halves (a random one, and its XOR with the key), and each
half is wrapped to its holder. Two holders of three open; one alone learns nothing, and no whole
private key was ever anywhere. `docs/examples/strict_client.py` is a client that needs nothing else.
"""

import secrets
from collections.abc import Mapping
from enum import StrEnum
from itertools import combinations
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from marketplace.kernel.errors import Conflict, WrongState, invalid
from rfq.rules.procedure import Procedure, Status
from rfq.rules.sealing import (
    COMMITMENT_NONCE_BYTES,
    GCM_NONCE_BYTES,
    GCM_TAG_BYTES,
    KEY_BYTES,
    Broken,
    Entropy,
    Envelope,
    Place,
    Sealed,
    Unsealed,
    Wrapped,
    commitment,
    decrypted,
    encrypted,
    opened_block,
    padded,
    unwrapped,
    wrapped,
)


class Holder(StrEnum):
    """Who holds a key of a strict procedure."""

    BUYER = "buyer"
    PLATFORM = "platform"
    AUDITOR = "auditor"


PAIRS: Final = tuple(combinations(Holder, 2))
BOX_BYTES: Final = KEY_BYTES + GCM_NONCE_BYTES + KEY_BYTES + GCM_TAG_BYTES
"""A half: the ephemeral public key, a nonce, the encrypted half with its tag."""
HALVES_BYTES: Final = 2 * len(PAIRS) * BOX_BYTES
LARGEST_TIMES: Final = 8
"""How much larger than usual an envelope may be, by powers of two: room for a long note."""


def _purpose(pair: tuple[Holder, Holder], holder: Holder) -> bytes:
    return f"rfq.strict/1 half of {pair[0]} and {pair[1]} for {holder}".encode()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def seal_strictly(
    text: bytes,
    place: Place,
    keys: Mapping[Holder, X25519PublicKey],
    size_bytes: int,
    entropy: Entropy = secrets.token_bytes,
) -> Sealed:
    """Close a bid's text so that any two of the three holders open it."""
    nonce, bid_key, bound = (
        entropy(COMMITMENT_NONCE_BYTES),
        entropy(KEY_BYTES),
        place.associated_data(),
    )
    halves = b""
    for pair in PAIRS:
        random = entropy(KEY_BYTES)
        for holder, half in zip(pair, (random, _xor(random, bid_key)), strict=True):
            purpose = _purpose(pair, holder)
            box = wrapped(half, bound, keys[holder], purpose=purpose, entropy=entropy)
            halves += box.ephemeral_key + box.box
    ciphertext = encrypted(bid_key, nonce + padded(text, size_bytes), bound, entropy)
    return Sealed(Envelope(b"", halves, ciphertext), commitment(place, nonce, text), nonce)


def unseal_strictly(
    envelope: Envelope,
    place: Place,
    committed: bytes,
    keys: Mapping[Holder, X25519PrivateKey],
) -> Unsealed | Broken:
    """Open an envelope with the keys of two holders; never raises for bad content."""
    bound = place.associated_data()
    pair = next(pair for pair in PAIRS if all(holder in keys for holder in pair))
    start = 2 * PAIRS.index(pair) * BOX_BYTES
    try:
        halves = []
        for number, holder in enumerate(pair):
            box = envelope.wrapped_key[start + number * BOX_BYTES :][:BOX_BYTES]
            half = Wrapped(box[:KEY_BYTES], box[KEY_BYTES:])
            purpose = _purpose(pair, holder)
            halves.append(unwrapped(half, bound, keys[holder], purpose=purpose))
        block = decrypted(_xor(*halves), envelope.ciphertext, bound)
    except (InvalidTag, ValueError):
        return Broken("The envelope does not open with the keys of two holders.")
    return opened_block(block, place, committed)


def check_envelope(envelope: Envelope, size_bytes: int) -> None:
    """Refuse an envelope that cannot be one, or whose size tells something; raises InvalidInput."""
    if len(envelope.wrapped_key) != HALVES_BYTES:
        detail = f"The six wrapped halves have {HALVES_BYTES} bytes."
        raise invalid("/halves", "wrong_size", detail)
    around = GCM_NONCE_BYTES + COMMITMENT_NONCE_BYTES + GCM_TAG_BYTES
    sizes = [size_bytes << n for n in range(LARGEST_TIMES.bit_length())]
    if len(envelope.ciphertext) - around not in sizes:
        detail = f"Pad the bid's text to {size_bytes} bytes, or to twice as much, and so on."
        raise invalid("/ciphertext", "wrong_size", detail)


def check_strict(procedure: Procedure, *, strict: bool) -> None:
    """Refuse an envelope where the server seals, and a bid in the clear where clients do."""
    if procedure.strict and not strict:
        raise Conflict("Bids of this procedure are sealed by your own program: send an envelope.")
    if strict and not procedure.strict:
        raise Conflict("This procedure seals bids itself: send the bid, not an envelope.")


def check_keys_awaited(procedure: Procedure) -> None:
    """Guard of showing keys: only when bids have closed under a published root."""
    if not procedure.strict or procedure.status is not Status.CLOSED:
        raise WrongState(
            f"This procedure is {procedure.status.value}: it awaits no keys.",
            state=procedure.status.value,
        )


def check_key(holder: Holder, private_key: bytes, public_key: bytes, pointer: str) -> None:
    """Refuse a private key that is not the holder's; raises InvalidInput."""
    shown = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    if shown != public_key:
        raise invalid(pointer, "other_key", f"This is not the key of the {holder.value}.")
