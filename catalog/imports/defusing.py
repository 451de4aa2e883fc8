"""Texts that a spreadsheet would take for a formula, on their way out and back. Pure.

A cell that begins with one of ``= + - @``, a tab or a carriage return is run by spreadsheets. An
export puts an apostrophe before it, an import takes that off again: what went out comes back.
"""

import re
from typing import Final

FORMULA: Final = r"'*[=+\-@\t\r]"
"""How a text begins that a spreadsheet runs, or that an import would take for a defused one."""
_FORMULA: Final = re.compile(FORMULA)
_DEFUSED: Final = re.compile(r"'+[=+\-@\t\r]")


def defused(text: str) -> str:
    """Give a text as a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def undefused(text: str) -> str:
    """Give the text that `defused` made a cell of."""
    return text[1:] if _DEFUSED.match(text) else text
