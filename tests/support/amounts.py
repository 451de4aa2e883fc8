"""Amounts that a text must not tell."""

import re


def tells(text: str | bytes, amount: str) -> bool:
    """Tell whether an amount stands in a text; seconds of an instant may have the same digits."""
    if isinstance(text, bytes):
        text = text.decode()
    return re.search(rf"(?<![\d:]){re.escape(amount)}", text) is not None
