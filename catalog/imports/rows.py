"""What files of all formats have in common: layouts, columns, and rows that are checked. Pure.

A reader takes bytes in chunks of any size and gives good rows; a row that cannot be read or breaks
a rule becomes errors that name line, column, reason and value, and the rows around it are read all
the same. What cannot be read to its end is `broken`: nothing of it should be taken.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from catalog.imports.decimals import DecimalMark, Unfit
from catalog.imports.defusing import is_shortened, undefused
from catalog.row_error import RowError
from marketplace.kernel.errors import MarketplaceError
from marketplace.kernel.limits import TITLE_ROWS_MAX

__all__ = ["Column", "Exact", "Faulty", "FileReader", "Layout", "PlainRows", "Rounded", "Unfit"]

VALUE_CHARACTERS_SHOWN: Final = 100
"""How much of an offending value an error repeats."""

R = TypeVar("R")


class Exact(str):
    """The text of a value that was a number already: it has a decimal point, and no doubts."""

    __slots__ = ()


class Faulty(str):
    """What stands in a cell whose formula gave an error."""

    __slots__ = ()


class Rounded(Exact):
    """A number with more digits than a spreadsheet keeps: its last ones are made up."""

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
        self._title: tuple[int, Sequence[str]] | None = None
        self._titles = 0
        self._where = "The file"

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
            missing.discard(column.name)
            texts[column.name] = text
            try:
                values[column.name] = self._value(column, field, text)
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

    def _value(self, column: Column, field: str, text: str) -> object:
        """Parse the text of a field; raises Unfit."""
        if self.from_spreadsheet:
            _check_cell(column, field)
        if isinstance(field, Exact):
            return column.parse(Exact(text))
        return column.parse(self.mark.plain(text) if column.numeric else text)

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

    def read_header(self, line: int, names: Sequence[str]) -> Sequence[Column | None] | None:
        """Give the columns that a row names, None for one without a name.

        Before the header there may be a title: a row that names no column is passed over, as long
        as one that names all that must be there may follow. None where the row is no header; what
        is unknown, there twice, or missing breaks the file.
        """
        while names and not names[-1]:
            names = names[:-1]
        named = [name for name in names if name]
        if not self.is_header(named, below_title=self._title is not None):
            self._title = self._title or (line, named)
            self._titles += 1
            if self._titles > TITLE_ROWS_MAX:
                self._without_header(self._title)
            return None
        return [self.layout.find(name) for name in names] if self._fit(line, named) else None

    def is_header(self, named: Sequence[str], *, below_title: bool) -> bool:
        """Tell whether a row with these names is the header; below a title only beyond doubt."""
        known = [name for name in named if self.layout.find(name) is not None]
        if not below_title:
            return bool(known)
        required = {column.name for column in self.layout.columns if column.required}
        return len(named) == len(known) > 1 and required.issubset(known)

    def _fit(self, line: int, named: Sequence[str]) -> bool:
        seen: set[str] = set()
        wrong: dict[tuple[str, str], None] = {}
        for name in named:
            if self.layout.find(name) is None:
                wrong[name, "unknown_column"] = None
            elif name in seen:
                wrong[name, "column_twice"] = None
            seen.add(name)
        for column in self.layout.columns:
            if column.required and column.name not in seen:
                wrong[column.name, "column_missing"] = None
        for name, code in wrong:
            detail = f"{_WRONG_NAME[code]} A file of {self.layout.name} has {self.layout.told}."
            self.refuse(line, name, code, detail, name)
        self.broken = self.broken or bool(wrong)
        return not wrong

    def ended_before_header(self, line: int) -> None:
        """Note that the file ended and no row of it names the columns."""
        if self._title is not None:
            self._without_header(self._title)
        else:
            detail = f"{self._where} is empty: its first row names the columns."
            self.fatal(line, "empty_file", detail)

    def _without_header(self, title: tuple[int, Sequence[str]]) -> None:
        line, named = title
        required = [column.name for column in self.layout.columns if column.required]
        must = f" {', '.join(required)} must be there." if required else ""
        detail = (
            f"{self._where} begins with a row that names its columns, in these words: "
            f"{self.layout.told}.{must} No row does."
        )
        self.fatal(line, "no_header", detail, ", ".join(named))

    def row_of(
        self, line: int, columns: Sequence[Column | None], fields: Sequence[str]
    ) -> Iterator[R]:
        """Give the row of these fields, if it is good; what is in no column must be empty."""
        pairs = list(zip(columns, fields, strict=False))
        if self._tells_beyond(line, [field for column, field in pairs if column is None]):
            return
        row = self.make_row(line, [(column, field) for column, field in pairs if column])
        if row is not None:
            yield row

    def _tells_beyond(self, line: int, fields: Iterable[str]) -> bool:
        """Refuse a row with something in a field of no column."""
        told = next((field for field in fields if field.strip()), None)
        if told is None:
            return False
        detail = "This stands in a column that the header does not name."
        self.refuse(line, "", "no_column", detail, told)
        return True


def _check_cell(column: Column, field: str) -> None:
    """Refuse what a spreadsheet made of a cell and is no value of anybody's; raises Unfit."""
    if isinstance(field, Faulty):
        detail = "The formula in this cell gives an error, such as #N/A; mend it or empty the cell."
        raise Unfit("error_cell", detail)
    if isinstance(field, Rounded) or (not column.numeric and is_shortened(field.strip())):
        raise Unfit(
            "digits_lost",
            "A spreadsheet took this for a number and keeps 15 digits of one. Give the column the "
            "format text, and enter it once more. (If it is written so, put an apostrophe before.)",
        )


_WRONG_NAME: Final = {
    "unknown_column": "This is none of the columns.",
    "column_twice": "This column is there twice.",
    "column_missing": "This column must be there.",
}
