"""A sheet as values: facts, texts, tables and pictures; nothing of it is markup.

All texts are finished for the reader: `reader.Reader` writes amounts, dates and numbers. The page
and the PDF are made from the same sheet, so they cannot say different things.
"""

from typing import Literal

import msgspec


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One text of a table or fact; `link` leads to its source, relative to the API's address.

    A `code` is a hash or id, which may be broken anywhere.
    """

    text: str
    link: str | None = None
    strong: bool = False
    code: bool = False


class Fact(msgspec.Struct, frozen=True):
    """A name and what it is."""

    name: str
    value: Cell


class Column(msgspec.Struct, frozen=True):
    """A column; numbers stand at the right.

    `width` is its part of the free width; 0 is as narrow as its texts.
    """

    heading: str
    right: bool = False
    width: int = 0


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows under headings that are repeated on each page; `last` is a total."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    last: tuple[Cell, ...] | None = None


class Picture(msgspec.Struct, frozen=True):
    """A plot: its SVG for print, its address for the page."""

    svg: str
    address: str
    description: str


class Section(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part with a heading, of level 1 or 2."""

    heading: str
    level: Literal[1, 2] = 1
    texts: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Sheet(msgspec.Struct, frozen=True):
    """A document: what it is (`kind`), its title and facts, its sections, the notes at its end.

    A `wide` one is printed in landscape.
    """

    kind: str
    title: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    wide: bool = False


def fact(name: str, text: str, *, link: str | None = None, code: bool = False) -> Fact:
    """Make a fact of a plain text."""
    return Fact(name, Cell(text, link=link, code=code))


def row(*cells: str | Cell) -> tuple[Cell, ...]:
    """Make a row, plain texts and cells mixed."""
    return tuple(Cell(each) if isinstance(each, str) else each for each in cells)
