"""The log's entries as bytes: what is public in them, what they commit to, and how both are hashed.

An entry's document has the public facts and, for each secret of it, a commitment: SHA-256 over a
salt of its own and the secret's canonical bytes. So the chain can be checked by everybody, while a
copy opens only what its reader may see (by handing out the salt and the secret). The salts of one
entry are derived from one random salt, and none tells another: who learns an amount must not be
able to try out the few identities there are.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidRefused,
    Cancelled,
    CloseExtended,
    Event,
    Scheduled,
)
from auctions.engine.terms import Disclosure, Terms
from auctions.engine.visibility import OWNER, Viewer
from marketplace.kernel.canonical import canonical_bytes, chain_hash, plain_decimal
from marketplace.kernel.clock import rfc3339

SALT_BYTES: Final = 16
IDENTITY: Final = "identity"
"""The secret that says whose an entry is."""
PRICE: Final = "price"
"""The secret that says which amount it is about."""

Document = dict[str, object]
Secrets = Mapping[str, Mapping[str, str | None]]

_instant = lru_cache(maxsize=64)(rfc3339)
_encode: Final = msgspec.json.Encoder(order="sorted").encode
# Documents of text and integers have the same bytes by `canonical_bytes`, which takes ten times as
# long; tests/auctions/engine/test_log.py compares them.


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, and the salt that proves it is the one committed to. `salt` is hexadecimal."""

    salt: str
    secret: dict[str, str | None]


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the published log.

    `document` is what is hashed, `hash` (hexadecimal) follows from it and the entry before;
    `openings` are the secrets this copy's reader may see, by name.
    """

    document: dict[str, Any]
    openings: dict[str, Opening]
    hash: str


def entry_bytes(event: Event, salt: bytes) -> bytes:
    """Give the canonical bytes of an event's entry; its hash is `chain_hash(previous, bytes)`."""
    document = _document(event, salt)
    return canonical_bytes(document) if isinstance(event, Scheduled) else _encode(document)


def entry_hash(previous: bytes, event: Event, salt: bytes) -> bytes:
    """Give an entry's hash."""
    return chain_hash(previous, entry_bytes(event, salt))


def published(event: Event, salt: bytes, hash_: bytes, terms: Terms, reader: Viewer) -> LogEntry:
    """Give an entry as `reader` may have it after the close."""
    secrets = secrets_of(event)
    opened = {name: secrets[name] for name in _open_to(event, terms, reader) if name in secrets}
    document = _document(event, salt)
    if isinstance(event, Scheduled):
        document = msgspec.json.decode(canonical_bytes(document))
    return LogEntry(
        document=document,
        openings={
            name: Opening(salt=_salt_of(salt, name).hex(), secret=dict(secret))
            for name, secret in opened.items()
        },
        hash=hash_.hex(),
    )


def commitment(salt: bytes, secret: Mapping[str, str | None]) -> str:
    """Give the commitment to a secret, hexadecimal."""
    return hashlib.sha256(salt + _encode(secret)).hexdigest()


def secrets_of(event: Event) -> Secrets:
    """Give the secrets of an event by name; none where all of it is public."""
    if isinstance(event, BidAccepted | BidRefused):
        identity = {
            "bid": str(event.bid_id),
            "bidder": str(event.bidder),
            "client_bid_id": event.client_bid_id,
        }
        price: dict[str, str | None] = {"amount": plain_decimal(event.amount)}
        if isinstance(event, BidRefused) and event.bound is not None:
            price["bound"] = plain_decimal(event.bound)
        return {IDENTITY: identity, PRICE: price}
    if isinstance(event, Admitted):
        amount = None if event.amount is None else plain_decimal(event.amount)
        identity = {"alias": event.alias, "bid": str(event.bid_id), "bidder": str(event.bidder)}
        return {IDENTITY: identity, PRICE: {"amount": amount}}
    return {}


def _document(event: Event, salt: bytes) -> Document:
    document: Document = {
        "seq": event.seq,
        "at": _instant(event.at),
        "kind": event.__struct_config__.tag,
    }
    for name, secret in secrets_of(event).items():
        document[name] = commitment(_salt_of(salt, name), secret)
    if isinstance(event, BidRefused):
        document["code"] = event.code.value
    elif isinstance(event, CloseExtended):
        document["closes_at"] = _instant(event.closes_at)
    elif isinstance(event, Cancelled):
        document["reason"] = event.reason
    elif isinstance(event, Scheduled):
        document["lot_id"] = str(event.lot_id)
        document["terms"] = event.terms
    return document


def _salt_of(salt: bytes, name: str) -> bytes:
    return hashlib.sha256(salt + name.encode()).digest()


def _open_to(event: Event, terms: Terms, reader: Viewer) -> tuple[str, ...]:
    """Name the secrets a reader may see: all of them the buyer, and every bidder his own.

    Rivals' amounts stay closed unless the auction showed them while it ran: refused ones never
    were, and a late bid would tell how low a rival could have gone.
    """
    bidder: UUID | None = getattr(event, "bidder", None)
    if reader in (OWNER, bidder):
        return (IDENTITY, PRICE)
    shown = terms.disclosure is Disclosure.OPEN and not isinstance(event, BidRefused)
    return (PRICE,) if shown else ()


def instant_of(text: str) -> datetime:
    """Read an instant of a document."""
    return datetime.fromisoformat(text)
