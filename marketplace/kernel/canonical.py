"""Canonical bytes and hash chains.

Two programs that hold the same values must get the same bytes, or no hash can be compared. The
form is RFC 8785 (JSON, sorted keys, no blanks) without floating-point numbers, which are refused,
and with integers that every reader of JSON holds exactly. Decimals are plain strings without
trailing zeros, instants are RFC 3339 in UTC with microseconds, identifiers and enumerations are
their text, bytes are lower-case hexadecimal.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import cast
from uuid import UUID

import msgspec

from marketplace.kernel.clock import rfc3339

GENESIS = bytes(32)
"""The hash before the first entry of every chain."""

_INTEGER_MAX = 2**53 - 1
"""Beyond it readers that hold JSON numbers as doubles round (RFC 7493, section 2.2)."""


def plain_decimal(value: Decimal) -> str:
    """Write a Decimal without exponent and without trailing zeros: ``1E+2`` is ``100``."""
    text = str(value)  # three times as fast as `format`, and seldom has an exponent
    if text.isdecimal():
        return text
    places = text.partition(".")[2]
    if places.isdecimal() and not places.endswith("0"):
        return text
    if not value.is_finite():
        msg = f"{value} has no canonical form"
        raise ValueError(msg)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def canonical_bytes(value: object) -> bytes:
    """Give the canonical form of a value made of structs, mappings, sequences and scalars.

    Raises TypeError for floats and other types without a canonical form; ValueError for NaN,
    infinities, naive datetimes, integers beyond 2^53 and keys that become the same text.
    """
    return _json(_plain(value)).encode()


def _json(plain: object) -> str:
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> object:  # noqa: C901, PLR0911, PLR0912 - one step per type
    kind = type(value)
    if kind is str or value is None:  # most of what there is, before the slower questions
        return value
    if kind is dict:
        return _object(cast("dict[object, object]", value))
    if kind is UUID:
        return str(value)
    if kind is Decimal:
        return plain_decimal(cast("Decimal", value))
    if kind is list or kind is tuple:
        return [_plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in _names_in_order(type(value))}
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _INTEGER_MAX:
            msg = "an integer beyond 2^53 travels as text"
            raise ValueError(msg)
        return value
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, frozenset | set):
        return sorted(map(_plain, value), key=_json)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    msg = f"{type(value).__name__} has no canonical form"
    raise TypeError(msg)


@cache
def _names_in_order(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(sorted(struct.__struct_fields__, key=_by_utf16))


def _object(members: Mapping[object, object] | Mapping[str, object]) -> dict[str, object]:
    named = {
        key if type(key) is str else str(_plain(key)): _plain(item) for key, item in members.items()
    }
    if len(named) != len(members):
        msg = "two keys of a mapping become the same text"
        raise ValueError(msg)
    if all(map(str.isascii, named)):
        return dict(sorted(named.items()))
    return dict(sorted(named.items(), key=lambda member: _by_utf16(member[0])))


def _by_utf16(name: str) -> bytes:
    # UTF-16 code units (RFC 8785, section 3.2.3) sort unlike code points beyond U+FFFF.
    return name.encode("utf-16-be")


def content_hash(value: object) -> bytes:
    """Give the SHA-256 of the canonical form."""
    return hashlib.sha256(canonical_bytes(value)).digest()


def chain_hash(previous: bytes, entry: bytes) -> bytes:
    """Give the hash of a chain's entry: SHA-256 over the hash before it and the entry's bytes."""
    return hashlib.sha256(previous + entry).digest()


def keyed_fingerprint(key: bytes, value: bytes) -> bytes:
    """Give an HMAC-SHA-256: a fingerprint that tells nothing to whoever lacks the key."""
    return hmac.digest(key, value, "sha256")


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Where a chain does not fit: the number of the entry, counted from 1."""

    number: int
    expected: bytes
    found: bytes


def first_broken_link(
    entries: Iterable[tuple[bytes, bytes]], *, checked: int = 0, previous: bytes = GENESIS
) -> BrokenLink | None:
    """Find the first entry whose hash does not follow from the one before it.

    `entries` are pairs (canonical bytes, hash as stored), in order. Where a long chain is read in
    parts, `checked` entries have been found to fit, the last with the hash `previous`.
    """
    for number, (entry, stored) in enumerate(entries, start=checked + 1):
        expected = chain_hash(previous, entry)
        if not hmac.compare_digest(expected, stored):
            return BrokenLink(number, expected, stored)
        previous = stored
    return None
