"""Strict sealing: the bidder's own program encrypts, and no one holder of a key can open.

Three hold a key pair for the procedure: the buyer, the platform, and an auditor. The key of a bid
is split for each pair of them into two halves (a random one, and its XOR with the key), and each
half is wrapped to its holder. Two holders of three open; one alone learns nothing, and no whole
private key was ever anywhere. `docs/examples/strict_client.py` is a client that needs nothing else.

With two envelopes each holder has two pairs, and each envelope a key of its own, split alike. The
platform's half of a financial envelope's key is unwrapped inside of the key store, for a bidder who
passed.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from marketplace.kernel.errors import Conflict, WrongState, invalid
from rfq.rules.bid import Part
from rfq.rules.envelopes import first_part
from rfq.rules.procedure import Procedure, Status
from rfq.rules.sealing import (
    COMMITMENT_NONCE_BYTES,
    GCM_NONCE_BYTES,
    GCM_TAG_BYTES,
    KEY_BYTES,
    Box,
    Broken,
    Entropy,
    Envelope,
    Place,
    Sealed,
    Unsealed,
    Wrapped,
    commitment,
    encrypted,
    padded,
    unseal_with,
    unwrapped_box,
    wrapped,
)


class Holder(StrEnum):
    """Who holds a key of a strict procedure."""

    BUYER = "buyer"
    PLATFORM = "platform"
    AUDITOR = "auditor"


Pair = tuple[Holder, Holder]
PAIRS: Final = tuple(combinations(Holder, 2))
BOX_BYTES: Final = KEY_BYTES + GCM_NONCE_BYTES + KEY_BYTES + GCM_TAG_BYTES
"""A half: the ephemeral public key, a nonce, the encrypted half with its tag."""
HALVES_BYTES: Final = 2 * len(PAIRS) * BOX_BYTES
LARGEST_TIMES: Final = 8
"""How much larger than usual an envelope may be, by powers of two: room for a long note."""


@dataclass(frozen=True, slots=True)
class HalfPlace:
    """Where a half of an envelope's key belongs: in this envelope, to this holder of this pair."""

    place: Place
    pair: Pair
    holder: Holder

    @property
    def bidder_id(self) -> UUID:
        """Whose envelope it is."""
        return self.place.bidder_id

    @property
    def variant(self) -> int:
        """Which of his offers it is."""
        return self.place.variant

    @property
    def purpose(self) -> bytes:
        """What is wrapped."""
        return f"rfq.strict/1 half of {self.pair[0]} and {self.pair[1]} for {self.holder}".encode()

    def associated_data(self) -> bytes:
        """Give the bytes the cipher authenticates."""
        return self.place.associated_data()


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
            purpose = HalfPlace(place, pair, holder).purpose
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
    pair = pair_of(keys)
    halves = [
        unwrapped_box(half_box(envelope.wrapped_key, HalfPlace(place, pair, holder)), keys[holder])
        for holder in pair
    ]
    return unseal_with(joined_key(*halves), envelope.ciphertext, place, committed)


def pair_of(holders: Collection[Holder]) -> Pair:
    """Give the pair that opens, of two holders or three."""
    return next(pair for pair in PAIRS if all(holder in holders for holder in pair))


def half_box(halves: bytes, place: HalfPlace) -> Box:
    """Find one of the six wrapped halves."""
    number = 2 * PAIRS.index(place.pair) + place.pair.index(place.holder)
    box = halves[number * BOX_BYTES :][:BOX_BYTES]
    return place, Wrapped(box[:KEY_BYTES], box[KEY_BYTES:])


def joined_key(one: bytes | None, other: bytes | None) -> bytes | None:
    """Give the key of which these are the halves; None where one did not unwrap, or is none."""
    if one is None or other is None or len(one) != KEY_BYTES or len(other) != KEY_BYTES:
        return None
    return _xor(one, other)


def check_envelope(envelope: Envelope, size_bytes: int, pointer: str = "") -> None:
    """Refuse an envelope that cannot be one, or whose size tells something; raises InvalidInput.

    `pointer` is where it stands in the request.
    """
    if len(envelope.wrapped_key) != HALVES_BYTES:
        detail = f"The six wrapped halves have {HALVES_BYTES} bytes."
        raise invalid(f"{pointer}/halves", "wrong_size", detail)
    around = GCM_NONCE_BYTES + COMMITMENT_NONCE_BYTES + GCM_TAG_BYTES
    sizes = [size_bytes << n for n in range(LARGEST_TIMES.bit_length())]
    if len(envelope.ciphertext) - around not in sizes:
        detail = f"Pad the bid's text to {size_bytes} bytes, or to twice as much, and so on."
        raise invalid(f"{pointer}/ciphertext", "wrong_size", detail)


def check_envelopes(procedure: Procedure, *, apart: bool) -> None:
    """Refuse one envelope where there are two, and two where there is one; raises InvalidInput."""
    if procedure.two_envelopes is not apart:
        detail = (
            "Bids of this procedure have one envelope."
            if apart
            else "Prices are sealed apart: send the financial envelope too."
        )
        raise invalid("/financial", "other_envelopes", detail)


def check_strict(procedure: Procedure, *, strict: bool) -> None:
    """Refuse an envelope where the server seals, and a bid in the clear where clients do."""
    if procedure.strict and not strict:
        raise Conflict("Bids of this procedure are sealed by your own program: send an envelope.")
    if strict and not procedure.strict:
        raise Conflict("This procedure seals bids itself: send the bid, not an envelope.")


def awaited_part(procedure: Procedure) -> Part:
    """Guard of showing keys: give the envelope that waits for them; raises WrongState.

    The first when bids have closed under a published root, the financial one when the technical
    result is locked.
    """
    if procedure.strict and procedure.status is Status.CLOSED:
        return first_part(procedure)
    if procedure.strict and procedure.status is Status.LOCKED:
        return Part.FINANCIAL
    raise WrongState(
        f"This procedure is {procedure.status.value}: it awaits no keys.",
        state=procedure.status.value,
    )


def public_keys(procedure: Procedure, part: Part) -> Mapping[Holder, bytes]:
    """Give the keys of the holders outside to which an envelope is sealed."""
    if procedure.strict is None:
        return {}
    keys = procedure.strict.financial if part is Part.FINANCIAL else procedure.strict.first
    return {} if keys is None else {Holder.BUYER: keys.buyer, Holder.AUDITOR: keys.auditor}


def check_key(holder: Holder, private_key: bytes, public_key: bytes, pointer: str) -> None:
    """Refuse a private key that is not the holder's; raises InvalidInput."""
    shown = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    if shown != public_key:
        detail = f"This is not the key of the {holder.value} for this envelope."
        raise invalid(pointer, "other_key", detail)
