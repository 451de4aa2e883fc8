"""Texts that a spreadsheet would take for a formula, on their way out and back. Pure.

A cell that begins with one of ``= + - @``, a tab or a carriage return is run by spreadsheets. An
export puts an apostrophe before it, an import takes that off again: what went out comes back.

The same is done to a text such as ``1.23E+15``: a spreadsheet takes it for a number, and it is what
a spreadsheet leaves of a long one. Without an apostrophe nobody knows whose number it was.
"""

import re
from typing import Final

SHORTENED: Final = r"[0-9](?:[.,][0-9]+)?E\+[0-9]"
_TAKEN: Final = rf"(?:[=+\-@\t\r]|{SHORTENED})"
FORMULA: Final = rf"'*{_TAKEN}"
"""How a text begins that a spreadsheet takes for something else, or an import for a defused one."""
_FORMULA: Final = re.compile(FORMULA)
_DEFUSED: Final = re.compile(rf"'+{_TAKEN}")
_SHORTENED: Final = re.compile(rf"{SHORTENED}+")


def defused(text: str) -> str:
    """Give a text as a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def undefused(text: str) -> str:
    """Give the text that `defused` made a cell of."""
    return text[1:] if _DEFUSED.match(text) else text


def is_shortened(text: str) -> bool:
    """Tell whether a text is what a spreadsheet leaves of a long number."""
    return _SHORTENED.fullmatch(text) is not None
