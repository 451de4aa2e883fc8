"""The formats an auction can have: one file of rules each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auctions.engine.formats import dutch, english, japanese, sealed, staged, vickrey
from auctions.engine.formats.protocol import Bounds, FormatRules
from auctions.engine.terms import Format

FORMATS: Final[Mapping[Format, FormatRules]] = MappingProxyType(
    {
        Format.ENGLISH: english,
        Format.SEALED: sealed,
        Format.VICKREY: vickrey,
        Format.DUTCH: dutch,
        Format.JAPANESE: japanese,
        Format.STAGED: staged,
    }
)

__all__ = ["FORMATS", "Bounds", "FormatRules"]
