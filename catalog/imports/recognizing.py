"""What a text file says of itself: its encoding, and what separates its fields. Pure."""

import codecs
import csv
from collections.abc import Callable
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")
_WINDOWS: Final = "windows-1252"


def recognize_encoding(sample: bytes) -> str | None:
    """Tell UTF-8 from Windows-1252 by the first bytes of a file; None while it is plain ASCII.

    What holds a character of several bytes in UTF-8 is UTF-8 (a row that is not has an error then);
    what has other bytes beyond ASCII is Windows-1252.
    """
    if sample.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")  # the end may cut a character
    return "utf-8" if any(c > "\x7f" for c in decoder.decode(sample)) else _WINDOWS


def decoded(data: bytes) -> str:
    """Decode a whole text file; raises UnicodeDecodeError where it is neither encoding."""
    return data.decode(recognize_encoding(data) or "ascii").removeprefix("\ufeff")


def recognize_separator(header: str, is_column: Callable[[str], bool]) -> str:
    """Give the separator by which a header names the most columns that are known.

    Where it names none, it is the one that makes the most fields.
    """

    def hits(separator: str) -> tuple[int, int]:
        names = header_names(header, separator)
        return sum(map(is_column, names)), len(names)

    return max(SEPARATORS, key=hits)


def header_names(header: str, separator: str) -> list[str]:
    """Give the fields of a header as names are compared."""
    try:
        fields = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []
    return [header_name(field) for field in fields]


def header_name(field: str) -> str:
    """Give a column's name as names are compared: ``Minimum Quantity`` is ``minimum_quantity``."""
    return "_".join(field.lower().split())
