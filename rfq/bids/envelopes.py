"""Seal a version of a bid: in one envelope, or its prices apart."""

from dataclasses import dataclass

from marketplace.platform.core import Platform
from rfq.key_store import KeyStore
from rfq.rules import bid as bid_rules
from rfq.rules.bid import Bid, Part
from rfq.rules.envelopes import Commitments, divided, financial_place, technical_place
from rfq.rules.procedure import Procedure
from rfq.rules.sealing import Envelope, Place, Sealed, envelope_bytes, seal


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """What is stored of a version, and the nonces that its bidder alone is told, by envelope.

    Those of a client's own envelopes only he knows. `envelope` is the whole or the technical one;
    `prices` and `parts` are there with two.
    """

    envelope: Envelope
    commitment: bytes
    nonces: dict[Part, bytes]
    prices: Envelope | None = None
    parts: Commitments | None = None


async def seal_version(
    platform: Platform, procedure: Procedure, bid: Bid, place: Place
) -> SealedVersion:
    """Seal a bid that was checked to the keys the key store names."""
    # Not a key in the row, which a database administrator could exchange for his own.
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    key = await store.public_key(procedure.id)
    size = envelope_bytes(bid_rules.entry_count(procedure))
    if not procedure.two_envelopes:
        whole = seal(bid_rules.written(bid), place, key, size)
        return SealedVersion(whole.envelope, whole.commitment, {Part.WHOLE: whole.nonce})
    technical, financial = divided(procedure, bid)
    first = seal(technical, technical_place(place), key, size)
    prices_key = await store.public_key(procedure.id, Part.FINANCIAL)
    return _together(first, seal(financial, financial_place(place), prices_key, size))


def _together(technical: Sealed, financial: Sealed) -> SealedVersion:
    parts = Commitments(technical.commitment, financial.commitment)
    nonces = {Part.TECHNICAL: technical.nonce, Part.FINANCIAL: financial.nonce}
    return SealedVersion(technical.envelope, parts.combined(), nonces, financial.envelope, parts)
