"""The form of keys and sessions and what makes one count; pure.

A credential reads ``mk_<id>_<secret><check>``, all of it in base 62: `mk` says whose it is, so that
a leaked one can be searched for; the id finds its row; the secret has 256 bits; the check, a CRC-32
of what stands before it, tells a mistyped or truncated one from an unknown one without a look into
the database, and a scanner's real find from chance (the form GitHub's tokens have).

The database holds an HMAC-SHA-256 of the whole text under a key it does not have. No slow hash: the
secret is random and cannot be guessed.
"""

import ipaddress
import string
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, NotPermitted, invalid
from marketplace.kernel.limits import API_KEY_DAYS_MAX, API_KEYS_ACTIVE_MAX

SECRET_BYTES: Final = 32

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_ID_CHARACTERS: Final = 22  # 62^22 > 2^128
_SECRET_CHARACTERS: Final = 43  # 62^43 > 2^256
_CHECK_CHARACTERS: Final = 6  # 62^6 > 2^32


class CredentialKind(StrEnum):
    """What a credential is, by its prefix."""

    KEY = "mk"
    SESSION = "ms"


_KINDS: Final = {kind.value: kind for kind in CredentialKind}


@dataclass(frozen=True, slots=True)
class Credential:
    """A well-formed credential; `text` is what its fingerprint is made of and is never stored."""

    kind: CredentialKind
    id: UUID
    text: str

    def __repr__(self) -> str:
        return f"Credential({self.kind}, {self.id}, redacted)"


def make_credential(kind: CredentialKind, credential_id: UUID, secret: bytes) -> Credential:
    """Write a credential from its id and 32 random bytes."""
    if len(secret) != SECRET_BYTES:
        msg = f"a secret has {SECRET_BYTES} bytes"
        raise ValueError(msg)
    identified = f"{kind}_{_base62(credential_id.int, _ID_CHARACTERS)}"
    body = f"{identified}_{_base62(int.from_bytes(secret), _SECRET_CHARACTERS)}"
    return Credential(kind, credential_id, body + _check(body))


def read_credential(text: str) -> Credential | None:
    """Read a credential; None for anything that is not one."""
    prefix, _, rest = text.partition("_")
    identifier, _, secret = rest.partition("_")
    if prefix not in _KINDS or len(identifier) != _ID_CHARACTERS:
        return None
    if len(secret) != _SECRET_CHARACTERS + _CHECK_CHARACTERS:
        return None
    if not _VALUES.keys() >= set(identifier + secret):
        return None
    number = _number(identifier)
    if number >= 1 << 128 or _check(text[:-_CHECK_CHARACTERS]) != text[-_CHECK_CHARACTERS:]:
        return None
    return Credential(_KINDS[prefix], UUID(int=number), text)


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, value = divmod(number, 62)
        digits.append(_DIGITS[value])
    return "".join(reversed(digits))


def _number(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 62 + _VALUES[digit]
    return number


# What makes one count


@dataclass(frozen=True, slots=True)
class Term:
    """How long a key or session counts."""

    expires_at: datetime | None
    revoked_at: datetime | None

    def counts(self, at: datetime) -> bool:
        """Tell whether it is neither revoked nor expired; at the last instant it is expired."""
        if self.revoked_at is not None:
            return False
        return self.expires_at is None or at < self.expires_at


def check_new_key(existing: Iterable[Term], expires_at: datetime | None, at: datetime) -> None:
    """Refuse a key beyond the second that counts, or one that ends in the past or too late.

    Raises Conflict or InvalidInput at ``/expires_at``.
    """
    if expires_at is not None and expires_at <= at:
        raise invalid("/expires_at", "in_the_past", "A key expires in the future.")
    if expires_at is not None and expires_at > at + timedelta(days=API_KEY_DAYS_MAX):
        detail = f"A key that expires does so within {API_KEY_DAYS_MAX} days."
        raise invalid("/expires_at", "too_late", detail)
    if sum(term.counts(at) for term in existing) >= API_KEYS_ACTIVE_MAX:
        raise Conflict(
            f"This member has {API_KEYS_ACTIVE_MAX} active keys, enough to change them without a "
            "gap; revoke one first."
        )


def check_key_scopes(requested: Sequence[str] | None, held: Collection[str]) -> None:
    """Refuse scopes that the key's member, or whoever makes it, does not have himself."""
    for place, scope in enumerate(requested or ()):
        if scope not in held:
            detail = f"The member's roles do not give {scope!r}."
            raise invalid(f"/scopes/{place}", "scope_not_held", detail)
    if requested is not None and not requested:
        raise invalid("/scopes", "too_few", "A key without scopes can do nothing.")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def checked_networks(texts: Iterable[str], pointer: str) -> tuple[Network, ...]:
    """Read addresses and networks (``192.0.2.7``, ``2001:db8::/48``); raises InvalidInput."""
    networks = []
    for place, text in enumerate(texts):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError as error:
            detail = f"{text!r} is no address and no network: {error}"
            raise invalid(f"{pointer}/{place}", "invalid_address", detail) from error
    return tuple(networks)


def address_allowed(address: str, networks: Collection[Network] | None) -> bool:
    """Tell whether a key may be used from `address`; None allows every one.

    An IPv4 address that arrives mapped into IPv6 counts as itself.
    """
    if networks is None:
        return True
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped is not None:
        given = given.ipv4_mapped
    return any(given in network for network in networks)


def check_origin(origin: str | None, allowed: Collection[str], *, safe_method: bool) -> None:
    """Refuse a cookie that a foreign page sent; raises NotPermitted.

    A browser adds the cookie by itself, whoever wrote the page. `SameSite=Strict` keeps it home;
    this is the second lock. A write, and the handshake of a live channel, must name an allowed
    origin; a read may name none, for browsers leave it out on their own pages.
    """
    if origin is None and safe_method:
        return
    if origin not in allowed:
        raise NotPermitted(
            "A session cookie counts only for pages of this server; programs send a key instead."
        )
