"""Many rows at one look. Pure.

A file of a million prices is mostly rows of which nothing need be said: a regular expression made
of its header finds them good at a sixth of what it costs to take each apart. A block in which one
row is not so plain (a quote, a blank, a date that does not exist, a rule broken) is read row by
row, by the same rules as ever; what comes out is the same.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from catalog.imports.decimals import Unfit
from catalog.imports.defusing import SHORTENED
from catalog.imports.rows import Column, Layout, PlainRows
from marketplace.kernel.errors import MarketplaceError

CODE: Final = rf"(?!\s|'+[=+@-]|'*{SHORTENED})" r"[^{sep}\\\x00-\x1f\x7f\"]{{1,64}}(?<!\s)"
AMOUNT: Final = r"[0-9]{{1,18}}(?:{mark}[0-9]{{1,6}})?"
WHOLE: Final = r"[1-9][0-9]{{0,17}}"
WORD: Final = r"[0-9A-Za-z:.+-]+"
INSTANT: Final = (
    r"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
    r"(?:T[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}}))?"
)
"""As Postgres reads it too: of dates with points it takes the month first, of weeks it has none."""


class PlainForm:
    """The plain rows of a file with this header and separator."""

    def __init__(self, layout: Layout[Any], header: Sequence[Column], separator: str) -> None:
        self._layout = layout
        self._header = tuple(header)
        self._separator = separator
        self._columns = ("line", *(column.name for column in header))
        self._vocabulary = [column for column in header if column.vocabulary]
        self._seen: set[Any] = set()
        self._patterns: dict[str | None, re.Pattern[str]] = {}
        self.possible = all(column.plain for column in header) and bool(self._vocabulary)

    def _pattern(self, mark: str | None) -> re.Pattern[str]:
        made = self._patterns.get(mark)
        if made is None:
            # A comma in a code would become a point with the others.
            separator = re.escape(self._separator) + ("," if mark == "," else "")
            of_mark = "(?!)" if mark is None else re.escape(mark)
            fields = []
            for column in self._header:
                field = column.plain.format(sep=separator, mark=of_mark)
                field = f"(?:{field})" if column.required else f"(?:{field})?"
                fields.append(f"({field})" if column.vocabulary else field)
            made = re.compile("^" + re.escape(self._separator).join(fields) + "\r?\n", re.MULTILINE)
            self._patterns[mark] = made
        return made

    def read(self, block: str, first_line: int, mark: str | None) -> PlainRows | None:
        """Give the rows of a block of whole lines; None where one of them needs a closer look."""
        if mark == self._separator:
            return None
        found = self._pattern(mark).findall(block)
        if not found or len(found) != block.count("\n"):
            return None
        if not all(self._fit(words) for words in set(found) - self._seen):
            return None
        text = block.replace("\r\n", "\n").replace(self._separator, "\t")
        if mark == ",":
            text = text.replace(",", ".")
        lines = text.split("\n")
        lines.pop()
        numbered = "\n".join([f"{n}\t{line}" for n, line in enumerate(lines, first_line)])
        return PlainRows(self._columns, f"{numbered}\n".encode(), len(lines))

    def _fit(self, words: str | tuple[str, ...]) -> bool:
        """Tell whether words that stand in one row are good, alone and beside each other."""
        texts = (words,) if isinstance(words, str) else words
        values: dict[str, Any] = {
            column.name: column.parse(column_example)
            for column, column_example in zip(
                self._layout.columns, self._layout.examples, strict=True
            )
            if column.required
        }
        try:
            for column, text in zip(self._vocabulary, texts, strict=True):
                values[column.name] = column.parse(text) if text else None
            self._layout.make(1, *(values.get(name) for name in self._layout.names))
        except (Unfit, MarketplaceError):
            return False
        self._seen.add(words)
        return True
