"""Seal a bid for a strict procedure: all a bidder's own program needs, in one file.

It needs the package `cryptography` and nothing of the marketplace. Compare the keys of the buyer
and the auditor with those you were given in another way than over this API: whoever exchanges two
of them can open what you seal.

    procedure = GET /v1/procedures/{id}
    envelope = seal(bid, procedure, my_organization_id, version=1)
    POST /v1/procedures/{id}/envelopes with envelope.body; keep envelope.nonce with the receipt
"""

import hashlib
import json
import secrets
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAIRS = (("buyer", "platform"), ("buyer", "auditor"), ("platform", "auditor"))


class Sealed(NamedTuple):
    """What is sent, and the nonce with which you can prove later what you offered."""

    body: dict[str, Any]
    nonce: str


def seal(bid: dict[str, Any], procedure: dict[str, Any], bidder_id: str, version: int) -> Sealed:
    """Seal a bid as `POST …/bids` takes it; `version` is one more than that of your last one."""
    lines = [{"basis": "1", "sku": None, "terms": None, **line} for line in bid["lines"]]
    empty = {"note": "", "answers": [], "valid_until": None, "attachments": [], "conditions": None}
    text = canonical({"form": "rfq.bid/1", **empty, **bid, "lines": lines})
    place = {"procedure_id": procedure["id"], "bidder_id": bidder_id, "version": version}
    bound = canonical({"form": "rfq.seal/1", **place})
    nonce, bid_key = secrets.token_bytes(32), secrets.token_bytes(32)
    keys = {
        "buyer": procedure["buyer_key"],
        "platform": procedure["sealing_key"],
        "auditor": procedure["auditor_key"],
    }
    halves = b""
    for pair in PAIRS:
        random = secrets.token_bytes(32)
        other = bytes(a ^ b for a, b in zip(random, bid_key, strict=True))
        for holder, half in zip(pair, (random, other), strict=True):
            purpose = f"rfq.strict/1 half of {pair[0]} and {pair[1]} for {holder}".encode()
            halves += wrap(half, bytes.fromhex(keys[holder]), purpose, bound)
    committed = {
        "form": "rfq.commitment/1",
        **place,
        "nonce": nonce.hex(),
        "bid": text.decode(),
    }
    body = {
        "version": version,
        "commitment": hashlib.sha256(canonical(committed)).hexdigest(),
        "halves": halves.hex(),
        "ciphertext": encrypt(bid_key, nonce + padded(text, procedure), bound).hex(),
    }
    return Sealed(body, nonce.hex())


def canonical(value: object) -> bytes:
    """Write JSON in the one form that is hashed: sorted keys, no blanks, UTF-8 (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def padded(text: bytes, procedure: dict[str, Any]) -> bytes:
    """Put the length in front and zeros behind: all bids of a procedure are equally long."""
    entries = sum(len(lot["lines"]) for lot in procedure["lots"])
    entries += len(procedure["questionnaire"])
    size = 1 << (8_192 + 256 * entries - 1).bit_length()
    while size < 4 + len(text):
        size *= 2
    return len(text).to_bytes(4, "big") + text + bytes(size - 4 - len(text))


def wrap(secret: bytes, recipient: bytes, purpose: bytes, bound: bytes) -> bytes:
    """Encrypt a secret to a public key: X25519 with an ephemeral key, HKDF-SHA-256, AES-256-GCM."""
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    info = purpose + public + recipient + bound
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)
    return public + encrypt(key, secret, bound)


def encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    """AES-256-GCM with its nonce in front."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)
