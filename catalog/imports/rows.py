"""What files of all formats have in common: layouts, columns, and rows that are checked. Pure.

A reader takes bytes in chunks of any size and gives good rows; a row that cannot be read or breaks
a rule becomes errors that name line, column, reason and value, and the rows around it are read all
the same. What cannot be read to its end is `broken`: nothing of it should be taken.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from catalog.imports.decimals import DecimalMark, Unfit
from catalog.imports.defusing import undefused
from catalog.row_error import RowError
from marketplace.kernel.errors import MarketplaceError

__all__ = ["Column", "Exact", "FileReader", "Layout", "PlainRows", "Unfit"]

VALUE_CHARACTERS_SHOWN: Final = 100
"""How much of an offending value an error repeats."""

R = TypeVar("R")


class Exact(str):
    """The text of a value that was a number already: it has a decimal point, and no doubts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a layout: an empty field is None, unless `required`.

    `numeric` values may be written with a decimal comma. `plain` is a regular expression for values
    that need no further look, or, of a `vocabulary`, one look at each distinct value; see
    `catalog.imports.plain`.
    """

    name: str
    parse: Callable[[str], object]
    required: bool = False
    numeric: bool = False
    plain: str = ""
    vocabulary: bool = False


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """What a file of one kind holds.

    `make(line, *values)` builds the row from the columns' values, in their order; it may raise
    `Unfit` or an InvalidInput whose pointer names a column, for rules over several columns.
    `examples` fill the row of a template. A column of `families` stands for many: ``name`` for
    ``name.de`` and ``name.fr``; `make` is given their values last, by their whole names.
    """

    name: str
    columns: tuple[Column, ...]
    make: Callable[..., R]
    examples: tuple[str, ...] = ()
    families: tuple[Column, ...] = ()

    def find(self, name: str) -> Column | None:
        """Give the column with a name, None where there is none."""
        family, dot, member = name.partition(".")
        if dot and member:
            found = next((each for each in self.families if each.name == family), None)
            return None if found is None else replace(found, name=name)
        return next((each for each in self.columns if each.name == name), None)

    @property
    def told(self) -> str:
        """Tell which columns there are."""
        return ", ".join([*self.names, *(f"{each.name}.…" for each in self.families)])

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the columns."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows that were found good at one look: text for COPY, in `columns`, the line number first."""

    columns: tuple[str, ...]
    text: bytes
    row_count: int


class FileReader(Generic[R]):
    """Reads one file: `feed` it chunks, then `finish`; both give the good rows so far.

    `errors` gathers up to `errors_max`, `error_count` counts all. `broken` says that the rest of
    the file cannot be read: then nothing of it should be taken.
    """

    from_spreadsheet = False
    """Whether texts may carry the apostrophe of `catalog.imports.defusing`."""

    def __init__(
        self, layout: Layout[R], *, errors_max: int, mark: DecimalMark | None = None
    ) -> None:
        self.layout = layout
        self.errors: list[RowError] = []
        self.error_count = 0
        self.row_count = 0
        self.broken = False
        self.mark = mark or DecimalMark()
        self._errors_max = errors_max

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Take the next bytes; give the rows that are complete."""
        raise NotImplementedError

    def finish(self) -> Iterator[R | PlainRows]:
        """Take the end of the file; give the last rows."""
        raise NotImplementedError

    def make_row(self, line: int, fields: Iterable[tuple[Column, str]]) -> R | None:
        """Make a row of the texts of its columns; None, and errors, where it breaks a rule."""
        values: dict[str, object] = {}
        texts: dict[str, str] = {}
        errors_before = self.error_count
        missing = {column.name for column in self.layout.columns if column.required}
        for column, field in fields:
            text = undefused(field.strip()) if self.from_spreadsheet else field.strip()
            if not text:
                continue
            if isinstance(field, Exact):
                text = Exact(text)
            missing.discard(column.name)
            texts[column.name] = text
            try:
                doubtful = column.numeric and not isinstance(field, Exact)
                plain = self.mark.plain(text) if doubtful else text
                values[column.name] = column.parse(plain)
            except Unfit as unfit:
                self.refuse(line, column.name, unfit.code, unfit.detail, text)
        for name in sorted(missing):
            self.refuse(line, name, "missing", f"{name} must be given.", "")
        if self.error_count != errors_before:
            return None
        try:
            given = [values.pop(column.name, None) for column in self.layout.columns]
            return self.layout.make(line, *given, *((values,) if self.layout.families else ()))
        except Unfit as unfit:
            self.refuse(line, "", unfit.code, unfit.detail, "")
        except MarketplaceError as error:
            for wrong in error.errors:
                name = wrong.pointer.rsplit("/", 1)[-1]
                self.refuse(line, name, wrong.code, wrong.detail, texts.get(name, ""))
        return None

    def refuse(self, line: int, column: str, code: str, detail: str, value: str) -> None:
        """Note what is wrong with a row."""
        self.error_count += 1
        if len(self.errors) < self._errors_max:
            shown = value[:VALUE_CHARACTERS_SHOWN]
            error = RowError(line=line, column=column, code=code, detail=detail, value=shown)
            self.errors.append(error)

    def fatal(self, line: int, code: str, detail: str, value: str = "") -> None:
        """Note that the rest of the file cannot be read."""
        if not self.broken:
            self.refuse(line, "", code, detail, value)
        self.broken = True

    def check_names(self, line: int, names: Sequence[str]) -> bool:
        """Refuse columns that are unknown, there twice, or missing; such a file is broken."""
        seen: set[str] = set()
        wrong: dict[tuple[str, str], None] = {}
        for name in names:
            if self.layout.find(name) is None:
                wrong[name, "unknown_column"] = None
            elif name in seen:
                wrong[name, "column_twice"] = None
            seen.add(name)
        for column in self.layout.columns:
            if column.required and column.name not in seen:
                wrong[column.name, "column_missing"] = None
        for name, code in wrong:
            detail = f"A file of {self.layout.name} has the columns {self.layout.told}."
            self.refuse(line, name, code, detail, "")
        self.broken = self.broken or bool(wrong)
        return not wrong
