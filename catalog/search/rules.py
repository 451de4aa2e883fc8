"""What a text asks of the catalog; pure."""

from typing import Final

import msgspec

WORDS_MAX: Final = 8
"""Words of a search that count; more only repeat themselves."""
_LAST_CHARACTER: Final = "\U0010ffff"


class Search(msgspec.Struct, frozen=True):
    """A text as patterns: every one must match; or the SKU begins with the whole text."""

    patterns: tuple[str, ...]
    sku: str

    @property
    def leading_pattern(self) -> str:
        """Give the pattern of the longest word: the rarest, as far as one can tell."""
        return max(self.patterns, key=len)

    @property
    def sku_end(self) -> str:
        """Give the end of the range of SKUs that begin with the text, itself excluded."""
        return self.sku + _LAST_CHARACTER


def search_of(text: str | None) -> Search | None:
    """Read a search; None where it names no word."""
    words = (text or "").lower().split()
    if not words:
        return None
    escaped = (
        word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        for word in words[:WORDS_MAX]
    )
    return Search(tuple(f"%{word}%" for word in escaped), " ".join(words))
