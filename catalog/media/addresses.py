"""Addresses of uploaded media: how they are written, and told from links; pure.

In the API such an address is a path, as in `Link`; in files that leave us it is whole. Both name
the same medium when they come back.
"""

import re
from typing import Final
from uuid import UUID

MEDIA_PATH: Final = "/v1/media/"
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MEDIUM_PATTERN: Final = f"{MEDIA_PATH}{_ID}"
_MEDIUM: Final = re.compile(f"{MEDIA_PATH}({_ID})")


def address_of(medium_id: UUID) -> str:
    """Give the address of an uploaded medium."""
    return f"{MEDIA_PATH}{medium_id}"


def medium_at(address: str) -> UUID | None:
    """Give the uploaded medium at an address; None for a link."""
    found = _MEDIUM.fullmatch(address)
    return None if found is None else UUID(found[1])


def as_kept(address: str, public_url: str) -> str:
    """Give an address as it is kept: one of ours without the place at which we are reached."""
    path = address.removeprefix(public_url.rstrip("/"))
    return address if medium_at(path) is None else path


def whole(address: str, public_url: str) -> str:
    """Give an address as others can follow it."""
    return address if medium_at(address) is None else public_url.rstrip("/") + address
