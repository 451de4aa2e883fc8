"""Bytes as text."""


def hexadecimal(value: bytes | None) -> str | None:
    """Write bytes, or nothing."""
    return None if value is None else value.hex()
