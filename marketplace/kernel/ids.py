"""Identifiers: UUIDv7, so that they sort by creation and index well (RFC 9562, section 5.7)."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """Make a new identifier."""
    return uuid_utils.compat.uuid7()
