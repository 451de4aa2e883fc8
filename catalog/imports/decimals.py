"""Decimal comma or decimal point: one file has one of them, and nobody guesses. Pure.

A number with a mark that is followed by exactly three digits, and led by one to three of which the
first is no zero, may be read both ways: ``1,234`` is 1234 to one company and 1.234 to another, a
thousandfold price. What the rest of the file writes decides; where nothing does, the sender must.
``1.234,50``, ``1.234.567`` and ``1 234`` can be read one way only: thousands are parted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast

Mark = Literal[".", ","]

_MARKED: Final = re.compile(r"-?[0-9]+([.,])[0-9]+")
_UNCLEAR: Final = re.compile(r"-?[1-9][0-9]{0,2}[.,][0-9]{3}")
_GROUPED: Final = re.compile(
    r"(-?[1-9][0-9]{0,2}(?P<parting>[., '\u2019\u00a0\u2009\u202f])[0-9]{3}"
    r"(?:(?P=parting)[0-9]{3})*)(?:(?P<mark>[.,])(?P<places>[0-9]+))?"
)
_NAMES: Final = {".": "a decimal point", ",": "a decimal comma"}


class Unfit(Exception):
    """A value does not fit its column; raised by the column's parser."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def decisive(text: str) -> Mark | None:
    """Give the decimal mark that a number shows beyond doubt; None where it shows none."""
    found = _MARKED.fullmatch(text)
    if found is None:
        grouped = _grouped(text)
        return None if grouped is None else grouped[1]
    if _UNCLEAR.fullmatch(text):
        return None
    return "," if found[1] == "," else "."


def _grouped(text: str) -> tuple[str, Mark | None] | None:
    """Give a number whose thousands are parted without that, and the decimal mark it shows.

    None for what is no such number; one that may be read in two ways is none, but `_MARKED`.
    """
    found = _GROUPED.fullmatch(text)
    if found is None or found["parting"] == found["mark"]:
        return None
    whole, parting = found[1].replace(found["parting"], ""), found["parting"]
    mark = found["mark"] or {".": ",", ",": "."}.get(parting)
    number = whole if found["places"] is None else f"{whole}.{found['places']}"
    return number, cast("Mark | None", mark)


@dataclass(slots=True)
class DecimalMark:
    """The decimal mark of one file: said by the sender, or by the first number that shows it."""

    mark: Mark | None = None

    def learn(self, texts: Iterable[str]) -> None:
        """Look at the first numbers of a file; those that follow are read in this light."""
        for text in texts:
            if self.mark is None:
                self.mark = decisive(text)

    def plain(self, text: str) -> str:
        """Give a number with a decimal point.

        What is no number at all is given back as it is, for its column to refuse. Raises Unfit for
        a number that can be read in two ways, or contradicts the numbers before it.
        """
        found = _MARKED.fullmatch(text)
        if found is None:
            return self._without_thousands(text)
        if self.mark is None:
            self.mark = decisive(text)
            if self.mark is None:
                raise Unfit(
                    "ambiguous_decimal",
                    "This may be read in two ways: the mark may part decimals or thousands, and "
                    "no number before it tells. Say decimal=comma or decimal=point.",
                )
        if found[1] != self.mark:
            raise _mixed(self.mark)
        return text.replace(",", ".")

    def _without_thousands(self, text: str) -> str:
        grouped = _grouped(text)
        if grouped is None:
            return text
        number, mark = grouped
        if self.mark is None:
            self.mark = mark
        elif mark not in {None, self.mark}:
            raise _mixed(self.mark)
        return number


def _mixed(mark: Mark) -> Unfit:
    return Unfit(
        "mixed_decimals",
        f"This file writes numbers with {_NAMES[mark]}; this one has the other mark. If it parts "
        "thousands, leave it out.",
    )
