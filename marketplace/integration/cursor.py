"""Cursors of the feed: a place in it that tells its holder nothing and works for nobody else; pure.

A cursor is the number of the last event read, sealed with AES-SIV (RFC 5297) for one company. The
number stays inside: from the numbers of its own events a company could read how much all others do.
SIV needs no nonce, so the same place is the same cursor.
"""

import base64
import binascii
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from marketplace.platform.http.paging import no_cursor

_FORM: Final = b"feed cursor 1"
_NUMBER_BYTES: Final = 8


_NOT_OURS: Final = str.maketrans("+/", "  ")
"""What `base64` takes for - and _; a cursor has one form."""


class CursorSeal:
    """Seals and opens cursors with one key of 32 bytes."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, company_id: UUID, number: int) -> str:
        """Give the cursor of a company behind the event `number`."""
        sealed = self._cipher.encrypt(number.to_bytes(_NUMBER_BYTES), [_FORM, company_id.bytes])
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, company_id: UUID, cursor: str) -> int:
        """Give the number behind a cursor; raises MalformedRequest for one that is not theirs."""
        try:
            ours = cursor.translate(_NOT_OURS).encode()
            sealed = base64.b64decode(ours, altchars=b"-_", validate=True)
            number = self._cipher.decrypt(sealed, [_FORM, company_id.bytes])
        except (binascii.Error, ValueError, InvalidTag):
            detail = "This is no cursor of your company's feed; begin with after=0."
            raise no_cursor(detail) from None
        return int.from_bytes(number)
