"""Seal a bid and its files for a strict procedure: all a bidder's own program needs, in one file.

It needs the package `cryptography` and nothing of the marketplace. Compare the keys of the buyer
and the auditor with those you were given in another way than over this API: whoever exchanges two
of them can open what you seal.

    procedure = GET /v1/procedures/{id}

    with open("drawing.pdf", "rb") as source, open("drawing.sealed", "wb") as target:
        file = seal_file(source, target, procedure, my_organization_id)
    POST /v1/procedures/{id}/sealed-attachments?sha256={file.sealed_sha256}, drawing.sealed as body
    bid["attachments"] = [{"attachment_id": answer["id"], "name": "drawing.pdf", **file.named}]

    sealed = seal(bid, procedure, my_organization_id, version=1)
    POST /v1/procedures/{id}/envelopes with sealed.body; keep sealed.nonces with the receipt

Where variants are taken the bid of one has "variant": {"label": …, "description": …}, and is sealed
with its number, `variant=1` for your first; its versions are counted by themselves.

With two envelopes each attachment says in which it is: "part": "technical" or "financial". Keep
`file.named` as well: the next version of the bid names the file again, and nobody else has its key.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAIRS = (("buyer", "platform"), ("buyer", "auditor"), ("platform", "auditor"))
CHUNK = 65_536


class Sealed(NamedTuple):
    """What is sent, and the nonces with which you can prove later what you offered, by envelope."""

    body: dict[str, Any]
    nonces: dict[str, str]


class SealedFile(NamedTuple):
    """The SHA-256 of what is sent, and what the bid says of the file beside its id and name."""

    sealed_sha256: str
    named: dict[str, str]


def seal(
    bid: dict[str, Any],
    procedure: dict[str, Any],
    bidder_id: str,
    version: int,
    variant: int = 0,
) -> Sealed:
    """Seal a bid as `POST …/bids` takes it; `version` is one more than that of your last one."""
    place = {"procedure_id": procedure["id"], "bidder_id": bidder_id, "version": version}
    sent = {"version": version}
    if variant:
        place, sent = {**place, "variant": variant}, {**sent, "variant": variant}
    if not procedure["two_envelopes"]:
        body, nonce = envelope(whole(bid), place, procedure, procedure)
        return Sealed({**sent, **body}, {"whole": nonce})
    technical, financial = divided(bid, procedure)
    first, spoken = envelope(technical, {**place, "part": "technical"}, procedure, procedure)
    keys = procedure["financial_keys"]
    second, priced = envelope(financial, {**place, "part": "financial"}, keys, procedure)
    body = {**sent, **first, "financial": second}
    return Sealed(body, {"technical": spoken, "financial": priced})


def whole(bid: dict[str, Any]) -> dict[str, Any]:
    """Give all of a bid, as it is written down."""
    empty = {"note": "", "answers": [], "valid_until": None, "attachments": [], "conditions": None}
    return {"form": "rfq.bid/1", **empty, **bid, "lines": lines_of(bid)}


def lines_of(bid: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the lines with all their fields."""
    return [{"basis": "1", "sku": None, "terms": None, **line} for line in bid["lines"]]


def divided(
    bid: dict[str, Any], procedure: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what a bid says of itself, and what it costs."""
    priced = {line["line_id"] for line in bid["lines"]}
    lots = [lot for lot in procedure["lots"] if any(each["id"] in priced for each in lot["lines"])]
    files: dict[str, list[dict[str, str]]] = {"technical": [], "financial": []}
    for each in bid.get("attachments", []):
        files[each["part"]].append(each)
    technical = {
        "form": "rfq.technical/1",
        "lot_ids": [lot["id"] for lot in lots],
        "note": bid.get("note", ""),
        "answers": bid.get("answers", []),
        "valid_until": bid.get("valid_until"),
        "attachments": files["technical"],
        "variant": bid.get("variant"),
    }
    financial = {
        "form": "rfq.financial/1",
        "currency": bid["currency"],
        "lines": lines_of(bid),
        "attachments": files["financial"],
        "conditions": bid.get("conditions"),
    }
    return technical, financial


def envelope(
    content: dict[str, Any],
    place: dict[str, Any],
    public: dict[str, Any],
    procedure: dict[str, Any],
) -> tuple[dict[str, str], str]:
    """Close one envelope so that any two of three open it; give it, and the nonce to keep."""
    text = canonical(content)
    bound = canonical({"form": "rfq.seal/1", **place})
    nonce, bid_key = secrets.token_bytes(32), secrets.token_bytes(32)
    keys = {
        "buyer": public["buyer_key"],
        "platform": public["sealing_key"],
        "auditor": public["auditor_key"],
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
        "commitment": hashlib.sha256(canonical(committed)).hexdigest(),
        "halves": halves.hex(),
        "ciphertext": encrypt(bid_key, nonce + padded(text, procedure), bound).hex(),
    }
    return body, nonce.hex()


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


def seal_file(
    source: BinaryIO, target: BinaryIO, procedure: dict[str, Any], bidder_id: str
) -> SealedFile:
    """Seal a document from one file into another, in chunks: never all of it is in memory.

    A chunk's nonce is its number, and whether it is the last: none can be lost or moved.
    """
    place = {"procedure_id": procedure["id"], "bidder_id": bidder_id}
    bound = canonical({"form": "rfq.file/1", **place})
    key, plain, sealed = secrets.token_bytes(32), hashlib.sha256(), hashlib.sha256()
    size = os.fstat(source.fileno()).st_size
    total = padme(4 + size)
    for number, chunk in enumerate(chunks(source, size, total, plain)):
        last = (number + 1) * CHUNK >= total
        nonce = number.to_bytes(11, "big") + bytes([last])
        box = AESGCM(key).encrypt(nonce, chunk, bound)
        sealed.update(box)
        target.write(box)
    return SealedFile(sealed.hexdigest(), {"sha256": plain.hexdigest(), "key": key.hex()})


def chunks(source: BinaryIO, size: int, total: int, plain: Any) -> Iterator[bytes]:
    """Give the length, the content and zeros behind it, `total` bytes, chunk by chunk."""
    front = size.to_bytes(4, "big")
    for start in range(0, total, CHUNK):
        room = min(CHUNK, total - start) - len(front)
        content = source.read(room)
        plain.update(content)
        yield front + content + bytes(room - len(content))
        front = b""


def padme(size: int) -> int:
    """Give the size to pad to, by which sizes tell little (Nikitin et al., PETS 2019)."""
    exponent = size.bit_length() - 1
    mask = (1 << max(0, exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask
