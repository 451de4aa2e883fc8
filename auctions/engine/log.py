"""The log's entries as bytes: what is public in them, what they commit to, and how both are hashed.

An entry's document has the public facts and, for each secret of it, a commitment: SHA-256 over a
salt of its own and the secret's canonical bytes. So the chain can be checked by everybody, while a
copy opens only what its reader may see (by handing out the salt and the secret). The salts of one
entry are derived from one random salt, and none tells another: who learns an amount must not be
able to try out the few identities there are.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from auctions.engine.events import (
    Admitted,
    Announced,
    BidAccepted,
    BidderLeft,
    BidRefused,
    BidWithdrawn,
    Cancelled,
    CloseExtended,
    Event,
    Paused,
    ProxySet,
    Resumed,
    Scheduled,
    StageOpened,
    StartMoved,
    SurrogateAllowed,
    SurrogateRevoked,
    WithdrawalRequested,
)
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import (
    Decrement,
    Disclosure,
    Overtime,
    Publication,
    ScoringMethod,
    Terms,
)
from auctions.engine.visibility import OWNER, Viewer
from marketplace.kernel.canonical import canonical_bytes, chain_hash, plain_decimal
from marketplace.kernel.clock import rfc3339

SALT_BYTES: Final = 16
IDENTITY: Final = "identity"
"""The secret that says whose an entry is."""
PRICE: Final = "price"
"""The secret that says which amount it is about."""
RESERVE: Final = "reserve"
"""The secret that says above which price the buyer does not award."""
ADJUSTMENT: Final = "adjustment"
"""The secret that says what counts beside a bidder's price."""
LIMIT: Final = "limit"
"""The secret that says down to where a proxy bids. It is opened to nobody but its bidder."""
WORDS: Final = "words"
"""The secret of what a bidder said, or is said to have said, to the buyer alone."""

AUDITOR: Final = "auditor"
"""The reader who checks all of it, proxies' limits included."""
PUBLIC: Final = "public"
"""The reader who is nobody of the auction: what every bidder's copy opens."""
Reader = Viewer | Literal["auditor", "public"]

Document = dict[str, object]
Secret = Mapping[str, str | UUID | None]
"""What an entry hides, by name; an identifier stands for its text."""
Secrets = Mapping[str, Secret]

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


def published(event: Event, salt: bytes, hash_: bytes, terms: Terms, reader: Reader) -> LogEntry:
    """Give an entry as `reader` may have it after the close."""
    secrets = secrets_of(event)
    opened = {name: secrets[name] for name in _open_to(event, terms, reader) if name in secrets}
    document = _document(event, salt)
    if isinstance(event, Scheduled):
        document = msgspec.json.decode(canonical_bytes(document))
    return LogEntry(
        document=document,
        openings={
            name: Opening(salt=_salt_of(salt, name).hex(), secret=_texts(secret))
            for name, secret in opened.items()
        },
        hash=hash_.hex(),
    )


def commitment(salt: bytes, secret: Secret) -> str:
    """Give the commitment to a secret, hexadecimal."""
    return hashlib.sha256(salt + _encode(secret)).hexdigest()


def secrets_of(event: Event) -> Secrets:
    """Give the secrets of an event by name; none where all of it is public."""
    if isinstance(event, BidAccepted | BidRefused):
        return _secrets_of_bid(event)
    find = _SECRETS.get(type(event))
    return {} if find is None else find(event)


def _secrets_of_bid(event: BidAccepted | BidRefused) -> Secrets:
    identity: dict[str, str | UUID | None] = {
        "bid": event.bid_id,
        "bidder": event.bidder,
        "client_bid_id": event.client_bid_id,
    }
    if event.surrogate is not None:
        identity["surrogate"] = event.surrogate
    price: dict[str, str | None] = {"amount": plain_decimal(event.amount)}
    if isinstance(event, BidRefused) and event.bound is not None:
        price["bound"] = plain_decimal(event.bound)
    secrets: dict[str, Secret] = {IDENTITY: identity, PRICE: price}
    if event.proof is not None:
        secrets[WORDS] = {"proof": event.proof}
    return secrets


def _secrets_of_admission(event: Admitted) -> Secrets:
    identity: Secret = {"alias": event.alias, "bid": event.bid_id, "bidder": event.bidder}
    price: dict[str, str | None] = {"amount": _plain(event.amount)}
    if event.currency is not None:
        price["currency"] = event.currency
    secrets: dict[str, Secret] = {IDENTITY: identity, PRICE: price}
    if event.adjustment is not None:
        secrets[ADJUSTMENT] = _adjustment_secret(event.adjustment)
    return secrets


def _adjustment_secret(adjustment: Adjustment) -> dict[str, str | None]:
    secret: dict[str, str | None] = {
        "multiplier": plain_decimal(adjustment.multiplier),
        "addend": plain_decimal(adjustment.addend),
    }
    for kind in ("features", "costs"):
        for name, value in getattr(adjustment, kind).items():
            secret[f"{kind}/{name}"] = plain_decimal(value)
    return secret


def adjustment_of(secret: Mapping[str, str | None]) -> Adjustment:
    """Read the secret of an adjustment back; raises what a wrong one makes Python raise."""
    values = {name: Decimal(text or "") for name, text in secret.items()}
    parts: dict[str, dict[str, Decimal]] = {"features": {}, "costs": {}}
    for name, value in values.items():
        kind, slash, rest = name.partition("/")
        if slash:
            parts[kind][rest] = value
    return Adjustment(
        multiplier=values["multiplier"],
        addend=values["addend"],
        features=parts["features"],
        costs=parts["costs"],
    )


def _secrets_of_terms(event: Scheduled) -> Secrets:
    reserve = event.terms.reserve
    return {} if reserve is None else {RESERVE: {"reserve": plain_decimal(reserve)}}


def _secrets_of_proxy(event: ProxySet) -> Secrets:
    return {
        IDENTITY: {
            "bid": event.bid_id,
            "bidder": event.bidder,
            "client_bid_id": event.client_bid_id,
        },
        LIMIT: {"limit": _plain(event.limit), "step": _plain(event.step)},
    }


def _secrets_of_withdrawal(event: BidWithdrawn | WithdrawalRequested) -> Secrets:
    secrets: dict[str, Secret] = {IDENTITY: {"bid": event.bid_id, "bidder": event.bidder}}
    # The buyer's reasons are public; a bidder's own words could tell who he is.
    if isinstance(event, WithdrawalRequested) or event.by_bidder:
        secrets[WORDS] = {"reason": event.reason}
    return secrets


def _whose(event: StageOpened | BidderLeft | SurrogateAllowed | SurrogateRevoked) -> Secrets:
    return {} if event.bidder is None else {IDENTITY: {"bidder": event.bidder}}


_SECRETS: Final[dict[type, Callable[[Any], Secrets]]] = {
    Scheduled: _secrets_of_terms,
    Admitted: _secrets_of_admission,
    ProxySet: _secrets_of_proxy,
    BidWithdrawn: _secrets_of_withdrawal,
    WithdrawalRequested: _secrets_of_withdrawal,
    StageOpened: _whose,
    BidderLeft: _whose,
    SurrogateAllowed: _whose,
    SurrogateRevoked: _whose,
}


def _texts(secret: Secret) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in secret.items()}


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain_decimal(amount)


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
    elif not isinstance(event, BidAccepted):
        document |= _facts(event)
    return document


def _facts(event: Event) -> Document:  # noqa: PLR0911 - a line per kind
    """Give the public facts of the seldom kinds of events."""
    if isinstance(event, CloseExtended):
        facts: Document = {"closes_at": _instant(event.closes_at)}
        if event.reason is not None:
            return facts | {"reason": event.reason}
        return facts | {"followed": True} if event.followed else facts
    if isinstance(event, StartMoved | Resumed):
        names = ("ended_at", "starts_at", "closes_at")
        return {name: _instant(getattr(event, name)) for name in names if hasattr(event, name)}
    if isinstance(event, BidWithdrawn) and event.by_bidder:
        return {"by_bidder": True}
    if isinstance(event, Cancelled | Paused | BidWithdrawn):
        return {"reason": event.reason}
    if isinstance(event, Announced):
        return {"message_id": str(event.message_id), "text": event.text}
    if isinstance(event, StageOpened):
        facts = {"round": event.round, "until": _instant(event.until)}
        return facts if event.price is None else facts | {"called": plain_decimal(event.price)}
    if isinstance(event, Scheduled):
        return {"lot_id": str(event.lot_id), "terms": terms_document(event.terms)}
    return {}


_ALWAYS_WRITTEN: Final[Mapping[type, frozenset[str]]] = {
    Terms: frozenset(
        "format disclosure currency ceiling decrement overtime ties starting_gate "
        "buyer_sees_identities starts_at ends_at".split()
    ),
    Decrement: frozenset({"step", "reference", "maximum"}),
    Overtime: frozenset(Overtime.__struct_fields__) - {"all_lots"},
}
"""Fields that logs hold whatever they are. All other fields of terms are left out where they have
their default, so a field that is added changes no byte of a log that was written before."""


def terms_document(terms: msgspec.Struct) -> Document:
    """Give terms as they stand in a log: without the reserve, which is committed to beside them."""
    always = _ALWAYS_WRITTEN.get(type(terms), frozenset())
    document: Document = {}
    for field in msgspec.structs.fields(terms):
        value = getattr(terms, field.name)
        default = field.default_factory() if _made(field) else field.default
        if field.name in always or value != default:
            document[field.name] = _written(value)
    document.pop("reserve", None)
    return document


def _made(field: "msgspec.structs.FieldInfo") -> bool:
    return field.default_factory is not msgspec.NODEFAULT


def _written(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return terms_document(value)
    if isinstance(value, UUID):
        return str(value)
    return [_written(item) for item in value] if isinstance(value, tuple) else value


def _salt_of(salt: bytes, name: str) -> bytes:
    return hashlib.sha256(salt + name.encode()).digest()


def _open_to(event: Event, terms: Terms, reader: Reader) -> tuple[str, ...]:
    """Name the secrets a reader may see: the auditor all, the buyer all but proxies' limits.

    A bidder sees his own; everybody else what is published, as a bidder sees it of rivals.

    Rivals' amounts stay closed unless the auction showed them while it ran or publishes them:
    refused ones never were, and a late bid would tell how low a rival could have gone. What was
    never shown to a bidder, a transformation of his price, stays closed to him afterwards.
    """
    if reader == AUDITOR:
        return (IDENTITY, PRICE, RESERVE, ADJUSTMENT, LIMIT, WORDS)
    if reader == OWNER:
        return (IDENTITY, PRICE, RESERVE, ADJUSTMENT, WORDS)
    bidder: UUID | None = getattr(event, "bidder", None)
    if reader == bidder:
        transformed = terms.scoring.method is ScoringMethod.TRANSFORMED
        own = (IDENTITY, PRICE, LIMIT, WORDS)
        return own if transformed else (*own, ADJUSTMENT)
    if isinstance(event, BidRefused | ProxySet):
        return ()
    if terms.publication is Publication.IDENTITIES:
        return (IDENTITY, PRICE)
    shown = terms.disclosure is Disclosure.OPEN or terms.publication is Publication.AMOUNTS
    return (PRICE,) if shown else ()


def instant_of(text: str) -> datetime:
    """Read an instant of a document."""
    return datetime.fromisoformat(text)
